"""The tables, out of the finished cells alone."""

from keras_dgm.runs.files import write_json
from train.experiments.compare import summary
from train.experiments.compare.methods import METHODS, OURS

NONE = "–"
# Classes are uneven where the rarest has less than half of an even share.
UNEVEN = 0.5
HEAD = """# Classifiers on the same few labels

Written by `python -m train compare --report` from the files beside it; `summary.json` holds the
numbers. Test errors in %, mean ± standard error over draws, the lowest in bold.

- Data sets without a number: 5 draws of 10 labels a class. At most 10,000 rows and a third are held
  out for the test, in proportion to the classes (Fashion-MNIST: its own 10,000); 10,000 rows at
  most of the others are unlabelled.
- `ssl_*-LABELS`: the benchmark of Chapelle, Schölkopf and Zien (2006) with its 12 official splits;
  the rows without a label are both unlabelled and the test.
- Every method sees the same rows. The baselines are tuned by stratified cross-validation on the
  labelled rows alone, in 5 folds or as many as the rarest class has labels; where that is one, the
  first setting of the grid is taken. Self-training and the TSVM see 2,000 unlabelled rows while
  they are tuned, and all of them in the end.
- The baselines see standardised columns, with the median for a missing entry; counts of which 90 %
  are zero as TF-IDF of length 1, other such sparse data as rows of length 1. Probabilities of the
  two SVMs are a softmax of their decision values, at the temperature of least log loss in
  cross-validation. The TSVM has 300 landmarks.
- Seconds are of a machine that had other work as well; CPU seconds are those of all threads.
"""


def report(config):
    """Write README.md and summary.json beside the cells, and return the former.

    Raises:
        ValueError: if there are no cells, or their settings disagree.
    """
    found = summary.read(config.results)
    if not found:
        raise ValueError(f"`results` must hold finished cells, got {config.results}")
    facts = summary.summarise(found)
    text = markdown(facts)
    write_json(config.results / "summary.json", facts)
    (config.results / "README.md").write_text(text, encoding="utf-8")
    return text


def markdown(facts):
    """All tables of a summary."""
    uneven = {
        name: of_problem
        for name, of_problem in facts["problems"].items()
        if of_problem["rows"]["rarest"] * of_problem["rows"]["classes"] < UNEVEN
    }
    finished = f"## Over the {len(facts['ranked'])} problems that all methods have finished\n"
    parts = [HEAD, finished, methods_table(facts)]
    if facts["ours"]:
        parts += ["## keras_dgm and the best baseline\n", ours_text(facts["ours"])]
        parts += [differences_table(facts)]
    parts += ["## Test error, %\n", errors_table(facts, facts["problems"], "error")]
    if uneven:
        parts += ["## Balanced error, %, where classes are uneven\n"]
        parts += [errors_table(facts, uneven, "balanced_error")]
    return "\n".join(parts)


def methods_table(facts):
    """A column for each method, the best mean rank first."""
    methods = sorted(facts["methods"].values(), key=lambda m: m["mean_rank"] or 0)

    def row(title, key, factor=1, digits=2):
        return [title, *(number(method[key], factor, digits) for method in methods)]

    return table(
        ["", *(method["title"] for method in methods)],
        [
            row("mean rank", "mean_rank"),
            row("mean rank by balanced error", "mean_rank_balanced"),
            row("lowest error, problems", "wins", digits=0),
            row("mean error, %", "mean_error", 100),
            row("the same of Chapelle's six, 100 labels", "six", 100),
            row("expected calibration error, %", "mean_ece", 100),
            row("seconds", "mean_seconds", digits=1),
            row("CPU seconds", "mean_cpu_seconds", digits=1),
        ],
    )


def ours_text(ours):
    """Our counts, in a sentence each."""
    worse = ", ".join(ours["more_than_2_points_worse"]) or "none"
    return (
        f"Of {ours['problems']} problems, keras_dgm errs less than every baseline on "
        f"{ours['better_than_every_baseline']}. More than 2 points worse than the best baseline: "
        f"{worse}. Its expected calibration error is at most that of the best baseline on "
        f"{ours['ece_at_most_the_best_baseline_s']}.\n"
    )


def differences_table(facts):
    """Ours minus the best baseline, paired by draw."""
    head = ["", "keras_dgm", "best baseline", "", "paired difference"]
    rows = []
    for name, of_problem in facts["problems"].items():
        if "difference" in of_problem:
            best, methods = of_problem["best_baseline"], of_problem["methods"]
            rows += [
                [
                    name,
                    spread(methods[OURS]["error"]),
                    spread(methods[best]["error"]),
                    METHODS[best].title,
                    spread(of_problem["difference"], sign="+"),
                ]
            ]
    return table(head, rows)


def errors_table(facts, chosen, measure):
    """A line for each of the chosen problems, a column for each method."""
    names = list(facts["methods"])
    head = ["", "labels", "columns", "classes", *(METHODS[name].title for name in names)]
    return table(
        head,
        [
            [
                name,
                *(str(of_problem["rows"][key]) for key in ("labeled", "columns", "classes")),
                *errors(of_problem["methods"], names, measure),
            ]
            for name, of_problem in chosen.items()
        ],
    )


def errors(methods, names, measure):
    """Mean ± standard error of each method, the lowest in bold, and how many draws if not all."""
    lowest = min(facts[measure][0] for facts in methods.values())
    most = max(facts["draws"] for facts in methods.values())
    texts = []
    for name in names:
        text = NONE
        if name in methods:
            facts = methods[name]
            text = spread(facts[measure])
            text = f"**{text}**" if facts[measure][0] == lowest else text
            text += f" ({facts['draws']})" if facts["draws"] < most else ""
        texts.append(text)
    return texts


def spread(mean_and_error, sign=""):
    """Mean ± standard error, in %."""
    mean, error = mean_and_error
    text = f"{100 * mean:{sign}.2f}"
    return text if error is None else f"{text} ± {100 * error:.2f}"


def number(value, factor=1, digits=2):
    return NONE if value is None else f"{factor * value:.{digits}f}"


def table(head, rows):
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
