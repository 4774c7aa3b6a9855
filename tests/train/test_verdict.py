"""What a run says of its errors, and what makes it say so; no model is trained here."""

import dataclasses

import numpy as np
import pytest

import keras_dgm as dgm
from keras_dgm.likelihoods import Gaussian
from train import baselines, cli, errors, fitting, guards, report, verdict

RNG = np.random.default_rng(0)
SIZES = {"test": 100, "train": 60, "valid": 20}


def dataset(centres, labels=None, **options):
    """Classes around some centres, [K, D]."""
    parts = {}
    for name, count in SIZES.items():
        y = np.arange(count, dtype=np.int32) % len(centres)
        parts[f"x_{name}"] = (np.asarray(centres)[y] + RNG.normal(size=(count, 2))).astype("f4")
        parts[f"y_{name}"] = y
    if labels is not None:
        parts["y_train"] = np.where(np.arange(60) < labels, parts["y_train"], -1).astype("i4")
    names = tuple("abcdef"[: len(centres)])
    return dataclasses.replace(dgm.data.Dataset("made", **parts, class_names=names), **options)


DATA = dataset([[-3, 0], [3, 0]], labels=20)


def found(wrong, y=DATA.y_test):
    """The result of a classifier that takes the first `wrong` examples for another class."""
    predicted = np.where(np.arange(len(y)) < wrong, (y + 1) % 2, y)
    return errors.of_test(predicted, y, 2)


def test_the_interval_is_wilson_s():
    """10 of 100: [0.0552, 0.1744]."""
    assert found(10)["interval"] == pytest.approx([0.0552, 0.1744], abs=1e-4)


def test_examples_without_a_label_do_not_count():
    y = np.array([0, 0, 0, 1, -1])

    result = errors.of_test(np.array([0, 0, 0, 0, 1]), y, 3)

    assert result["test_error"] == 0.25
    assert result["balanced_error"] == 0.5
    assert result["confusion"] == [[3, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert errors.is_uneven(result["confusion"])


def test_nothing_to_add():
    result = verdict.of_errors("M2", found(10), {"k-NN": found(20)}, DATA)

    assert result == {"use": "M2", "most_frequent_error": 0.5, "reasons": []}


@pytest.mark.parametrize("error", [10, 20])
def test_what_is_as_good_and_simpler_is_to_be_used(error):
    others = {"k-NN": found(30), "RBF SVM": found(error)}

    result = verdict.of_errors("M2", found(20), others, DATA)

    assert result["use"] == "RBF SVM"
    assert result["reasons"] == [
        f"M2 is not better than RBF SVM, which errs {error}.0 % on the same labels: use that "
        "instead"
    ]


def test_a_classifier_that_is_no_better_than_the_most_frequent_class():
    (reason,) = verdict.of_errors("M2", found(55), {}, DATA)["reasons"]

    assert reason.endswith("the most frequent class, which errs 50.0 %")


def test_classes_without_a_label_and_classes_that_are_never_recognised():
    data = dataset([[-3, 0], [3, 0], [0, 3]])
    data = dataclasses.replace(data, y_train=np.where(data.y_train == 2, -1, data.y_train))
    result = errors.of_test(np.zeros(100, int), data.y_test, 3)

    unseen, missed, _ = verdict.of_errors("M2", result, {}, data)["reasons"]

    assert unseen.startswith("no label of class c in training")
    assert missed == "class b is never recognised (0 of 33 test examples)"


def test_a_class_without_a_label_that_is_predicted_all_the_same():
    """As with a prior of numbers."""
    data = dataset([[-3, 0], [3, 0], [0, 3]], labels=20)
    data = dataclasses.replace(data, y_train=np.where(data.y_train == 2, -1, data.y_train))
    result = errors.of_test(data.y_test, data.y_test, 3)

    reasons = verdict.of_errors("M2", result, {}, data)["reasons"]

    assert not any("no label of class" in reason for reason in reasons)


def test_where_classes_are_uneven_they_also_count_the_same():
    y = np.array([0] * 96 + [1] * 4)
    ours = errors.of_test(np.zeros(100, int), y, 2)
    fair = errors.of_test(np.array([0] * 80 + [1] * 20), y, 2)
    data = dataclasses.replace(DATA, y_test=y)

    result = verdict.of_errors("M2", ours, {"k-NN": fair}, data)

    assert result["use"] == "M2"
    assert (
        "k-NN errs less where all classes count the same, 8.3 % against 50.0 %" in result["reasons"]
    )
    shown = report.of_errors(
        "M2",
        {
            **ours,
            "baselines": {"k-NN": fair},
            "dataset": {"name": "t", "num_labeled": 9, "class_names": ["no", "yes"]},
        },
    )
    lines = "\n".join(shown).splitlines()
    assert "the mean error of the classes" in lines[0]
    assert lines[1].split()[-2:] == ["50.00", "%"]
    assert [line.split() for line in lines[-3:]] == [
        ["no", "yes"],
        ["no", "96", "0"],
        ["yes", "4", "0"],
    ]


@pytest.mark.parametrize("name", [*baselines.CLASSIFIERS, baselines.SPREADING])
def test_baselines_are_tuned_on_the_labels_alone(name, monkeypatch):
    """The validation labels, all wrong, do not matter; nor do hidden labels."""
    wrong = dataclasses.replace(DATA, y_valid=1 - DATA.y_valid)
    seen = []
    choose = baselines.tuning.choose

    def spy(fit, grid, y, *rest):
        seen.append(y)
        return choose(fit, grid, y, *rest)

    monkeypatch.setattr(baselines.tuning, "choose", spy)
    result = baselines.tuned(name, wrong)

    assert seen[0].tolist() == [0, 1] * 10
    assert result["test_error"] < 0.05
    assert result["valid_error"] > 0.9


def test_of_many_labels_some_choose_the_setting(monkeypatch):
    monkeypatch.setattr(baselines, "TUNING_LABELS", 12)

    rows = baselines._tuning_rows(np.arange(60) % 3)

    assert np.bincount(rows % 3).tolist() == [4, 4, 4]


def test_one_label_a_class_takes_the_first_setting():
    result = baselines.tuned("k-NN", dataset([[-3, 0], [3, 0]], labels=2))

    assert result["setting"] == {"n_neighbors": 1}


def m1(likelihood="gaussian", **options):
    """An M1 that has not been trained."""
    model = dgm.M1(2, (4,), likelihood=likelihood, **options)
    model.build((None, 2))
    return model


def test_a_scale_that_no_likelihood_fits():
    data = dataclasses.replace(DATA, x_train=DATA.x_train * [1, 1e4])

    (reason,) = guards.unfit_scales(m1(), guards.observed(m1(), data.x_train), data)

    assert reason.startswith("the scale of column 1 is none that Gaussian")
    assert "--likelihood columns" in reason
    assert guards.unfit_scales(m1(), DATA.x_train, DATA) == []


@pytest.mark.parametrize(
    ("likelihood", "column", "fits"),
    [
        (Gaussian(), np.zeros(50), False),
        (Gaussian(floor=0.1), np.zeros(50), True),
        (Gaussian(scale=0.1), np.zeros(50), True),
        (Gaussian(scale=0.1), RNG.normal(size=50), True),
        (Gaussian(scale=0.001), RNG.normal(size=50), False),
        (Gaussian(), RNG.normal(1e3, 1, 50), False),
    ],
)
def test_what_a_gaussian_fits(likelihood, column, fits):
    assert likelihood.fits(column[:, None]) == fits


def test_a_bound_worse_than_a_constant_s():
    facts = {"m1_bound": -1e3, "active_dims": 2}

    (reason,) = guards.reasons(m1(), DATA, facts)

    expected = guards.bound_of_constant(Gaussian(), DATA.x_train, DATA.x_test)
    assert f"-1000.0 nats on test data, is worse than the {expected:.1f}" in reason
    assert guards.reasons(m1(), DATA, {"m1_bound": expected, "active_dims": 2}) == []


def test_a_collapsed_m1_is_refused_before_m2_is_trained(tmp_path, monkeypatch, capsys):
    facts = {"m1_bound": -20.0, "active_dims": 0}
    monkeypatch.setattr(fitting, "fit_m1", lambda *_: (m1(), facts))
    monkeypatch.setattr(fitting, "fit_m2", lambda *_: pytest.fail("trained"))

    assert cli.main(["fit", "--num-labeled", "50", "--run-dir", str(tmp_path / "run")]) == 1

    assert capsys.readouterr().err == f"error: {guards.COLLAPSED}\n"
    assert guards.COLLAPSED in guards.reasons(m1(), DATA, facts)


class Stubborn:
    """A classifier that takes the first so many labelled examples of class 0 for class 1."""

    num_classes = 2

    def __init__(self, count):
        self.count = count

    def predict(self, x, **_):
        y = (x[:, 0] > 0).astype(int)
        y[np.flatnonzero(y == 0)[: self.count]] = 1
        return np.eye(2)[y]


@pytest.mark.parametrize(("labels", "wrong"), [(20, 6), (20, 10), (10, 3)])
def test_a_class_whose_labels_are_contradicted(labels, wrong):
    data = dataset([[-9, 0], [9, 0]], labels=labels)

    (reason,) = guards.contradicted_labels(Stubborn(wrong), data)

    assert f"takes {wrong} of {labels // 2} training labels of class 'a'" in reason


@pytest.mark.parametrize(("labels", "wrong"), [(20, 0), (20, 5), (8, 4)])
def test_a_few_contradicted_labels_are_noise(labels, wrong):
    data = dataset([[-9, 0], [9, 0]], labels=labels)

    assert guards.contradicted_labels(Stubborn(wrong), data) == []
