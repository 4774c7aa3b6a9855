"""Small data sets in the layout of the shared ones."""

import os
from pathlib import Path

import numpy as np
import pytest

from train.experiments.compare import problems
from train.experiments.compare.problems import Problem

SHARED_DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"


def blobs(rows, columns, num_classes, seed=0):
    """Raw columns of different scales, a third of the rows of class 0 and the rest even."""
    rng = np.random.default_rng(seed)
    y = rng.integers(num_classes, size=rows)
    y[: rows // 3] = 0
    centres = 3 * rng.normal(size=(num_classes, columns))
    x = (centres[y] + rng.normal(size=(rows, columns))) * np.geomspace(1, 1e3, columns) + 7
    return x.astype(np.float32), y


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    """A folder with a table and an ssl set, which are the only problems."""
    folder = tmp_path / "data"
    (folder / "tables").mkdir(parents=True)
    x, y = blobs(240, 5, 3)
    x[::7, 2] = np.nan
    np.savez(folder / "tables/satimage.npz", x=x, y=y)
    x, y = blobs(200, 6, 2, seed=1)
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(y == label) for label in (0, 1)]
    splits = {
        f"labelled_{count}": np.stack(
            [
                np.concatenate([rng.permutation(of_class)[: count // 2] for of_class in members])
                for _ in range(12)
            ]
        )
        for count in (10, 100)
    }
    np.savez(folder / "tables/ssl_digit1.npz", x=x, y=y, **splits)
    problems.read.cache_clear()
    problems.rows_of.cache_clear()
    made = (Problem("satimage"), Problem("ssl_digit1", 10))
    monkeypatch.setattr(problems, "PROBLEMS", made)
    yield folder
    problems.read.cache_clear()
    problems.rows_of.cache_clear()


@pytest.fixture(scope="session")
def real_dir():
    """The folder that holds the tables and Fashion-MNIST."""
    for folder in (os.environ.get("KERAS_DGM_DATA_DIR"), SHARED_DATA):
        if folder and Path(folder, "tables").is_dir():
            return Path(folder)
    pytest.skip("the tables are absent: set KERAS_DGM_DATA_DIR to the folder that holds tables/")
