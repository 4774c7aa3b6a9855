"""The problems: data sets, which of their rows have a label, and which the error is measured on.

- `tables/NAME.npz` and Fashion-MNIST, draw by draw: at most 10,000 rows, and a third, are held out
  for the test, with the classes in proportion (Fashion-MNIST has test rows of its own). Of the
  others, 10 rows of each class have a label, and 10,000 at most of the rest, chosen at random, are
  unlabelled.
- `tables/ssl_NAME.npz`, the benchmark of Chapelle, Schölkopf and Zien (2006), with its 12 official
  splits: all rows without a label are both unlabelled and the test. Draws from 12 up are not
  theirs, but random ones of the same size, with a label of each class.

x is the raw matrix: not scaled, with NaN where an entry is missing.
"""

import dataclasses
import fnmatch
import functools
from pathlib import Path

import numpy as np

from keras_dgm.data import DataNotFoundError, draw_labels
from keras_dgm.data.splits import hold_out

LABELS_A_CLASS = 10
MAX_TEST = 10_000
TEST_PART = 3
MAX_UNLABELED = 10_000
TABLE_DRAWS = 5
OFFICIAL_SPLITS = 12
SSL = "ssl_"
FASHION = "fashion_mnist"

TABLES = (
    "satimage",
    "pendigits",
    "waveform",
    "magic",
    "spambase",
    "dna",
    "adult",
    "mammography",
    "usps",
    "coil20",
    "worm_neuron_sc",
    "pcmac_text",
    FASHION,
)
SSL_SETS = ("g241c", "g241n", "digit1", "usps2", "coil", "bci", "coil2", "text")


@dataclasses.dataclass(frozen=True)
class Problem:
    """A data set with a number of labels.

    Attributes:
        dataset: its name.
        labels: of the benchmark of 2006, how many labels in all; None: 10 of each class.
    """

    dataset: str
    labels: int | None = None

    @property
    def name(self):
        """DATASET, or DATASET-LABELS."""
        return self.dataset if self.labels is None else f"{self.dataset}-{self.labels}"

    @property
    def draws(self):
        """The draws of the table."""
        return tuple(range(TABLE_DRAWS if self.labels is None else OFFICIAL_SPLITS))

    @property
    def settings(self):
        """What decides its draws."""
        if self.labels is not None:
            return {"labels": self.labels}
        return {
            "labels_a_class": LABELS_A_CLASS,
            "max_test": MAX_TEST,
            "test_part": TEST_PART,
            "max_unlabeled": MAX_UNLABELED,
        }


PROBLEMS = (
    *(Problem(SSL + name, 100) for name in SSL_SETS),
    *(Problem(name) for name in TABLES),
    *(Problem(SSL + name, 10) for name in SSL_SETS),
)


@dataclasses.dataclass(frozen=True)
class Draw:
    """What one result is measured on.

    Attributes:
        x_labeled: [L, D].
        y_labeled: [L], from 0 to K-1, each of them at least once.
        x_unlabeled: [U, D].
        x_test: [T, D]; `x_unlabeled` itself where those rows are the test.
        y_test: [T].
        num_classes: K.
    """

    x_labeled: np.ndarray
    y_labeled: np.ndarray
    x_unlabeled: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    num_classes: int

    @property
    def facts(self):
        """Counts, and the share of the rarest class among the test rows."""
        return {
            "labeled": len(self.x_labeled),
            "unlabeled": len(self.x_unlabeled),
            "test": len(self.x_test),
            "columns": self.x_labeled.shape[1],
            "classes": self.num_classes,
            "rarest": float(np.bincount(self.y_test, minlength=self.num_classes).min())
            / len(self.y_test),
        }


def find(patterns=("*",)):
    """The problems whose names match one of some shell patterns.

    Raises:
        ValueError: if a pattern matches none.
    """
    for pattern in patterns:
        if not fnmatch.filter([problem.name for problem in PROBLEMS], pattern):
            raise ValueError(
                f"`problems` must be patterns of names such as {PROBLEMS[0].name}, got "
                f"{pattern!r}, which matches none"
            )
    return [p for p in PROBLEMS if any(fnmatch.fnmatchcase(p.name, pat) for pat in patterns)]


def draw(problem, folder, seed):
    """A draw of a problem: the same rows for everyone who asks.

    Args:
        problem: a `Problem`.
        folder: of the data.
        seed: which draw.

    Raises:
        DataNotFoundError: if the data set is not in the folder.
    """
    if problem.labels is not None:
        return _transductive(problem, folder, seed)
    x, y, x_test, y_test = rows_of(problem.dataset, Path(folder))
    if x_test is None:
        train, test = hold_out(y, [min(MAX_TEST, len(y) // TEST_PART)], seed)
        x, y, x_test, y_test = x[train], y[train], x[test], y[test]
    num_classes = int(y.max()) + 1
    labeled = draw_labels(y, LABELS_A_CLASS * num_classes, num_classes, seed) >= 0
    rest = np.random.default_rng((seed, 2)).permutation(np.flatnonzero(~labeled))
    return Draw(x[labeled], y[labeled], x[rest[:MAX_UNLABELED]], x_test, y_test, num_classes)


def _transductive(problem, folder, seed):
    """A split of the benchmark of 2006."""
    content = read(problem.dataset, Path(folder))
    x, y = content["x"], content["y"].astype(int)
    num_classes = int(y.max()) + 1
    official = content[f"labelled_{problem.labels}"]
    if seed < len(official):
        labeled = official[seed]
    else:
        labeled = random_rows(y, problem.labels, np.random.default_rng(seed))
    rest = np.setdiff1d(np.arange(len(y)), labeled)
    unlabeled = x[rest]
    return Draw(x[labeled], y[labeled], unlabeled, unlabeled, y[rest], num_classes)


def random_rows(y, count, rng):
    """`count` rows, at random among the choices that hold each class."""
    while True:
        rows = rng.choice(len(y), count, replace=False)
        if len(np.unique(y[rows])) == len(np.unique(y)):
            return rows


@functools.lru_cache(maxsize=1)
def rows_of(dataset, folder):
    """x, y of all rows and None twice, or x, y, x_test, y_test where the test rows are given."""
    if dataset == FASHION:
        return _fashion_mnist(folder / "tensorflow_datasets")
    content = read(dataset, folder)
    return content["x"], content["y"].astype(int), None, None


@functools.lru_cache(maxsize=1)
def read(dataset, folder):
    """The arrays of `tables/DATASET.npz`, by name."""
    path = folder / "tables" / f"{dataset}.npz"
    if not path.is_file():
        raise DataNotFoundError(f"`data-dir` must hold tables/{path.name}, got {folder}")
    with np.load(path) as content:
        return dict(content)


def _fashion_mnist(folder):
    if not any(Path(folder, FASHION).glob("*/dataset_info.json")):
        raise DataNotFoundError(
            f"`data-dir` must hold tensorflow_datasets/{FASHION}, got {folder.parent}"
        )
    import tensorflow_datasets as tfds

    arrays = []
    for split in ("train", "test"):
        examples = tfds.load(FASHION, data_dir=folder, split=split, batch_size=-1, download=False)
        images, labels = (examples[key].numpy() for key in ("image", "label"))
        arrays += [images.reshape(len(images), -1).astype(np.float32), labels.astype(int)]
    return tuple(arrays)
