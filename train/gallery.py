"""`python -m train figures`: the pictures of a run in one folder, with a page that shows them."""

import dataclasses
import html
from pathlib import Path
from typing import Annotated

import tyro

import keras_dgm as dgm
from keras_dgm.runs import run_folder
from train import runs
from train.pictures import PICTURES
from train.settings import Positive

INDEX = "index.html"
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; line-height: 1.5; max-width: 60rem; margin: auto; padding: 1rem; }}
figure {{ margin: 2rem 0; }}
img {{ max-width: 100%; height: auto; }}
</style>
</head>
<body>
<h1>{title}</h1>
{figures}
{left_out}</body>
</html>
"""
FIGURE = """\
<figure id="{name}">
<img src="{name}.png" alt="{alt}" loading="lazy">
<figcaption>{caption}</figcaption>
</figure>
"""


@dataclasses.dataclass(frozen=True)
class FiguresConfig:
    """Draw what the model of a run generates and how it sees data, and write an index.html."""

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that `python -m train fit` wrote."""
    output: Path | None = None
    """Where to write; by default the folder `figures` of the run."""
    data_dir: Path | None = None
    """Where the data is; by default as the run was told."""
    dpi: Positive = 100
    """Pixels per inch."""


def write(config):
    """Write the pictures that apply, and the page; return the path of the page.

    Raises:
        ValueError: before anything is written, if the run or the folder is at fault.
    """
    output = config.output or config.run / run_folder.FIGURES
    run = runs.load(config.run, config.data_dir)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"`output` must be a folder, got {output} ({error.strerror})") from error
    figures, left_out = [], []
    for name, draw in PICTURES.items():
        file = output / f"{name}.png"
        try:
            picture = draw(run)
        except (runs.DoesNotApply, dgm.Unsupported) as reason:
            left_out.append(f"{name}: {reason}")
            if (output / INDEX).exists():
                file.unlink(missing_ok=True)  # of an earlier run
            continue
        picture.figure.savefig(file, dpi=config.dpi)
        print(f"{file}: {picture.caption}", flush=True)
        figures.append(
            FIGURE.format(
                name=name, alt=html.escape(picture.alt), caption=html.escape(picture.caption)
            )
        )
    page = PAGE.format(
        title=html.escape(f"{run.model.title} on {run.data.name}"),
        figures="\n".join(figures),
        left_out=_list_of(left_out),
    )
    (output / INDEX).write_text(page, encoding="utf-8")
    return output / INDEX


def _list_of(lines):
    if not lines:
        return ""
    items = "\n".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<h2>Left out</h2>\n<ul>\n{items}\n</ul>\n"
