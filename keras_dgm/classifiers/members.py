"""The members of a committee, and what they teach a model."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from keras_dgm.classifiers import committee, features, tuning
from keras_dgm.classifiers.committee import Fit, Member, Opinion
from keras_dgm.classifiers.generative import Generative, distil
from keras_dgm.classifiers.neighbours import NeighbourGraph, normalised
from keras_dgm.classifiers.tsvm import TransductiveSVM
from keras_dgm.classifiers.tuning import UNLABELED

# Rows that a committee looks at, among them all labelled ones.
MOST_ROWS = 5000
# Beyond this many features, a generative model of their first components is a member as well.
WIDE = 60
COMPONENTS = 30
PENALTIES = tuple({"C": C} for C in (1.0, 0.001, 0.01, 0.1))
NEIGHBOURS = (6, 11)
GRAPHS = tuple({"n_neighbors": k, "alpha": a} for k in NEIGHBOURS for a in (0.9, 0.99))
# Unlabelled rows that a transductive SVM looks at, and rows that its kernel compares with.
MARGIN_ROWS, LANDMARKS = 2000, 300
MARGINS = tuple({"C_unlabeled": C, "gamma": gamma} for C in (0.2, 1.0) for gamma in (1.0, 0.1))
# A model of the columns as they are has twice the say of another member.
PRIOR = 2.0


# Products so small take longer on several threads than on one.
@threadpool_limits.wrap(limits=1, user_api="blas")
def teach(
    model: Any,
    make: Callable[..., Any],
    x: np.ndarray,
    y: np.ndarray,
    seed: int,
    batch_size: int,
    labels_per_batch: int | None,
    own: Opinion | None = None,
) -> dict[str, dict[str, float | None]]:
    """Let a committee, of which a fitted model is a member, teach its q(y|x).

    What all members together say of at most 5,000 rows becomes what q(y|x) is fitted to; the other
    networks stay as they are.

    Args:
        model: an `M2` or M1+M2 fitted to x and y.
        make: a function of the arguments that say how a model sees x, and of `seed`, that returns
            another `M2` with the same settings.
        x: [N, D].
        y: integers [N], -1 where unknown.
        seed: of what is drawn, beside the start of the networks, which is `keras.utils`'.
        batch_size: rows of a step.
        labels_per_batch: at least so many of them have a label; None: their share.
        own: what the model says of x, with its error in cross-validation; None: the error is that
            of a twin, an M2 of the same settings, trained as `Generative` says. That of M1+M2 sees
            the means of q(z1|x).

    Returns:
        By the name of a member its `error` in cross-validation, None where a class has one label,
        and its `weight`.
    """
    m2, x = model.as_m2(x)
    batches = batch_size, labels_per_batch
    if own is None:
        how = {"likelihood": m2.likelihood, "missing": m2.missing, "preprocessor": m2.preprocessor}
        twin = Generative(make(**how, seed=seed), x, *batches)
        own = Opinion(m2.predict(x, batch_size=1000, verbose=0), twin.error(y, seed))
    rows = some_rows(y, MOST_ROWS, seed)
    x, y, own = x[rows], y[rows], own._replace(probs=own.probs[rows], prior=PRIOR)
    K = m2.num_classes
    observed = m2.observe(x).location
    (simple,) = features.prepared(x if features.is_sparse(x) else observed.numpy())
    members = {
        "logistic regression": Member(logistic_regression(simple, K), PENALTIES),
        "extra trees": Member(extra_trees(simple, K, seed)),
        "label spreading": Member(label_spreading(simple, K), GRAPHS),
    }
    opinions = {name: member.opinion(y, K, seed) for name, member in members.items()}
    if simple.shape[1] > WIDE:
        of_components = Generative(
            make(likelihood="gaussian", seed=seed), components(simple, COMPONENTS), *batches
        )
        opinions["M2 of components"] = of_components.opinion(y, seed)
    opinions[model.title] = own
    label_counts = np.bincount(y[y >= 0], minlength=K)
    prior = None if m2.class_prior is None else np.exp(m2.log_prior)
    if prior is not None:
        shares = np.maximum(label_counts, 1) / label_counts.sum()
        assumed = {"logistic regression": shares, "extra trees": shares, "label spreading": 1 / K}
        for name, proportions in assumed.items():
            opinions[name] = shifted(opinions[name], prior / proportions)
    probs, _ = committee.pooled(list(opinions.values()), label_counts)
    margin = low_density_separation(simple, K, seed, balance_of(y, probs, prior))
    opinions["TSVM"] = Member(margin, MARGINS, logits=True).opinion(y, K, seed)
    probs, weights = committee.pooled(list(opinions.values()), label_counts)
    distil(m2, observed, probs, batch_size, seed)
    return {
        name: {"error": opinion.error, "weight": float(weight)}
        for (name, opinion), weight in zip(opinions.items(), weights, strict=True)
    }


def shifted(opinion: Opinion, ratios: np.ndarray) -> Opinion:
    """An opinion where class k is `ratios[k]` times as frequent as it took for granted."""
    return opinion._replace(probs=normalised(opinion.probs * ratios))


def few_labels(y: np.ndarray) -> bool:
    """Whether labels are so few that a committee is worth its time."""
    return int(np.sum(y >= 0)) <= MOST_ROWS


def some_rows(y: np.ndarray, most: int, seed: int) -> np.ndarray:
    """All rows with a label, at most `most`, and others at random up to it; sorted indices."""
    labeled, others = np.flatnonzero(y >= 0), np.flatnonzero(y < 0)
    others = np.random.default_rng(seed).permutation(others)[: most - len(labeled)]
    return np.sort(np.concatenate([labeled, others]))


def logistic_regression(x: Any, num_classes: int) -> Fit:
    """A line between classes."""
    return lambda y, C: supervised(LogisticRegression(C=C, max_iter=200), x, y, num_classes)


def extra_trees(x: Any, num_classes: int, seed: int) -> Fit:
    """A vote of trees with random thresholds."""
    trees = ExtraTreesClassifier(100, random_state=seed)
    return lambda y: supervised(trees, x, y, num_classes)


def supervised(classifier: Any, x: Any, y: np.ndarray, num_classes: int) -> np.ndarray:
    """Probabilities [N, K] of a classifier of scikit-learn that sees the labelled rows alone."""
    seen = y != UNLABELED
    return tuning.scores(classifier.fit(x[seen], y[seen]), x, num_classes)


def label_spreading(x: Any, num_classes: int) -> Fit:
    """The labels of the neighbours, and of theirs."""
    graph = NeighbourGraph(x, max(NEIGHBOURS))
    return lambda y, **setting: graph.spread(y, num_classes, weighted=True, **setting)


def balance_of(y: np.ndarray, probs: np.ndarray, prior: np.ndarray | None) -> np.ndarray | None:
    """Proportions among unlabelled rows of the classes that have labels; None: those of the labels.

    They are those of the prior, if one is given. Otherwise, equally many labels of every class, but
    for one that a split has taken, were drawn by class and say nothing of the proportions: then
    they are the means of probabilities [N, K].
    """
    unlabeled = y == UNLABELED
    classes, counts = np.unique(y[~unlabeled], return_counts=True)
    if not unlabeled.any() or (prior is None and np.ptp(counts) > 1):
        return None
    balance = (probs[unlabeled].mean(axis=0) if prior is None else prior)[classes]
    return balance / balance.sum()


def low_density_separation(
    x: Any, num_classes: int, seed: int, balance: np.ndarray | None = None
) -> Fit:
    """Decision values of a margin that keeps clear of the unlabelled rows."""

    def fit(y: np.ndarray, **setting: float) -> np.ndarray:
        rows = some_rows(y, int(np.sum(y != UNLABELED)) + MARGIN_ROWS, seed)
        svm = transductive_svm(x, seed, **setting, class_balance=balance)
        return tuning.scores(svm.fit(x[rows], y[rows]), x, num_classes, logits=True)

    return fit


def transductive_svm(
    x: Any,
    seed: int,
    C_unlabeled: float,
    gamma: float,
    class_balance: np.ndarray | None = None,
) -> Pipeline:
    """A quick one; `gamma` is in units of 1 / (mean squared length of a row)."""
    return make_pipeline(
        FunctionTransformer(features.dense, accept_sparse=True),
        TransductiveSVM(
            C_unlabeled=C_unlabeled,
            gamma=gamma / features.squared_length(x),
            n_components=LANDMARKS,
            n_stages=5,
            max_iter=20,
            class_balance=class_balance,
            random_state=seed,
        ),
    )


def components(x: Any, count: int) -> np.ndarray:
    """The projections on the first right singular vectors, of unit variance, [N, count]."""
    found = TruncatedSVD(count, random_state=0).fit_transform(x)
    return StandardScaler().fit_transform(found).astype(np.float32)
