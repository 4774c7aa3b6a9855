"""Cross-validation where labels are few."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold

from keras_dgm.classifiers.labels import check_given
from keras_dgm.labels import as_array, known, plain


class LabeledStratifiedKFold(BaseCrossValidator):
    """Folds of the labelled rows; the rows without a label are in every training set.

    What is held out is labelled, so that any score can be taken of it, and a semi-supervised
    estimator keeps all of its unlabelled rows:

        cross_val_score(SemiSupervisedClassifier(), X, y, cv=LabeledStratifiedKFold(5))

    Args:
        n_splits: how many folds.
        shuffle: whether rows are shuffled before they are dealt out, class by class.
        random_state: of the shuffling: None, an integer or a `RandomState`.

    Raises:
        ValueError: by `split`, if there are fewer than `n_splits` labels of every class.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.classifiers import LabeledStratifiedKFold
        >>> y = np.array([0, 0, 1, 1, -1, -1, -1])
        >>> for train, test in LabeledStratifiedKFold(2).split(np.zeros([7, 1]), y):
        ...     print(len(train), y[test])
        5 [0 1]
        5 [0 1]
    """

    def __init__(self, n_splits: int = 5, *, shuffle: bool = False, random_state: Any = None):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """How many folds there are; the arguments are not looked at."""
        return self.n_splits

    def _iter_test_indices(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[np.ndarray]:
        check_given(y)
        labels = as_array(y)
        rows = np.flatnonzero(known(labels))
        folds = StratifiedKFold(self.n_splits, shuffle=self.shuffle, random_state=self.random_state)
        for _, held_out in folds.split(rows, plain(labels[rows])):
            yield rows[held_out]
