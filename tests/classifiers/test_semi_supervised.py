"""The semi-supervised classifier as scikit-learn's tools and their users call it."""

import random

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from keras_dgm import data
from keras_dgm.classifiers import SemiSupervisedClassifier
from keras_dgm.classifiers.labels import encode, known
from keras_dgm.classifiers.semi_supervised import affordable_steps, seeded

FAST = {"steps": 100, "labels_first": 50, "hidden_units": (16,), "latent_dim": 2}
ALONE = {**FAST, "committee": False}


@pytest.fixture(scope="module")
def blobs():
    """x [300, 5] of three clusters of unlike scales, the last column binary, and y."""
    x, y = make_blobs(300, 4, centers=3, cluster_std=1.0, random_state=3)
    x = np.concatenate([x * [1, 100, 1e-3, 1], (y == 1)[:, None]], axis=1)
    return x, y


@pytest.fixture(scope="module")
def fitted(blobs):
    x, y = blobs
    few = np.where(np.arange(len(y)) < 12, y, -1)
    return SemiSupervisedClassifier(**FAST, random_state=0).fit(x, few)


def test_it_learns_from_few_labels(blobs, fitted):
    x, y = blobs

    assert np.mean(fitted.predict(x[12:]) == y[12:]) > 0.95
    probs = fitted.predict_proba(x)
    assert probs.shape == (300, 3)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


def test_the_members_of_the_committee_are_named(fitted):
    names = {"logistic regression", "extra trees", "label spreading", "TSVM", "M2"}
    assert set(fitted.members_) == names
    assert sum(member["weight"] for member in fitted.members_.values()) == pytest.approx(1)
    assert all(0 <= member["error"] < 0.5 for member in fitted.members_.values())


def test_its_keras_model_is_saved_with_the_names_and_answers_the_same(blobs, fitted, tmp_path):
    fitted.model_.save(tmp_path / "model.keras")

    model = keras.models.load_model(tmp_path / "model.keras")

    assert model.class_names == ("0", "1", "2")
    found = model.predict(blobs[0].astype(np.float32), verbose=0)
    np.testing.assert_allclose(found, fitted.predict_proba(blobs[0]), atol=1e-6)


def test_the_score_is_that_of_labelled_rows(blobs, fitted):
    x, y = blobs
    hidden = np.where(np.arange(len(y)) % 2, y, -1)

    assert fitted.score(x, hidden) == np.mean(fitted.predict(x)[1::2] == y[1::2])
    with pytest.raises(ValueError, match="`y` must hold a label"):
        fitted.score(x, np.full(len(y), -1))


def test_texts_missing_entries_and_unknown_labels(blobs):
    x, y = blobs
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.1, np.nan, x)
    names = np.array(["iris", "rose", "tulip"], object)[y]
    few = np.array([*names[:20], *([None, "", float("nan"), -1] * 70)], object)

    classifier = SemiSupervisedClassifier(**{**ALONE, "steps": 200}, random_state=0).fit(x, few)

    assert classifier.classes_.tolist() == ["iris", "rose", "tulip"]
    assert np.mean(classifier.predict(x[20:]) == names[20:]) > 0.9


@pytest.mark.parametrize(
    ("y", "classes", "labels"),
    [
        ([1, -1, 2], [1, 2], [0, -1, 1]),
        ([1.0, float("nan"), 2.0], [1, 2], [0, -1, 1]),
        ([True, None, False], [False, True], [1, -1, 0]),
        (["b", "", "a"], ["a", "b"], [1, -1, 0]),
        (["b", -1, "a"], ["a", "b"], [1, -1, 0]),
        (["b", "<NA>", "a"], ["a", "b"], [1, -1, 0]),
        (["b", np.nan, "a"], ["a", "b"], [1, -1, 0]),
        (pd.Series(["b", pd.NA, "a"], dtype="string"), ["a", "b"], [1, -1, 0]),
    ],
)
def test_labels_as_people_have_them(y, classes, labels):
    found, codes = encode(y, 3)

    assert found.tolist() == classes
    assert codes.tolist() == labels
    assert known(y).tolist() == [label >= 0 for label in labels]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 1, -1], "`y` must hold at least two classes .* got .*1 class"),
        ([-1, -1, -1], "`y` must hold labels of at least two classes, got .* throughout"),
        ([0.5, 1.5, 2.0], r"`y` must hold classes: whole numbers or texts, got 0\.5"),
        ([1, 2], "`y` must have one label for each of the 3 rows"),
        (["a", 1, None], "`y` must hold numbers or texts, not both"),
        (np.array(["a", "b", -1]), "`y` must hold names of classes, got the text '-1', which"),
        ([1.0, np.inf, 2.0], "`y` must hold classes: .* got an infinite one"),
        (None, "the target y is None"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(ValueError, match=message):
        encode(y, 3)


@pytest.mark.parametrize(
    ("argument", "value", "rule"),
    [
        ("learning_rate", -1, "be positive and finite"),
        ("classifier_l2", -1, "be finite and not negative"),
        ("committee", 2, "be True or False"),
        ("steps", 0, "be an integer of at least 1"),
    ],
)
def test_bad_arguments(blobs, argument, value, rule):
    with pytest.raises(ValueError, match=f"`{argument}` must {rule}, got {value}"):
        SemiSupervisedClassifier(**{argument: value}).fit(*blobs)


def test_before_it_is_fitted(blobs):
    with pytest.raises(NotFittedError):
        SemiSupervisedClassifier().predict(blobs[0])


def test_the_generators_of_numpy_and_python_go_on_where_they_were():
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.Random(1).random(), np.random.RandomState(1).rand()

    with seeded(2):
        drawn = random.random(), np.random.rand()  # noqa: NPY002

    assert drawn != expected
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002


@pytest.mark.slow
def test_tools_of_scikit_learn(blobs):
    x, y = blobs
    estimator = clone(SemiSupervisedClassifier(**ALONE, random_state=0))
    pipeline = make_pipeline(FunctionTransformer(), estimator)

    grid = {"semisupervisedclassifier__alpha": [10.0]}
    search = GridSearchCV(pipeline, grid, cv=2, refit=False).fit(x, y)

    assert search.best_score_ > 0.9


@pytest.mark.slow
def test_it_is_reproducible(blobs):
    x, y = blobs
    few = np.where(np.arange(len(y)) < 12, y, -1)
    probs = [
        SemiSupervisedClassifier(**{**ALONE, "steps": 20}, random_state=1)
        .fit(x, few)
        .predict_proba(x)
        for _ in range(2)
    ]

    np.testing.assert_array_equal(*probs)


def people(count=120, seed=0):
    """A frame of a text, a number, a flag, an identifier and a constant; and classes of texts."""
    rng = np.random.default_rng(seed)
    is_tall = rng.random(count) < 0.5
    frame = pd.DataFrame(
        {
            "sport": np.where(is_tall, "basketball", rng.choice(["chess", "judo"], count)),
            "height": rng.normal(np.where(is_tall, 2.0, 1.7), 0.05),
            "member": rng.random(count) < 0.5,
            "id": [f"p{number}" for number in range(count)],
            "unit": "m",
        }
    )
    return frame, np.where(is_tall, "tall", "short")


@pytest.mark.parametrize(
    ("columns", "steps"), [(1, 1000), (2000, 1000), (3289, 608), (11_960, 160), (10**6, 8)]
)
def test_wide_tables_take_fewer_steps(columns, steps):
    assert affordable_steps(columns) == steps


def test_a_frame_of_texts_and_numbers():
    x, y = people()
    few = np.where(np.arange(len(y)) < 20, y, None)

    classifier = SemiSupervisedClassifier(**ALONE, random_state=0).fit(x, few)

    assert [column.kind for column in classifier.columns_] == ["categorical", "real", "binary"]
    assert set(classifier.left_out_) == {"id", "unit"}
    assert list(classifier.feature_names_in_) == list(x.columns)
    assert classifier.score(x[20:], y[20:]) > 0.9
    with pytest.raises(ValueError, match="X must be a frame, as in `fit`, got ndarray"):
        classifier.predict(np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"(?s)feature names.*height"):
        classifier.predict(x.drop(columns="height"))
    rare = x.assign(height=np.where(np.arange(len(x)) == 3, np.nan, x["height"]))
    with pytest.raises(ValueError, match=r"in column 'height', as in `fit`, got nan in row 3"):
        classifier.predict(rare)
    new = x.assign(sport="curling")
    with (
        pytest.warns(data.TableWarning, match="curling"),
        pytest.raises(ValueError, match="in column 'sport', as in `fit`, got curling in row 0"),
    ):
        classifier.predict(new)


def test_a_frame_of_nothing_to_learn_from():
    frame = pd.DataFrame({"unit": ["m"] * 4, "other": [1] * 4})
    with pytest.raises(ValueError, match="constant"):
        SemiSupervisedClassifier().fit(frame, [0, 1, -1, -1])


@pytest.mark.slow
def test_columns_of_zeros():
    x, y = np.zeros((30, 3)), np.arange(30) % 2
    probs = SemiSupervisedClassifier(**FAST, random_state=0).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.slow
def test_a_given_prior_survives_the_committee():
    rng = np.random.default_rng(0)
    y = (np.arange(400) % 20 == 0).astype(int)
    x = rng.normal(size=(400, 3)) + 1.2 * y[:, None]
    few = np.full(400, -1)
    for label in (0, 1):
        few[np.flatnonzero(y == label)[:10]] = label

    given = SemiSupervisedClassifier(**FAST, class_prior=[0.95, 0.05], random_state=0)
    uniform = SemiSupervisedClassifier(**FAST, random_state=0)
    shares = [c.fit(x, few).predict_proba(x)[:, 1].mean() for c in (given, uniform)]

    assert shares[0] < 0.75 * shares[1]
