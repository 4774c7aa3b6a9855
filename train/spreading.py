"""Label spreading over a graph of nearest neighbours that is found once for all settings."""

import numpy as np
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import LabelSpreading

MAX_ITERATIONS = 300


class Graph:
    """The nearest neighbours of all training rows, as scikit-learn's `kernel="knn"` finds them.

    Args:
        x: [N, D], an array or a CSR matrix.
        n_neighbors: the most that any setting asks for, itself included.
    """

    def __init__(self, x, n_neighbors):
        self.x = x
        self.index = NearestNeighbors(n_neighbors=n_neighbors).fit(x)
        self.nearest = self.index.kneighbors(x, return_distance=False)

    def spread(self, y, num_classes, n_neighbors, alpha):
        """Probabilities [N, K] of all rows, uniform where no label has reached.

        Args:
            y: [N], -1 where the label is unknown.
            num_classes: K.
            n_neighbors: of each row, itself included.
            alpha: how far a row follows its neighbours rather than its own label.
        """
        graph = adjacency(self.nearest[:, :n_neighbors], len(self.nearest))
        model = LabelSpreading(kernel=lambda *_: graph, alpha=alpha, max_iter=MAX_ITERATIONS)
        with np.errstate(invalid="ignore"):  # 0 / 0 far from labels.
            model.fit(self.x, y)
        probs = np.zeros((len(self.nearest), num_classes))
        probs[:, model.classes_] = np.nan_to_num(model.label_distributions_)
        return normalised(probs)

    def around(self, x, probs, n_neighbors):
        """Probabilities [M, K] of other rows [M, D]: the mean of their neighbours' `probs`."""
        nearest = self.index.kneighbors(x, n_neighbors, return_distance=False)
        return normalised(probs[nearest].mean(axis=1))


def adjacency(nearest, num_rows):
    """The CSR matrix with a 1 from each row to those that are nearest to it, [N, k]."""
    count, k = nearest.shape
    ends = np.arange(0, count * k + 1, k)
    return sparse.csr_matrix((np.ones(count * k), nearest.ravel(), ends), (count, num_rows))


def normalised(probs):
    """Rows that sum to 1; uniform where no label has reached."""
    sums = probs.sum(axis=1, keepdims=True)
    return np.where(sums > 0, probs / np.where(sums > 0, sums, 1), 1 / probs.shape[1])
