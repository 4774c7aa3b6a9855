"""How a classifier errs on labelled examples, and how sure that is."""

import numpy as np
from scipy import stats
from sklearn import metrics

# Of the most frequent class over the rarest, from here on errors are told by class as well.
UNEVEN = 2.0


def error(predicted, y):
    """The fraction of wrong predictions among the examples with a label."""
    return float(np.mean(predicted[y >= 0] != y[y >= 0]))


def of_test(predicted, y, num_classes):
    """What a result says of predictions [N] on a test set y [N], -1 where a label is unknown.

    Returns:
        A dict of `test_error`; `interval`, that of the error with a probability of 95 % (Wilson's);
        `balanced_error`, the mean over the classes that y holds; and `confusion`, K lists of K
        counts, true classes in the rows.
    """
    predicted, y = predicted[y >= 0], y[y >= 0]
    wrong = int(np.count_nonzero(predicted != y))
    interval = stats.binomtest(wrong, len(y)).proportion_ci(method="wilson")
    recall = metrics.recall_score(
        y, predicted, labels=np.unique(y), average="macro", zero_division=0
    )
    matrix = metrics.confusion_matrix(y, predicted, labels=range(num_classes))
    return {
        "test_error": wrong / len(y),
        "interval": [float(interval.low), float(interval.high)],
        "balanced_error": float(1 - recall),
        "confusion": matrix.tolist(),
    }


def percent(fraction, digits=2):
    """A fraction as text."""
    return f"{100 * fraction:.{digits}f} %"


def is_uneven(confusion):
    """Whether classes differ so much in size that one error does not say enough."""
    counts = np.sum(confusion, axis=1)
    present = counts[counts > 0]
    return bool(present.max() >= UNEVEN * present.min())
