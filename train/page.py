"""The page of a run's pictures: what the run is, and each picture with what it says of it."""

import html

from train import verdict
from train.errors import percent
from train.report import NAMES

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font-family: system-ui, sans-serif; line-height: 1.55; max-width: 46rem; margin: auto;
  padding: 1rem; }}
h1, h2 {{ line-height: 1.2; }}
h2 {{ margin-top: 3rem; }}
nav {{ margin-top: 1.5rem; display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; }}
figure {{ margin: 0; }}
img {{ max-width: 100%; height: auto; background: white; border-radius: 0.4rem; }}
figcaption p {{ margin: 0.6rem 0 0; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: 0.15rem 1rem 0.15rem 0; text-align: left; font-variant-numeric: tabular-nums; }}
td + td, th + th {{ white-space: nowrap; }}
</style>
</head>
<body>
<h1>{title}</h1>
{facts}
<nav>
{links}
</nav>
{figures}
{left_out}</body>
</html>
"""
FIGURE = """\
<h2 id="{name}">{heading}</h2>
<figure>
<img src="{name}{suffix}" alt="{alt}" loading="lazy">
<figcaption>
<p>{caption}</p>{finding}
</figcaption>
</figure>
"""


def of_run(run, pictures, left_out):
    """The text of the page.

    Args:
        run: a `Run`.
        pictures: those that apply, by name, in order.
        left_out: lines on the others.
    """
    return PAGE.format(
        title=html.escape(f"{run.model.title} on {run.data.name}"),
        facts="\n".join(facts(run)),
        links="\n".join(f'<a href="#{name}">{heading(name)}</a>' for name in pictures),
        figures="\n".join(
            FIGURE.format(
                name=name,
                suffix=picture.suffix,
                heading=heading(name),
                alt=html.escape(picture.alt),
                caption=html.escape(picture.caption),
                finding=finding(picture.finding),
            )
            for name, picture in pictures.items()
        ),
        left_out=list_of(left_out),
    )


def finding(text):
    """What a picture says of this run, as a paragraph; nothing where it says nothing."""
    return f"\n<p><strong>In this run:</strong> {html.escape(text)}</p>" if text else ""


def heading(name):
    """The title of a picture."""
    return name.replace("-", " ").capitalize().replace(" m1", " of M1")


def facts(run):
    """What the run is and how it ended, in paragraphs and a table of errors."""
    data, result = run.data, run.folder.result
    classes = f", {data.num_classes} classes" if data.num_classes else ""
    lines = [
        f"{len(data.x_train):,} training examples, {data.num_labeled} of them with a label; "
        f"{len(data.x_valid):,} for validation, {len(data.x_test):,} for the test; "
        f"{data.num_features} features{classes}; seed {run.folder.seed}."
    ]
    if result.get("seconds") is not None:
        lines.append(f"Trained for {result['seconds']:.0f} seconds.")
    yield paragraph(" ".join(lines))
    name = NAMES.get(run.folder.config.get("model"))
    if "verdict" in result:
        for line in verdict.lines(name, result):
            yield paragraph(line.strip()[:1].upper() + line.strip()[1:] + ".")
    if result.get("baselines"):
        yield errors({name: result, **result["baselines"]})


def errors(found):
    """A table of test errors with their intervals."""
    rows = ["<tr><th></th><th>test error</th><th>95 % interval</th></tr>"]
    for name, each in sorted(found.items(), key=lambda pair: pair[1]["test_error"]):
        low, high = each["interval"]
        cells = (name, percent(each["test_error"]), f"{100 * low:.1f} to {100 * high:.1f} %")
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def paragraph(text):
    return f"<p>{html.escape(text)}</p>"


def list_of(lines):
    """Why some pictures are left out; nothing where none is."""
    if not lines:
        return ""
    items = "\n".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<h2>Left out</h2>\n<ul>\n{items}\n</ul>\n"
