"""`python -m train figures`: the pictures of a run in one folder, with a page that shows them."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

import keras_dgm as dgm
from keras_dgm.runs import run_folder
from train import page, runs
from train.picture import METADATA, save
from train.pictures import PICTURES
from train.settings import Positive

INDEX = "index.html"


@dataclasses.dataclass(frozen=True)
class FiguresConfig:
    """Draw what the model of a run generates and how it sees data, and write an index.html."""

    run: Annotated[Path, tyro.conf.Positional]
    """A folder that `fit` wrote."""
    output: Path | None = None
    """Where to write; by default the folder `figures` of the run."""
    data_dir: Path | None = None
    """Where the data is; by default as the run was told."""
    dpi: Positive = 100
    """Pixels per inch of what is no line drawing."""


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
    pictures, left_out = {}, []
    for name, draw in PICTURES.items():
        picture = None
        try:
            picture = draw(run)
        except (runs.DoesNotApply, dgm.Unsupported) as reason:
            left_out.append(f"{name}: {reason}")
        if (output / INDEX).exists():  # What an earlier run left.
            for suffix in METADATA:
                (output / f"{name}{suffix}").unlink(missing_ok=True)
        if picture is None:
            continue
        file = output / f"{name}{picture.suffix}"
        save(picture.figure, file, config.dpi)
        print(f"{file}: {picture.finding or picture.caption}", flush=True)
        pictures[name] = picture
    (output / INDEX).write_text(page.of_run(run, pictures, left_out), encoding="utf-8")
    return output / INDEX
