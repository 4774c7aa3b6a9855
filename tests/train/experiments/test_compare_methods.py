"""The draws of `python -m train compare`, and its baselines."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import sparse
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading
from threadpoolctl import threadpool_limits

from keras_dgm.classifiers import features, tuning
from train.experiments.compare import baselines, methods, problems
from train.experiments.compare.problems import Problem

BASELINES = [name for name in methods.METHODS if name != methods.OURS]


def test_the_table_has_all_data_sets():
    names = [problem.name for problem in problems.PROBLEMS]

    assert len(set(names)) == len(names) == 13 + 2 * 8
    assert {len(problem.draws) for problem in problems.find(["ssl_*"])} == {12}
    assert {len(problem.draws) for problem in problems.find(["adult", "fashion_mnist"])} == {5}
    with pytest.raises(ValueError, match=r"`problems` must be patterns of names .* 'iris'"):
        problems.find(["iris"])


def test_a_table_s_draw_holds_rows_out_and_hides_labels(data_dir, monkeypatch):
    monkeypatch.setattr(problems, "MAX_UNLABELED", 100)
    x, y, *_ = problems.rows_of("satimage", data_dir)
    draws = [problems.draw(Problem("satimage"), data_dir, seed) for seed in (0, 0, 1)]

    for draw in draws:
        assert np.array_equal(np.bincount(draw.y_labeled), [10, 10, 10])
        assert len(draw.x_test) == 80 and len(draw.x_unlabeled) == 100
        shares = np.bincount(draw.y_test) / 80 - np.bincount(y) / len(y)
        assert np.abs(shares).max() < 0.03
        rows = np.concatenate([draw.x_labeled, draw.x_unlabeled, draw.x_test])
        assert len(np.unique(rows[:, 0])) == 30 + 100 + 80 and np.isin(rows[:, 0], x[:, 0]).all()
    for field in ("x_labeled", "x_unlabeled", "x_test"):
        first, same, other = (getattr(draw, field) for draw in draws)
        assert np.array_equal(first, same, equal_nan=True)
        assert not np.array_equal(first, other, equal_nan=True)


def test_an_ssl_set_s_draw_is_its_official_split(data_dir):
    content = problems.read("ssl_digit1", data_dir)
    draw = problems.draw(Problem("ssl_digit1", 10), data_dir, 3)
    labeled = content["labelled_10"][3]

    assert np.array_equal(draw.x_labeled, content["x"][labeled])
    assert np.array_equal(draw.y_labeled, content["y"][labeled])
    assert draw.x_test is draw.x_unlabeled and len(draw.x_test) == 190
    another = problems.draw(Problem("ssl_digit1", 10), data_dir, 12)
    assert set(another.y_labeled) == {0, 1} and len(another.y_labeled) == 10


def test_fashion_mnist_keeps_its_test_rows(real_dir):
    pytest.importorskip("tensorflow_datasets")
    draw = problems.draw(Problem("fashion_mnist"), real_dir, 0)

    assert draw.facts["rarest"] == 0.1
    assert draw.x_labeled.shape == (100, 784)
    assert len(draw.x_unlabeled) == len(draw.x_test) == 10_000


def test_the_1_nn_row_of_the_benchmark_comes_out(real_dir):
    """Test errors in % with 10 and 100 labels, of the rows as they are."""
    published = {
        "g241c": (44.05, 40.28),
        "g241n": (43.22, 37.49),
        "digit1": (23.47, 6.12),
        "usps2": (19.82, 7.64),
        "coil": (65.91, 23.27),
        "bci": (48.74, 44.83),
    }
    for name, errors in published.items():
        for labels, expected in zip((10, 100), errors, strict=True):
            problem = Problem(f"ssl_{name}", labels)
            draws = [problems.draw(problem, real_dir, seed) for seed in problem.draws]
            found = [
                np.mean(
                    KNeighborsClassifier(1).fit(d.x_labeled, d.y_labeled).predict(d.x_test)
                    != d.y_test
                )
                for d in draws
            ]
            assert 100 * np.mean(found) == pytest.approx(expected, abs=0.01)


def test_features_are_of_one_scale_without_missing_entries(data_dir):
    x, *_ = problems.rows_of("satimage", data_dir)
    train, test = features.prepared(x[:200], x[200:])

    assert np.allclose(train.mean(axis=0), 0) and np.allclose(train.std(axis=0), 1)
    median = np.nanmedian(x[:200, 2])
    filled = np.where(np.isnan(x[:, 2]), median, x[:, 2])
    expected = (filled - filled[:200].mean()) / filled[:200].std()
    assert np.allclose(np.concatenate([train[:, 2], test[:, 2]]), expected, rtol=1e-4)


def test_sparse_features_are_rows_of_length_1():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.05, (50, 40)) + np.eye(50, 40)[rng.permutation(50)]
    for x in (counts, counts * 0.37):
        train, test = features.prepared(x[:30].astype(np.float32), x[30:].astype(np.float32))
        assert sparse.issparse(train)
        lengths = np.sqrt(train.multiply(train).sum(axis=1))
        assert np.allclose(lengths[x[:30].any(axis=1)], 1)
        assert test.shape == (20, 40)
    assert not features.is_sparse(counts - 0.01)


def test_cross_validation_chooses_the_setting_and_hides_the_labels_of_a_fold():
    y = np.repeat([0, 1, 2], 4)
    seen = []

    def fit(hidden, setting):
        assert set(hidden[hidden != y]) <= {-1}
        seen.append(hidden)
        right = np.eye(3)[y if setting["right"] else (y + 1) % 3]
        return lambda rows: right[rows]

    grid = [{"right": False}, {"right": True}]
    assert tuning.choose(fit, grid, y, 3, seed=0) == ({"right": True}, 1.0, 0.0)
    assert len(seen) == 8 and all((hidden == -1).sum() == 3 for hidden in seen)
    # A class with one label: the first setting.
    assert tuning.choose(fit, grid, y[:9], 3, seed=0) == ({"right": False}, 1.0, None)


def test_the_temperature_is_that_of_the_logits():
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(20_000, 3))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)

    assert tuning.best_temperature(5 * logits, y) == pytest.approx(5, rel=0.05)
    assert np.array_equal(tuning.probabilities(logits, 3.0).argmax(axis=1), logits.argmax(axis=1))


@pytest.mark.parametrize("problem", [Problem("satimage"), Problem("ssl_digit1", 10)])
@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_learns(name, problem, data_dir, monkeypatch):
    method = methods.METHODS[name]
    short = dataclasses.replace(method, grid=method.grid[:2])
    draw = problems.draw(problem, data_dir, 0)
    with threadpool_limits(1):
        answer = short(
            draw.x_labeled, draw.y_labeled, draw.x_unlabeled, draw.x_test, 0, draw.num_classes
        )

    assert answer.probs.shape == (len(draw.x_test), draw.num_classes)
    assert np.allclose(answer.probs.sum(axis=1), 1) and answer.probs.min() >= 0
    assert np.mean(answer.probs.argmax(axis=1) != draw.y_test) < 0.2
    assert {k: answer.setting[k] for k in method.grid[0]} in method.grid
    assert " 0x" not in json.dumps(method.settings)


@pytest.mark.slow
def test_our_classifier_learns(data_dir):
    draw = problems.draw(Problem("satimage"), data_dir, 0)

    answer = methods.METHODS[methods.OURS](
        draw.x_labeled, draw.y_labeled, draw.x_unlabeled, draw.x_test, 0, draw.num_classes
    )

    assert answer.probs.shape == (len(draw.x_test), draw.num_classes)
    assert np.mean(answer.probs.argmax(axis=1) != draw.y_test) < 0.1
    assert json.loads(json.dumps(answer.setting)) == answer.setting


def test_label_spreading_is_scikit_learn_s(data_dir):
    draw = problems.draw(Problem("satimage"), data_dir, 0)
    method = baselines.Spreading("", [{"n_neighbors": 7, "alpha": 0.5}])
    arrays = draw.x_labeled, draw.y_labeled, draw.x_unlabeled
    probs, _ = method(*arrays, draw.x_test, 0, 3)
    train, test = features.prepared(np.concatenate([arrays[0], arrays[2]]), draw.x_test)
    y = np.concatenate([draw.y_labeled, np.full(len(arrays[2]), -1)])
    theirs = LabelSpreading(kernel="knn", n_neighbors=7, alpha=0.5, max_iter=300).fit(train, y)

    assert np.allclose(probs, theirs.predict_proba(test), atol=1e-6)
    of_unlabeled, _ = method(*arrays, draw.x_unlabeled, 0, 3)
    assert np.allclose(of_unlabeled, theirs.label_distributions_[30:], atol=1e-6)
