"""What training has to know of its data before the first step."""

import dataclasses
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

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


class Tally:
    """What the means over some data are taken over: its examples and labels of a weight above 0.

    Args:
        num_classes: K; None of a model without classes.
    """

    def __init__(self, num_classes: int | None):
        self.examples = 0
        self.weighed = 0
        self.labels = np.zeros(num_classes or 0, int)

    def add(self, x: np.ndarray, y: Any = None, sample_weight: Any = None) -> None:
        """Count examples [B, ...], with their labels and weights where there are any."""
        weighed = np.ones(len(x), bool) if sample_weight is None else sample_weight > 0
        self.examples += len(x)
        self.weighed += int(weighed.sum())
        if len(self.labels):
            y = labels_of(x, y)[weighed]
            self.labels += np.bincount(y[y >= 0], minlength=len(self.labels))

    def warn(self, argument: str, unseen: Sequence[int]) -> None:
        """Warn of means over nothing, and of labels that q(y|x) cannot be measured by.

        Args:
            argument: what the data was given as.
            unseen: the classes that had no label in training.
        """
        lost = ", ".join(f"{self.labels[k]} of class {k}" for k in unseen if self.labels[k])
        if not self.examples:  # They were read where nobody counts, by processes of a `PyDataset`.
            return
        if not self.weighed:
            message = "has sample weights of 0 alone: no mean over it is reported, its loss is NaN"
        elif len(self.labels) and not self.labels.any():
            weight = " with a sample weight above 0" if self.weighed < self.examples else ""
            message = (
                f"holds no labelled example{weight}: no classification loss and no metric of it is "
                "reported; `validation_split` takes the last examples"
            )
        elif lost:
            message = (
                f"holds labels of classes that had none in training, {lost}: q(y|x) is 0 there, "
                "so that the classification loss leaves them out; to other metrics they are errors"
            )
        else:
            return
        warnings.warn(f"`{argument}` {message}", stacklevel=4)


def labels_of(x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
    """y, or that all labels are unknown."""
    return np.full(len(x), -1) if y is None else y
