"""The transductive support vector machine, as a scikit-learn estimator."""

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.kernel_approximation import Nystroem
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from keras_dgm import checks
from keras_dgm.classifiers import low_density
from keras_dgm.classifiers.labels import accuracy, encode

KERNELS = ("rbf", "linear")
DTYPES = (np.float64, np.float32)
ROWS_AT_ONCE = 2000


class TransductiveSVM(ClassifierMixin, BaseEstimator):
    """A support vector machine that keeps its margin clear of unlabelled examples as well.

    One-vs-rest; for each class, with t = 1 for its labelled examples and -1 for the others,
    f(x) = w phi(x) + b minimises the smooth objective of Chapelle and Zien,

        1/2 |w|^2 + C sum_labelled max(0, 1 - t f(x))^2 + C* sum_unlabelled exp(-3 f(x)^2),

    under their constraint of class balance: f has the mean over the unlabelled examples that t has
    over the labelled ones, or that `class_balance` says. The objective is not convex: L-BFGS
    minimises it without the unlabelled examples, then for a C* that doubles until it reaches
    `C_unlabeled`. Without unlabelled examples this is the ordinary SVM with the squared hinge loss,
    and b is free.

    phi(x) is x itself or the Nystroem features of a kernel; `fit` holds them once for all classes,
    in the precision of X. For 50,000 examples and 1000 features in float32 they take 200 MB, twice
    that while they are made, and training a few minutes on two cores.

    Defaults were chosen on validation data, for the features that an M1 gives of MNIST with 100
    labels and 50,000 unlabelled examples.

    Args:
        C: weight of the loss of a labelled example.
        C_unlabeled: C*, weight of the loss of an unlabelled example.
        kernel: `"rbf"`, exp(-gamma |x - x'|^2), or `"linear"`.
        gamma: of the rbf kernel; `"scale"` is 1 / (D variance of X), as of scikit-learn's `SVC`.
        n_components: M, how many examples the Nystroem features of the rbf kernel compare with;
            all of them where there are fewer.
        n_stages: how many values C* takes.
        max_iter: the most iterations of L-BFGS for each of them.
        class_balance: proportions of the classes among the unlabelled examples, [K] in the order of
            `classes_`; None: those among the labelled ones, which are wrong where so many examples
            of each class were labelled on purpose.
        random_state: of the draw of those M examples: None, an integer or a `RandomState`.

    Attributes:
        classes_: [K], the labels other than -1, in order.
        coef_: w, [M, K]; [M, 1] where K is 2.
        intercept_: b, [K]; [1] where K is 2.
        n_features_in_: D.
        n_iter_: iterations of L-BFGS, over all stages.

    Raises:
        ValueError: by `fit`, if an argument is out of range, X is not finite or y holds fewer than
            two classes.

    References:
        Chapelle and Zien, "Semi-Supervised Classification by Low Density Separation", AISTATS 2005,
        the algorithm that they call ∇TSVM.

    Examples:
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from keras_dgm.classifiers import TransductiveSVM
        >>> x, y = load_iris(return_X_y=True)
        >>> few = np.where(np.arange(150) % 10 == 0, y, -1)  # -1: unlabelled
        >>> svm = TransductiveSVM(random_state=0).fit(x, few)
        >>> svm.predict(x).shape
        (150,)
        >>> svm.score(x, y) > 0.8
        True
    """

    def __init__(
        self,
        *,
        C=10.0,
        C_unlabeled=0.2,
        kernel="rbf",
        gamma="scale",
        n_components=1000,
        n_stages=8,
        max_iter=40,
        class_balance=None,
        random_state=None,
    ):
        self.C = C
        self.C_unlabeled = C_unlabeled
        self.kernel = kernel
        self.gamma = gamma
        self.n_components = n_components
        self.n_stages = n_stages
        self.max_iter = max_iter
        self.class_balance = class_balance
        self.random_state = random_state

    def fit(self, X, y):
        """Fit to X [N, D] and labels y [N].

        Labels are integers or texts; -1, None, NaN and "" say that a label is unknown.
        """
        self._check_arguments()
        X = validate_data(self, X, dtype=DTYPES)
        self.classes_, labels = encode(y, len(X))
        known = labels >= 0
        self._fit_kernel(X)
        features = np.concatenate([f.astype(X.dtype) for f in self._features(X)])  # [N, M]
        # Of two classes, one problem tells both.
        positive = [1] if len(self.classes_) == 2 else np.arange(len(self.classes_))
        targets = np.where(labels[known, None] == positive, 1, -1).astype(X.dtype)
        labeled, unlabeled = features[known], features[~known]
        del features
        balance = self._checked_balance(len(unlabeled))
        mean = targets.mean(axis=0) if balance is None else 2 * balance[positive] - 1
        self.coef_, self.intercept_, self.n_iter_ = low_density.fit(
            labeled,
            targets,
            unlabeled,
            mean,
            self.C,
            self.C_unlabeled,
            self.n_stages,
            self.max_iter,
        )
        return self

    def decision_function(self, X):
        """f(x) of every class, [N, K]; where K is 2, of the second class, [N]."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=DTYPES, reset=False)
        f = np.concatenate([f @ self.coef_ + self.intercept_ for f in self._features(X)])
        return f[:, 0] if len(self.classes_) == 2 else f

    def predict(self, X):
        """The label with the largest f(x), [N]."""
        f = self.decision_function(X)
        return self.classes_[(f > 0).astype(int) if f.ndim == 1 else f.argmax(axis=1)]

    def predict_proba(self, X):
        """The softmax of f(x) over the classes, [N, K], in the order of `classes_`.

        They rank the classes as f does, and are not calibrated: no part of the objective makes
        them frequencies. scikit-learn's `CalibratedClassifierCV`, fitted to labelled rows that
        `fit` has not seen, does.
        """
        f = self.decision_function(X)
        return softmax(np.stack([-f, f], axis=1) if f.ndim == 1 else f, axis=1)

    def score(self, X, y, sample_weight=None):
        """The accuracy on the rows that have a label.

        Raises:
            ValueError: if none has.
        """
        return accuracy(self.predict, X, y, sample_weight)

    def _fit_kernel(self, X):
        self.kernel_ = None
        if self.kernel == "rbf":
            variance = X.var(dtype=np.float64) or 1.0
            gamma = 1 / (X.shape[1] * variance) if self.gamma == "scale" else self.gamma
            rng = check_random_state(self.random_state)
            # In float32, the smallest singular values of the kernel would be noise.
            landmarks = X[rng.permutation(len(X))[: self.n_components]].astype(np.float64)
            nystroem = Nystroem(gamma=gamma, n_components=len(landmarks), random_state=rng)
            self.kernel_ = nystroem.fit(landmarks)

    def _features(self, X):
        """phi(x) of a few rows at a time, float64."""
        for rows in gen_batches(len(X), ROWS_AT_ONCE):
            x = X[rows].astype(np.float64)
            yield x if self.kernel_ is None else self.kernel_.transform(x)

    def _checked_balance(self, num_unlabeled):
        if self.class_balance is None:
            return None
        balance, K = checks.as_floats(self.class_balance), len(self.classes_)
        if not checks.are_proportions(balance, K):
            raise ValueError(
                f"`class_balance` must be {K} proportions, one of each class, that sum to 1, got "
                f"{checks.shown(self.class_balance)}"
            )
        if num_unlabeled == 0:
            raise ValueError("`class_balance` is of unlabelled examples, and y marks none with -1")
        return balance

    def _check_arguments(self):
        checks.check_number(self.C, argument="C", positive=True)
        checks.check_number(self.C_unlabeled, argument="C_unlabeled")
        if self.kernel not in KERNELS:
            raise ValueError(f"`kernel` must be one of {KERNELS}, got {self.kernel!r}")
        if self.gamma != "scale":
            checks.check_number(self.gamma, argument="gamma", positive=True)
        for argument in ("n_components", "n_stages", "max_iter"):
            checks.check_positive_integer(getattr(self, argument), argument=argument)
