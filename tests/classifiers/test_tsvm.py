"""The transductive SVM: its objective, its limits, what it gains, scikit-learn's conventions."""

import warnings

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from keras_dgm.classifiers import TransductiveSVM
from keras_dgm.classifiers.low_density import Problem

EXPECTED_FAILURES = {
    "check_classifiers_classes": "it has a class -1, which means unlabelled here",
}


@pytest.fixture(autouse=True)
def one_thread():
    """Problems of a few hundred examples wait for threads longer than they compute."""
    with threadpool_limits(1):
        yield


@parametrize_with_checks(
    [TransductiveSVM(random_state=0), TransductiveSVM(kernel="linear")],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_conventions_of_scikit_learn(estimator, check):
    check(estimator)


def hide(y, per_class, seed=0):
    """The labels of a few examples of each class, -1 elsewhere."""
    rng = np.random.default_rng(seed)
    known = np.concatenate([rng.permutation(np.flatnonzero(y == k))[:per_class] for k in set(y)])
    return np.where(np.isin(np.arange(len(y)), known), y, -1)


def problem(rng, dtype=np.float64):
    labeled, unlabeled = rng.normal(size=[5, 4]), rng.normal(size=[7, 4])
    targets = np.sign(rng.normal(size=[5, 3]))
    return Problem(*(a.astype(dtype) for a in (labeled, targets, unlabeled)), 2.0, 0.7)


def test_objective_is_its_equation():
    rng = np.random.default_rng(0)
    p, params = problem(rng), rng.normal(size=[5, 3])
    expected = 0.0
    for j in range(3):
        w, b = params[:-1, j], params[-1, j]
        expected += w @ w / 2
        for features, target in zip(p.labeled, p.targets[:, j], strict=True):
            expected += p.C * max(0, 1 - target * (w @ features + b)) ** 2
        for features in p.unlabeled:
            expected += p.C_unlabeled * np.exp(-3 * (w @ features + b) ** 2)

    assert p.objective(params)[0] == pytest.approx(expected, rel=1e-12)


def test_gradient_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    p, params = problem(rng), rng.normal(size=[5, 3])

    difference = check_grad(
        lambda flat: p.objective(flat.reshape(5, 3))[0],
        lambda flat: p.objective(flat.reshape(5, 3))[1].ravel(),
        params.ravel(),
    )

    assert difference < 1e-5 * np.linalg.norm(p.objective(params)[1])


def test_float32_features_give_the_same_gradient():
    params = np.random.default_rng(2).normal(size=[5, 3])
    value, gradient = problem(np.random.default_rng(3)).objective(params)
    value32, gradient32 = problem(np.random.default_rng(3), np.float32).objective(params)

    assert value32 == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(gradient32, gradient, atol=1e-5 * np.abs(gradient).max())


@pytest.mark.parametrize("classes", [2, 3])
def test_without_unlabeled_examples_it_is_the_squared_hinge_svm(classes):
    X, y = make_blobs(60, 4, centers=classes, cluster_std=4.0, random_state=0)
    # A large column of ones leaves LinearSVC's intercept as good as free.
    svm = LinearSVC(C=0.5, loss="squared_hinge", intercept_scaling=1e3, tol=1e-8, max_iter=10**6)
    expected = svm.fit(X, y).decision_function(X)

    found = TransductiveSVM(C=0.5, kernel="linear").fit(X, y).decision_function(X)

    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_unlabeled_examples_of_no_weight_only_balance():
    X, y = make_blobs(200, 3, centers=3, cluster_std=3.0, random_state=1)
    y = hide(y, 5)
    tsvm = TransductiveSVM(C_unlabeled=0.0, kernel="linear", n_stages=1).fit(X, y)
    center = X[y < 0].mean(axis=0)
    b = -1 / 3
    labeled = X[y >= 0] - center
    targets = np.where(y[y >= 0, None] == np.arange(3), 1, -1)

    # The gradient in w of the labelled part vanishes at b = 2/3 - 1.
    slack = np.maximum(0, 1 - targets * (labeled @ tsvm.coef_ + b))
    gradient = tsvm.coef_ - 20 * labeled.T @ (targets * slack)
    np.testing.assert_allclose(gradient, 0, atol=1e-2)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_the_classes_keep_the_balance_of_the_labels(kernel):
    X, y = make_blobs(300, 5, centers=3, cluster_std=3.0, random_state=2)
    y = hide(y, 4)
    y[np.flatnonzero(y == 2)[:2]] = -1  # 4, 4 and 2 labels
    tsvm = TransductiveSVM(kernel=kernel, random_state=0).fit(X, y)

    means = tsvm.decision_function(X[y < 0]).mean(axis=0)

    np.testing.assert_allclose(means, [-0.2, -0.2, -0.6], atol=1e-4)


@pytest.mark.parametrize("balance", [[0.7, 0.3], [0.5, 0.3, 0.2]])
def test_the_classes_keep_a_balance_that_is_given(balance):
    X, y = make_blobs(300, 5, centers=len(balance), cluster_std=3.0, random_state=2)
    y = hide(y, 4)
    tsvm = TransductiveSVM(class_balance=balance, random_state=0).fit(X, y)

    mean = tsvm.decision_function(X[y < 0]).mean(axis=0)

    expected = 2 * np.array(balance) - 1
    np.testing.assert_allclose(mean, expected[1] if len(balance) == 2 else expected, atol=1e-4)


@pytest.mark.parametrize(
    "balance", [[1.0], [0.2, 0.2], [-0.5, 1.5], [[0.5, 0.5]], "ab", ["a", "b"]]
)
def test_a_balance_is_a_proportion_of_each_class(balance):
    with pytest.raises(ValueError, match="`class_balance` must be 2 proportions, one of each"):
        TransductiveSVM(class_balance=balance).fit([[0.0], [1.0], [0.2]], [0, 1, -1])


def test_a_balance_without_unlabeled_examples_is_refused():
    with pytest.raises(ValueError, match="`class_balance` is of unlabelled examples"):
        TransductiveSVM(class_balance=[0.5, 0.5]).fit([[0.0], [1.0]], [0, 1])


def test_all_components_give_the_exact_kernel():
    X, y = make_moons(80, noise=0.1, random_state=0)
    tsvm = TransductiveSVM(gamma=2.0, random_state=0).fit(X, hide(y, 3))
    features = np.concatenate(list(tsvm._features(X)))

    np.testing.assert_allclose(features @ features.T, rbf_kernel(X, gamma=2.0), atol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_it_follows_the_moons_where_a_supervised_svm_cannot(seed):
    X, y = make_moons(400, noise=0.08, random_state=seed)
    few = hide(y, 3, seed)
    svm = SVC(C=10.0, gamma=5.0).fit(X[few >= 0], y[few >= 0])
    tsvm = TransductiveSVM(gamma=5.0, random_state=0).fit(X, few)

    assert svm.score(X, y) < 0.95
    assert tsvm.score(X, y) > 0.99


def test_strings_and_other_integers_are_classes():
    X, y = make_blobs(60, 2, centers=3, random_state=3)
    names = np.array(["ant", "bee", "cow"])
    by_name = TransductiveSVM(random_state=0).fit(X, names[y])
    by_number = TransductiveSVM(random_state=0).fit(X, np.where(hide(y, 15) < 0, -1, 10 * y))

    assert set(by_name.predict(X)) == set(names)
    assert by_number.classes_.tolist() == [0, 10, 20]


@pytest.mark.parametrize("unknown", [None, "", np.nan])
def test_labels_that_are_not_there(unknown):
    X, y = make_blobs(60, 2, centers=3, random_state=3)
    few = hide(y, 5)
    names = np.array([*"abc", unknown], object)[few]

    by_name = TransductiveSVM(random_state=0).fit(X, names)
    by_number = TransductiveSVM(random_state=0).fit(X, few)

    assert by_name.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(by_name.decision_function(X), by_number.decision_function(X))


@pytest.mark.parametrize("text", ["-1", "nan"])
def test_a_number_that_has_become_a_text_is_no_class(text):
    with pytest.raises(ValueError, match=f"`y` must hold names of classes, got the text {text!r}"):
        TransductiveSVM().fit([[0.0], [1.0], [2.0]], np.array(["a", "b", text]))


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_follow_the_decision_function(classes):
    X, y = make_blobs(60, 2, centers=classes, random_state=3)
    tsvm = TransductiveSVM(random_state=0).fit(X, hide(y, 5))

    probs = tsvm.predict_proba(X)

    assert probs.shape == (60, classes)
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    np.testing.assert_array_equal(tsvm.classes_[probs.argmax(axis=1)], tsvm.predict(X))


def test_the_score_is_that_of_labelled_rows():
    X, y = make_blobs(60, 2, centers=3, cluster_std=3.0, random_state=3)
    tsvm = TransductiveSVM(random_state=0).fit(X, hide(y, 5))
    half = np.where(np.arange(60) % 2, y, -1)

    assert tsvm.score(X, half) == np.mean(tsvm.predict(X[1::2]) == y[1::2])
    weights = np.where(np.arange(60) < 30, 1.0, 0.0)
    assert tsvm.score(X, half, weights) == np.mean(tsvm.predict(X[1:30:2]) == y[1:30:2])
    with pytest.raises(ValueError, match="`y` must hold a label"):
        tsvm.score(X, np.full(60, -1))
    with pytest.raises(
        ValueError, match=r"`sample_weight` must have shape \[60\], got shape \(3,\)"
    ):
        tsvm.score(X, half, np.ones(3))
    with pytest.raises(ValueError, match="`sample_weight` must be positive for a row"):
        tsvm.score(X, half, np.where(half < 0, 1.0, 0.0))


def test_two_columns_of_labels_are_refused_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="`y` must have one label for each of the 3 rows"):
            TransductiveSVM().fit([[0.0], [1.0], [0.2]], [[0, 1], [1, 0], [-1, -1]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"C": 0}, "`C` must be positive and finite, got 0"),
        ({"C_unlabeled": -1.0}, "`C_unlabeled` must be finite and not negative, got -1.0"),
        ({"C_unlabeled": "1"}, "`C_unlabeled` must be finite and not negative, got '1'"),
        ({"kernel": "cosine"}, "`kernel` must be one of"),
        ({"gamma": np.inf}, "`gamma` must be positive and finite, got inf"),
        ({"n_components": 0}, "`n_components` must be an integer of at least 1, got 0"),
        ({"n_stages": 1.5}, "`n_stages` must be an integer of at least 1, got 1.5"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        TransductiveSVM(**arguments).fit([[0.0], [1.0]], [0, 1])


def test_one_class_is_nothing_to_separate():
    with pytest.raises(ValueError, match=r"`y` must hold at least two classes .* got 1 class"):
        TransductiveSVM().fit([[0.0], [1.0], [2.0]], [3, 3, -1])
