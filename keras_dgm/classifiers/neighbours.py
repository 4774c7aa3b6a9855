"""Label spreading over the graph of nearest neighbours, found once for all labels and settings."""

import warnings
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import LabelSpreading

MAX_ITERATIONS = 300


class NeighbourGraph:
    """The nearest neighbours of some rows, as of scikit-learn's `kernel="knn"`.

    Args:
        x: [N, D], an array or a CSR matrix.
        most: neighbours that are found of each row, itself included.
    """

    def __init__(self, x: Any, most: int):
        most = min(most, x.shape[0])
        self._index = NearestNeighbors(n_neighbors=most).fit(x)
        self._distances, self._nearest = self._index.kneighbors(x)

    def spread(
        self,
        y: np.ndarray,
        num_classes: int,
        n_neighbors: int,
        alpha: float,
        weighted: bool = False,
    ) -> np.ndarray:
        """Probabilities of the classes of all rows, [N, K]; uniform where no label has reached.

        Args:
            y: [N], -1 where unknown.
            num_classes: K.
            n_neighbors, alpha: as of `LabelSpreading`.
            weighted: whether an edge weighs the less the longer it is, counts in both directions,
                and all classes get the same mass in all (Zhu, Ghahramani and Lafferty 2003,
                section 4).
        """
        count = len(self._nearest)
        graph = self._weights(n_neighbors) if weighted else self._edges(n_neighbors)
        model = LabelSpreading(kernel=lambda *_: graph, alpha=alpha, max_iter=MAX_ITERATIONS)
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):  # 0 / 0 far from labels.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(np.zeros((count, 1)), y)
        probs = np.zeros((count, num_classes))
        probs[:, model.classes_] = np.nan_to_num(model.label_distributions_)
        return normalised(probs / np.maximum(probs.sum(axis=0), 1e-12) if weighted else probs)

    def _edges(self, n_neighbors: int, values: np.ndarray | None = None) -> sparse.csr_matrix:
        """A 1, or a value, from each row to those that are nearest to it."""
        nearest = self._nearest[:, :n_neighbors]
        values = np.ones(nearest.shape) if values is None else values
        count, k = nearest.shape
        ends = np.arange(0, count * k + 1, k)
        return sparse.csr_matrix((values.ravel(), nearest.ravel(), ends), (count, count))

    def _weights(self, n_neighbors: int) -> sparse.csr_matrix:
        distances = self._distances[:, :n_neighbors]
        scale = np.median(distances[:, -1]) + 1e-9
        graph = self._edges(n_neighbors, np.exp(-((distances / scale) ** 2)) + 1e-6)
        return graph.maximum(graph.T)

    def around(self, x: Any, probs: np.ndarray, n_neighbors: int) -> np.ndarray:
        """The mean of the neighbours' probabilities for other rows x [M, D]: [M, K]."""
        nearest = self._index.kneighbors(x, n_neighbors, return_distance=False)
        return normalised(probs[nearest].mean(axis=1))


def normalised(probs: np.ndarray) -> np.ndarray:
    """Rows that sum to 1; uniform where no label has reached."""
    sums = probs.sum(axis=1, keepdims=True)
    return np.where(sums > 0, probs / np.where(sums > 0, sums, 1), 1 / probs.shape[1])
