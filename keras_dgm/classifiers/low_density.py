"""The objective of the transductive SVM on a matrix of features, and its continuation."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

# The first problem is convex and sees the labelled examples alone: it is solved to convergence.
SUPERVISED_ITERATIONS = 1000


class Problem(NamedTuple):
    """The data and weights of one objective; the features' dtype is that of the computation.

    Attributes:
        labeled: features of the labelled examples, [L, M].
        targets: t, 1 or -1, of each of them in each of J one-vs-rest problems, [L, J].
        unlabeled: features of the unlabelled examples, [U, M].
        C: weight of a labelled example.
        C_unlabeled: C*, weight of an unlabelled example.
    """

    labeled: np.ndarray
    targets: np.ndarray
    unlabeled: np.ndarray
    C: float
    C_unlabeled: float

    def objective(self, params):
        """The sum over J of 1/2 |w|^2 + C sum max(0, 1 - t f)^2 + C* sum exp(-3 f^2), and gradient.

        Args:
            params: w and below it b, [M + 1, J], of f = w features + b.

        Returns:
            A float, and the gradient [M + 1, J].
        """
        w, b = params[:-1].astype(self.labeled.dtype), params[-1].astype(self.labeled.dtype)
        slack = np.maximum(0, 1 - self.targets * (self.labeled @ w + b))  # [L, J]
        f = self.unlabeled @ w + b  # [U, J]
        crowding = np.exp(-3 * np.square(f))
        value = (
            0.5 * np.sum(np.square(params[:-1]))
            + self.C * np.sum(np.square(slack), dtype=np.float64)
            + self.C_unlabeled * np.sum(crowding, dtype=np.float64)
        )
        d_labeled = -2 * self.C * self.targets * slack
        d_unlabeled = -6 * self.C_unlabeled * f * crowding
        gradient = np.empty(params.shape)
        gradient[:-1] = params[:-1] + self.labeled.T @ d_labeled + self.unlabeled.T @ d_unlabeled
        gradient[-1] = d_labeled.sum(axis=0, dtype=np.float64) + d_unlabeled.sum(axis=0)
        return value, gradient

    def minimize(self, params, max_iter, free_bias):
        """Descend from `params` by L-BFGS, the J problems at once; b only moves if it is free.

        Returns:
            The parameters [M + 1, J] and the number of iterations.
        """

        def objective(flat):
            value, gradient = self.objective(flat.reshape(params.shape))
            gradient[-1] *= free_bias
            return value, gradient.ravel()

        options = {"maxiter": max_iter, "maxfun": 2 * max_iter}
        found = minimize(objective, params.ravel(), jac=True, method="L-BFGS-B", options=options)
        return found.x.reshape(params.shape), found.nit


def fit(labeled, targets, unlabeled, mean, C, C_unlabeled, n_stages, max_iter):
    """Minimise without the unlabelled examples, then for a C* that doubles up to `C_unlabeled`.

    With unlabelled examples, the mean of f over them is held at `mean`; else b is free.

    Args:
        labeled: [L, M].
        targets: [L, J].
        unlabeled: [U, M], overwritten.
        mean: [J].
        C: weight of a labelled example.
        C_unlabeled: the last C*.
        n_stages: how many values C* takes.
        max_iter: the most iterations of L-BFGS for each of them.

    Returns:
        w [M, J], b [J] and the number of iterations.
    """
    # Once the unlabelled examples are centred, the mean of f over them is b, whatever w is.
    transductive = len(unlabeled) > 0
    center = (unlabeled if transductive else labeled).mean(axis=0, dtype=np.float64)
    labeled = labeled - center.astype(labeled.dtype)
    unlabeled -= center.astype(unlabeled.dtype)
    params = np.zeros([len(center) + 1, targets.shape[1]])
    params[-1] = mean
    supervised = Problem(labeled, targets, unlabeled[:0], C, 0.0)
    params, n_iter = supervised.minimize(params, SUPERVISED_ITERATIONS, free_bias=not transductive)
    if transductive:
        for doublings_left in reversed(range(n_stages)):
            problem = Problem(labeled, targets, unlabeled, C, C_unlabeled / 2**doublings_left)
            params, iterations = problem.minimize(params, max_iter, free_bias=False)
            n_iter += iterations
    w, b = params[:-1], params[-1]
    return w, b - center @ w, n_iter
