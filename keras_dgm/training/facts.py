"""What training has to know of its data before the first step."""

import dataclasses
import warnings
from collections.abc import Iterable

import numpy as np


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """How many examples there are to train on, and how many labels of each class.

    Attributes:
        num_examples: N.
        label_counts: one number for each of the K classes; of a model without classes none.
    """

    num_examples: int
    label_counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, labels: Iterable[np.ndarray], num_classes: int) -> "DataFacts":
        """Count batches of labels, integers [B] from -1 (unlabelled) to K-1.

        Raises:
            ValueError: if there are classes and no label.
        """
        examples, counts = 0, np.zeros(num_classes, int)
        for y in labels:
            examples += len(y)
            counts += np.bincount(y[y >= 0], minlength=num_classes)[:num_classes]
        if num_classes and not counts.any():
            raise ValueError("`y` must hold at least one label from 0 up, got -1 throughout")
        return cls(examples, tuple(counts.tolist()))

    @property
    def labeled_fraction(self) -> float:
        """N_labelled / N."""
        return sum(self.label_counts) / self.num_examples

    @property
    def unseen_classes(self) -> list[int]:
        """The classes without a label."""
        return [label for label, count in enumerate(self.label_counts) if not count]

    def warn(self) -> None:
        """Warn of classes without a label, with the consequence."""
        if self.unseen_classes:
            warnings.warn(
                f"`y` holds no labelled example of class {self.unseen_classes}: the model will "
                "never predict it; number the classes that have labels from 0, or label some of "
                "these",
                stacklevel=4,
            )


def labels_of(x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
    """y, or that all labels are unknown."""
    return np.full(len(x), -1) if y is None else y
