"""What classifiers of scikit-learn see of x: columns of one scale, without missing entries.

Counts of words or genes, that is whole numbers of which 90 % are zero, become TF-IDF with
logarithms of the counts; they, and other features that are as sparse and not negative, become rows
of length 1. All else is standardised by column, with the median for a missing entry. Everything is
fitted to all training rows, labelled or not.
"""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

SPARSE = 0.9


def prepared(x_train: np.ndarray, *others: np.ndarray) -> list[Any]:
    """Features of the training rows, and of others, as float64 arrays or CSR matrices.

    Args:
        x_train: [N, D], all rows with or without a label.
        others: more rows, [M, D] each.
    """
    if is_sparse(x_train):
        counts = np.array_equal(x_train, np.round(x_train))
        steps = make_pipeline(TfidfTransformer(sublinear_tf=True) if counts else Normalizer())
        rows = [sparse.csr_matrix(x, dtype=np.float64) for x in (x_train, *others)]
    else:
        # A column that is missing throughout becomes 0.
        median = SimpleImputer(strategy="median", keep_empty_features=True)
        steps = make_pipeline(median, StandardScaler())
        rows = [x.astype(np.float64) for x in (x_train, *others)]
    steps.fit(rows[0])
    return [steps.transform(x) for x in rows]


def is_sparse(x: np.ndarray) -> bool:
    """Whether x has no negative or missing entry, and 90 % zeros."""
    return bool(np.all(x >= 0) and np.mean(x == 0) >= SPARSE)


def dense(x: Any) -> np.ndarray:
    """Features as an array, [N, D]."""
    return x.toarray() if sparse.issparse(x) else x


def squared_length(x: Any) -> float:
    """The mean of |x|^2 (1 for 0), in units of whose inverse a gamma does for many tables."""
    return float((x.multiply(x) if sparse.issparse(x) else x * x).sum() / x.shape[0]) or 1.0
