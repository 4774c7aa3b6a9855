"""`python -m train compare`: its cells on made-up data, and its report."""

import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from keras_dgm.data import DataNotFoundError
from train.experiments.compare import cells, methods, problems
from train.experiments.compare.baselines import Answer
from train.experiments.compare.problems import Problem
from train.experiments.compare.report import report

FAST = ("logistic-regression", "k-nn")


@pytest.fixture
def config(data_dir, tmp_path):
    return cells.CompareConfig(methods=FAST, data_dir=data_dir, results=tmp_path / "results")


def fill(config, **changes):
    with threadpool_limits(1):
        cells.fill(dataclasses.replace(config, **changes))


def test_cells_are_filled_once_and_again_where_settings_changed(config, monkeypatch, capsys):
    fill(config)
    paths = sorted(config.results.glob("*/*.json"))
    assert [str(p.relative_to(config.results)) for p in paths] == [
        f"{problem}/{name}.json"
        for problem in ("satimage", "ssl_digit1-10")
        for name in ("k-nn", "logistic-regression")
    ]
    contents = [json.loads(path.read_text()) for path in paths]
    for content in contents:
        draws = 5 if content["problem"] == "satimage" else 12
        assert list(content["draws"]) == [str(seed) for seed in range(draws)]
        assert content["rows"]["test"] == (80 if draws == 5 else 190)
        assert {"scikit-learn", "keras_dgm"} <= set(content["versions"])
        for cell in content["draws"].values():
            assert 0 <= cell["error"] <= 1 and 0 <= cell["ece"] <= 1 and cell["seconds"] >= 0
            assert 0 <= cell["balanced_error"] <= 1 and cell["setting"]
    assert capsys.readouterr().out.count("draw") == 2 * (5 + 12)

    # A lost draw is made again, with the same result, and nothing else.
    lost = contents[0]["draws"].pop("2")
    paths[0].write_text(json.dumps(contents[0]))
    fill(config)
    assert capsys.readouterr().out.count("draw") == 1
    again = json.loads(paths[0].read_text())["draws"]["2"]
    assert again["error"] == lost["error"] and again["setting"] == lost["setting"]

    # Other settings of a method: its cells alone.
    other = dataclasses.replace(methods.METHODS["k-nn"], grid=methods.METHODS["k-nn"].grid[:1])
    monkeypatch.setitem(methods.METHODS, "k-nn", other)
    fill(config)
    assert capsys.readouterr().out.count("k-nn") == 5 + 12
    # Other settings of a problem: its cells alone, which an unfinished run leaves in part.
    monkeypatch.setattr(problems, "MAX_UNLABELED", 50)
    fill(config, draws=(1,))
    assert capsys.readouterr().out.count("satimage") == 2
    assert list(json.loads(paths[0].read_text())["draws"]) == ["1"]


@dataclasses.dataclass
class Spy:
    """A method that keeps what it was given."""

    title: str
    calls: list
    settings: ClassVar = {"spy": True}

    def __call__(self, x_labeled, y_labeled, x_unlabeled, x_test, seed, num_classes):
        self.calls.append((x_labeled, y_labeled, x_unlabeled, x_test, seed))
        return Answer(np.full((len(x_test), num_classes), 1 / num_classes), {})


def test_methods_see_the_same_rows_and_no_other_labels(config, monkeypatch):
    spies = {name: Spy(name, []) for name in ("one", "two")}
    for name, spy in spies.items():
        monkeypatch.setitem(methods.METHODS, name, spy)
    fill(config, methods=("one", "two"))

    assert len(spies["one"].calls) == len(spies["two"].calls) == 5 + 12
    for first, second in zip(spies["one"].calls, spies["two"].calls, strict=True):
        for a, b in zip(first, second, strict=True):
            assert np.array_equal(a, b, equal_nan=True)
        assert len(first[1]) == len(first[0]) <= 30


def test_the_report_compares_ours_with_the_best_baseline(config, monkeypatch):
    class Right(Spy):
        """As if it knew the test labels; at one draw it errs."""

        def __call__(self, x_labeled, y_labeled, x_unlabeled, x_test, seed, num_classes):
            problem = problems.PROBLEMS[0 if num_classes == 3 else 1]
            y = problems.draw(problem, config.data_dir, seed).y_test
            wrong = np.arange(len(y)) < (len(y) // 10 if seed == 0 else 0)
            return Answer(np.eye(num_classes)[(y + wrong) % num_classes], {})

    with pytest.raises(ValueError, match="`results` must hold finished cells"):
        report(config)
    monkeypatch.setitem(methods.METHODS, methods.OURS, Right("keras_dgm", []))
    fill(config, methods=(*FAST, methods.OURS))
    text = report(config)
    facts = json.loads((config.results / "summary.json").read_text())

    assert (config.results / "README.md").read_text() == text
    cells_of = {
        name: json.loads((config.results / f"satimage/{name}.json").read_text())["draws"]
        for name in (*FAST, methods.OURS)
    }
    errors = {name: [c["error"] for c in found.values()] for name, found in cells_of.items()}
    of_satimage = facts["problems"]["satimage"]
    best = of_satimage["best_baseline"]
    assert np.mean(errors[best]) == min(np.mean(errors[name]) for name in FAST)
    differences = np.subtract(errors[methods.OURS], errors[best])
    expected = [differences.mean(), differences.std(ddof=1) / 5**0.5]
    assert of_satimage["difference"] == pytest.approx(expected)
    assert errors[methods.OURS] == [0.1, 0, 0, 0, 0]
    assert facts["ranked"] == ["satimage", "ssl_digit1-10"]
    assert "2.00 ± 2.00" in text
    ranks = [facts["methods"][name]["mean_rank"] for name in facts["methods"]]
    assert sum(ranks) == pytest.approx(6)
    assert facts["methods"][methods.OURS]["six"] is None


def test_the_report_refuses_cells_of_different_settings(config, monkeypatch):
    fill(config, problems=("satimage",))
    monkeypatch.setattr(problems, "MAX_UNLABELED", 50)
    fill(config, problems=("satimage",), methods=("k-nn",))

    with pytest.raises(ValueError, match="`results` must hold cells of satimage with the same"):
        report(config)


def test_what_is_not_there_is_named(config, tmp_path):
    with pytest.raises(ValueError, match="`data-dir` must be a folder that holds the data"):
        fill(config, data_dir=tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"`methods` must be among logistic-regression, .* 'svm'"):
        fill(config, methods=("svm",))
    with pytest.raises(DataNotFoundError, match=r"`data-dir` must hold tables/satimage\.npz"):
        fill(config, data_dir=tmp_path)
    with pytest.raises(DataNotFoundError, match="must hold tensorflow_datasets/fashion_mnist"):
        problems.draw(Problem("fashion_mnist"), tmp_path, 0)
