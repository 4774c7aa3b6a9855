"""The cells of the table: which model, on which data, with how many labels, on which draw."""

import dataclasses
import fnmatch
from collections.abc import Mapping
from typing import Any

from train import recipes

# Of MNIST; None: all of them.
LABELS: tuple[int | None, ...] = (100, 600, 1000, 3000, None)


@dataclasses.dataclass(frozen=True)
class Row:
    """A model, on one data set.

    Attributes:
        name: what its cells are named after.
        title: as people write it.
        draws: how many draws of the labels, by the number of labels.
        paper: test errors in %, as the paper prints them.
        target: test errors in % to reach.
        dataset: a name for `keras_dgm.data.load`.
        recipe: a name for `recipes.find`; the data set's, unless another is given.
        m2: settings of M2 that are not the recipe's, by the number of labels.
        variant_of: a key of `cells.RUNNERS`, where the name is none.
        teacher: the name of the row whose model of the same cell M2 learns from first.
    """

    name: str
    title: str
    draws: Mapping[int | None, int]
    paper: Mapping[int | None, str] = dataclasses.field(default_factory=dict)
    target: Mapping[int | None, str] = dataclasses.field(default_factory=dict)
    dataset: str = "mnist"
    recipe: str = "mnist"
    m2: Mapping[int | None, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    variant_of: str | None = None
    teacher: str | None = None

    @property
    def model(self):
        """What is trained, a key of `cells.RUNNERS`."""
        return self.variant_of or self.name


# M2 on z1 has 300 units at 100 labels and these elsewhere, as in the paper's code.
MORE_UNITS = {labels: {"hidden_units": (500,)} for labels in LABELS[1:]}
# With all labels q(y|x) learns from them and the adversarial loss alone: they weigh the same.
ALPHA_OF_ALL = 10.0
BASELINE_DRAWS = dict.fromkeys(LABELS[:-1], 5)
PAPER_TSVM = dict(zip(LABELS, ("16.81", "6.16", "5.38", "3.45"), strict=False))
ROWS = (
    Row("k-nn", "k-NN", BASELINE_DRAWS),
    Row("linear-svm", "linear SVM", BASELINE_DRAWS),
    Row("rbf-svm", "RBF SVM", BASELINE_DRAWS),
    Row("tsvm", "TSVM", BASELINE_DRAWS, PAPER_TSVM),
    Row(
        "m1+tsvm",
        "M1+TSVM",
        dict.fromkeys(LABELS[:-1], 5),
        {100: "11.82 ± 0.25", 600: "5.72 ± 0.05", 1000: "4.24 ± 0.07", 3000: "3.49 ± 0.04"},
        {100: "10.0", 600: "5.5", 1000: "4.2", 3000: "3.4"},
    ),
    Row(
        "m2",
        "M2",
        dict.fromkeys(LABELS[:-1], 3),
        {100: "11.97 ± 1.71", 600: "4.94 ± 0.13", 1000: "3.60 ± 0.56", 3000: "3.92 ± 0.63"},
        {100: "6.8", 600: "4.0", 1000: "3.4", 3000: "2.9"},
        recipe="mnist-m2",
    ),
    Row(
        "m2-smooth",
        "M2, smooth",
        dict.fromkeys(LABELS, 5),
        target={100: "5.0", 600: "3.0", 1000: "2.7", 3000: "2.2"},
        recipe="mnist-m2-smooth",
        m2={None: {"alpha": ALPHA_OF_ALL, "restarts": 0}},
        variant_of="m2",
    ),
    Row(
        "m1+m2",
        "M1+M2",
        {**dict.fromkeys(LABELS, 3), 100: 10},
        {
            100: "3.33 ± 0.14",
            600: "2.59 ± 0.05",
            1000: "2.40 ± 0.02",
            3000: "2.18 ± 0.04",
            None: "0.96",
        },
        {100: "2.8", 600: "2.3", 1000: "2.2", 3000: "2.0", None: "0.96"},
        recipe="mnist-long",
        m2=MORE_UNITS,
    ),
    Row(
        "m1+m2-smooth",
        "M1+M2, smooth",
        {**dict.fromkeys(LABELS, 5), 100: 10},
        target={100: "1.8", 600: "1.6", 1000: "1.5", 3000: "1.4", None: "0.9"},
        recipe="mnist-smooth",
        m2={None: {"alpha": ALPHA_OF_ALL}},
        variant_of="m1+m2",
    ),
    Row(
        "m2-taught",
        "M2, smooth, taught by M1+M2",
        {100: 10},
        target={100: "1.8"},
        recipe="mnist-m2-taught",
        variant_of="m2",
        teacher="m1+m2-smooth",
    ),
    *(
        Row(model, title, {1000: 3}, {1000: paper}, dataset=dataset, recipe=dataset, m2=m2)
        for dataset, model, title, paper, m2 in (
            ("svhn_cropped", "m1+tsvm", "M1+TSVM", "54.33 ± 0.11", {}),
            ("svhn_cropped", "m1+m2", "M1+M2", "36.02 ± 0.10", MORE_UNITS),
            ("smallnorb", "m1+tsvm", "M1+TSVM", "18.79 ± 0.05", {}),
        )
    ),
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One draw of a row's labels: what one result file is about.

    Attributes:
        row: its row.
        num_labeled: None: all.
        seed: of the draw, the initial weights and the noise.
    """

    row: Row
    num_labeled: int | None
    seed: int

    @property
    def name(self):
        """DATASET-ROW-LABELS-SEED."""
        labels = "all" if self.num_labeled is None else self.num_labeled
        return f"{self.row.dataset}-{self.row.name}-{labels}-{self.seed}"

    @property
    def teacher(self):
        """The cell of the model that M2 learns from first; None: there is none."""
        if self.row.teacher is None:
            return None
        (row,) = (row for row in ROWS if row.name == self.row.teacher)
        return dataclasses.replace(self, row=row)

    @property
    def settings(self):
        """The `Recipe` of the row, with its own settings of M2 at this number of labels."""
        recipe = recipes.find(self.row.recipe)
        own = self.row.m2.get(self.num_labeled, {})
        return dataclasses.replace(recipe, m2=dataclasses.replace(recipe.m2, **own))


def cells(patterns=("*",)):
    """The cells whose names match one of some shell patterns, the first draw of each row first.

    Raises:
        ValueError: if a pattern matches none.
    """
    grid = [
        Cell(row, num_labeled, seed)
        for row in ROWS
        for num_labeled, draws in row.draws.items()
        for seed in range(draws)
    ]
    for pattern in patterns:
        if not fnmatch.filter([cell.name for cell in grid], pattern):
            raise ValueError(
                f"`cells` must be patterns of names such as {grid[0].name}, got {pattern!r}, "
                "which matches none"
            )
    chosen = (c for c in grid if any(fnmatch.fnmatchcase(c.name, p) for p in patterns))
    return sorted(chosen, key=lambda cell: cell.seed)
