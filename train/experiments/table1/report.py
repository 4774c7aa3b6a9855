"""The table, out of the finished cells alone."""

from keras_dgm.runs import files
from train.experiments.table1 import cells, grid
from train.report import mean_and_error

START, END = "<!-- table1 -->\n", "<!-- /table1 -->"
NO_DRAW = "–"
OURS = "M1+M2"
DATASETS = {"svhn_cropped": "SVHN", "smallnorb": "small NORB"}


def table(folder):
    """The table in Markdown.

    Args:
        folder: of the finished cells.

    Raises:
        ValueError: if a cell was trained with another recipe than it has today.
    """
    head = ["all" if labels is None else labels for labels in grid.LABELS]
    lines = [_line(["labels", *head]), _line(["---"] * (1 + len(head)))]
    others = [_line(["1000 labels", "here", "paper"]), _line(["---"] * 3)]
    of_mnist = {}
    for row in grid.ROWS:
        found = results(row, folder)
        if row.dataset == "mnist":
            of_mnist[row.title] = found
            drawn = [shown(found.get(labels, [])) for labels in grid.LABELS]
            lines += [_line([f"**{row.title}**", *drawn])]
            by_bayes = [shown(found.get(labels, []), "test_error_of_p") for labels in grid.LABELS]
            if set(by_bayes) != {NO_DRAW}:
                lines += [_line([f"{row.title}, by p(y\\|x)", *by_bayes])]
            for name, published in (("paper", row.paper), ("target", row.target)):
                if published:
                    texts = [published.get(labels, "") for labels in grid.LABELS]
                    lines += [_line([f"{row.title}, {name}", *texts])]
        else:
            title = f"{DATASETS[row.dataset]}, {row.title}"
            here = shown(found[1000]) if 1000 in found else "not run here"
            others += [_line([title, here, row.paper[1000]])]
    return "\n".join([*lines, "", *differences(of_mnist), "", *others]) + "\n"


def differences(of_rows):
    """Lines of what every row errs more than M1+M2, on the draws that both have.

    Args:
        of_rows: what `results` returns, by the title of the row.
    """
    head = ["all" if labels is None else labels for labels in grid.LABELS]
    lines = [_line([f"more than {OURS}, paired", *head]), _line(["---"] * (1 + len(head)))]
    for title in of_rows:
        if title != OURS:
            pairs = [
                paired(of_rows[title].get(labels, []), of_rows[OURS].get(labels, []))
                for labels in grid.LABELS
            ]
            lines += [_line([title, *pairs])]
    return lines


def paired(column, other):
    """Mean ± standard error of the differences of errors in %, and over how many draws."""
    of_other = {result["seed"]: result["test_error"] for result in other}
    return shown(
        [
            {"test_error": result["test_error"] - of_other[result["seed"]]}
            for result in column
            if result["seed"] in of_other
        ]
    )


def results(row, folder):
    """The contents of a row's finished cells, lists by the number of labels.

    Raises:
        ValueError: if one was trained with another recipe than it has today.
    """
    found: dict[int | None, list] = {}
    for cell in (cell for cell in grid.cells() if cell.row is row):
        result = files.read_json(folder / f"{cell.name}.json", missing_ok=True)
        if result is None:
            continue
        if not cells.is_of_today(cell, result):
            raise ValueError(
                f"`results` must hold cells of today's recipes, got {cell.name} of another; "
                "run `python -m train table1` to bring it up to date"
            )
        found.setdefault(cell.num_labeled, []).append(result)
    return found


def shown(column, key="test_error"):
    """Mean ± standard error of the errors in %, and the number of draws that have one."""
    errors = [100 * result[key] for result in column if key in result]
    if not errors:
        return NO_DRAW
    mean, error = mean_and_error(errors)
    spread = "" if error is None else f" ± {error:.2f}"
    return f"{mean:.2f}{spread} ({len(errors)})"


def write(config):
    """Put the table between its two markers in its page, and return it.

    Raises:
        ValueError: if the file lacks a marker.
    """
    text = config.page.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"`page` must hold the lines {START.strip()} and {END}, got {config.page}")
    content = table(config.results)
    config.page.write_text(before + start + content + end + after, encoding="utf-8")
    return content


def _line(texts):
    return "| " + " | ".join(map(str, texts)) + " |"
