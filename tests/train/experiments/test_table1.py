"""`python -m train table1`: its grid, its cells on made-up data, its report."""

import collections
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import keras_dgm as dgm
from keras_dgm.runs import files, run_folder
from train import pipeline, recipes
from train.cli import main
from train.config import to_json
from train.experiments.table1 import cells, grid, report

tfds = pytest.importorskip("tensorflow_datasets")
ROOT = Path(__file__).resolve().parents[3]


def cell(pattern):
    (found,) = grid.cells([pattern])
    return found


def test_the_grid_has_the_paper_s_columns_and_the_draws_asked_for():
    counts = collections.Counter((c.row.dataset, c.row.model, c.num_labeled) for c in grid.cells())
    for labels in (100, 600, 1000, 3000):
        assert counts["mnist", "m1+tsvm", labels] >= 5
        assert counts["mnist", "m2", labels] >= 3
        assert counts["mnist", "m1+m2", labels] >= (10 if labels == 100 else 3)
        assert all(counts["mnist", model, labels] >= 5 for model in cells.CLASSIFIERS)
    assert counts["mnist", "m1+m2", None] >= 3
    assert {c.row.model for c in grid.cells()} == set(cells.RUNNERS)


def test_names_are_unique_and_the_first_draws_come_first():
    found = grid.cells(["mnist-*"])

    assert len({c.name for c in found}) == len(found)
    assert [c.seed for c in found] == sorted(c.seed for c in found)
    assert cell("mnist-m1+m2-all-0").num_labeled is None
    with pytest.raises(ValueError, match=r"`cells` must be patterns of names .* 'cifar-"):
        grid.cells(["mnist-*", "cifar-*"])


def test_one_recipe_a_row_but_for_what_the_row_says_of_a_number_of_labels():
    assert cell("mnist-m1+m2-100-0").settings.m2.hidden_units == (300,)
    assert cell("mnist-m1+m2-600-0").settings.m2.hidden_units == (500,)
    assert cell("mnist-m1+m2-smooth-600-0").settings.m2.hidden_units == (300,)
    assert cell("mnist-m2-100-0").settings.m2.hidden_units == (500,)
    assert cell("smallnorb-m1+tsvm-1000-0").settings.pca is not None
    smooth = cell("mnist-m2-smooth-all-0").settings.m2
    assert smooth.alpha == smooth.adversarial_weight == 10.0
    for row in grid.ROWS:
        own = {name: None for settings in row.m2.values() for name in settings}
        of_row = [c.settings for c in grid.cells() if c.row is row]
        shared = [dataclasses.replace(s, m2=dataclasses.replace(s.m2, **own)) for s in of_row]
        assert all(settings == shared[0] for settings in shared)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Recipes of one epoch, and a call of the command in a folder of its own."""
    monkeypatch.setattr(dgm.StackedM1M2, "COLLAPSED_STDDEV", 0.0)
    for name in {row.recipe for row in grid.ROWS}:
        recipe = recipes.RECIPES[name]
        short = {"epochs": 1, "batch_size": 100}
        monkeypatch.setitem(
            recipes.RECIPES,
            name,
            dataclasses.replace(
                recipe,
                m1=dataclasses.replace(recipe.m1, hidden_units=(8,), latent_dim=4, **short),
                m2=dataclasses.replace(recipe.m2, class_sum="exact", **short),
            ),
        )

    def call(*arguments, num_examples=480):
        options = ["--results", str(tmp_path / "results"), "--runs", str(tmp_path / "runs")]
        with tfds.testing.mock_data(num_examples=num_examples), threadpool_limits(1):
            return main(["table1", *options, "--download", *arguments])

    call.results = tmp_path / "results"
    call.runs = tmp_path / "runs"
    return call


@pytest.mark.slow
def test_cells_of_every_model_are_filled_once(tiny, monkeypatch, capsys):
    rows = [row.name for row in grid.ROWS if row.dataset == "mnist" and not row.variant_of]
    rows += ["m2-taught"]
    patterns = [*(f"mnist-{name}-100-0" for name in rows), "mnist-m1+m2-all-0"]
    assert tiny("--cells", *patterns) == 0
    names = {c.name for c in grid.cells(patterns)}
    assert {path.stem for path in tiny.results.iterdir()} == names
    results = {name: json.loads((tiny.results / f"{name}.json").read_text()) for name in names}
    for name, result in results.items():
        assert result["cell"] == name
        assert 0 <= result["valid_error"] <= 1 and 0 <= result["test_error"] <= 1
        assert result["seconds"] > 0 and result["seed"] == 0
        assert {"keras_dgm", "tensorflow", "python"} <= set(result["versions"])
        assert result["recipe"] == cells.recipe(cell(name))
        assert (result.get("m1_seconds", 0) > 0) == ("-m1+" in name or "taught" in name)
        assert ("test_error_of_p" in result) == (name == "mnist-m1+m2-all-0")
    # One M1 for M1+TSVM, and one for M1+M2 at any number of labels.
    m1_folders = {folder.name for folder in tiny.runs.glob("mnist*-m1-*")}
    assert m1_folders == {"mnist-m1-0", "mnist-long-m1-0", "mnist-smooth-m1-0"}
    taught = results["mnist-m2-taught-100-0"]
    assert taught["model"] == "m2" and taught["teacher_seconds"] > 0
    assert taught["recipe"]["teacher"] == cells.recipe(cell("mnist-m1+m2-smooth-100-0"))
    assert "m1" not in taught["recipe"]
    assert (tiny.runs / "mnist-m1+m2-smooth-100-0" / run_folder.MODEL).exists()

    # A second call runs nothing, and a lost file only its own cell, which repeats its result.
    monkeypatch.setattr(pipeline, "fit", lambda config: pytest.fail(f"trained {config}"))
    (tiny.results / "mnist-k-nn-100-0.json").unlink()
    assert tiny("--cells", *patterns) == 0
    again = json.loads((tiny.results / "mnist-k-nn-100-0.json").read_text())
    assert again["test_error"] == results["mnist-k-nn-100-0"]["test_error"]
    assert capsys.readouterr().out.count("finished") == len(names) - 1


def test_what_the_recipe_changed_is_trained_again_and_nothing_else(tmp_path, monkeypatch):
    trained = []

    def fit(config):
        if config.resume:
            return run_folder.read_result(config.folder)
        trained.append((config.model, config.settings.m1.epochs, config.settings.m2.epochs))
        files.write_json(config.folder / run_folder.CONFIG, to_json(config))
        result = {**dict.fromkeys(cells.KEPT, 0.5), "epochs": config.settings.m2.epochs}
        files.write_json(config.folder / run_folder.RESULT, result)
        return result

    def use(m1_epochs, m2_epochs):
        m1, m2 = recipes.M1Recipe(epochs=m1_epochs), recipes.M2Recipe(epochs=m2_epochs)
        monkeypatch.setitem(recipes.RECIPES, "mnist-long", recipes.Recipe(m1=m1, m2=m2))
        trained.clear()
        cells.fill(config)

    monkeypatch.setattr(pipeline, "fit", fit)
    for folder in ("mnist-long-m1-0", "mnist-m1+m2-100-0", "mnist-m1+m2-600-0"):
        (tmp_path / folder).mkdir()
    names = ("mnist-m1+m2-100-0", "mnist-m1+m2-600-0")
    config = cells.Table1Config(cells=names, results=tmp_path / "results", runs=tmp_path)
    use(3, 5)
    assert trained == [("m1", 3, recipes.M2Recipe().epochs), *[("m1+m2", 3, 5)] * 2]
    use(3, 5)
    assert trained == []
    # A run from before a setting came, which it had at its default.
    told = files.read_json(tmp_path / "mnist-m1+m2-600-0" / run_folder.CONFIG)
    del told["settings"]["m2"]["restarts"]
    files.write_json(tmp_path / "mnist-m1+m2-600-0" / run_folder.CONFIG, told)
    (config.results / "mnist-m1+m2-600-0.json").unlink()
    use(3, 5)
    assert trained == []
    use(3, 6)
    assert trained == [("m1+m2", 3, 6)] * 2
    use(4, 6)
    assert [model for model, *_ in trained] == ["m1", "m1+m2", "m1+m2"]
    for name in names:
        assert files.read_json(config.results / f"{name}.json")["recipe"]["m1"]["epochs"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["svhn_cropped", "smallnorb"])
def test_the_other_data_on_made_up_images(dataset, tiny):
    assert tiny("--cells", f"{dataset}-*-0", num_examples=2000) == 0
    found = [json.loads(path.read_text()) for path in tiny.results.iterdir()]
    assert {f["model"] for f in found} == {r.model for r in grid.ROWS if r.dataset == dataset}
    assert all(f["recipe"]["pca"] == 100 for f in found)


def write_cell(folder, name, test_error):
    folder.mkdir(exist_ok=True)
    found = cell(name)
    content = {"seed": found.seed, "test_error": test_error, "recipe": cells.recipe(found)}
    (folder / f"{name}.json").write_text(json.dumps(content))


def test_the_table_holds_means_and_standard_errors(tmp_path):
    errors = [0.03, 0.04, 0.035]
    for seed, error in enumerate(errors):
        write_cell(tmp_path, f"mnist-m1+m2-100-{seed}", error)
    write_cell(tmp_path, "mnist-m1+m2-all-0", 0.01)
    path = tmp_path / "mnist-m1+m2-all-0.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "test_error_of_p": 0.02}))
    write_cell(tmp_path, "svhn_cropped-m1+m2-1000-0", 0.4)
    lines = report.table(tmp_path).splitlines()

    spread = 100 * np.std(errors, ddof=1) / 3**0.5
    assert f"| **M1+M2** | 3.50 ± {spread:.2f} (3) | – | – | – | 1.00 (1) |" in lines
    assert "| M1+M2, by p(y\\|x) | – | – | – | – | 2.00 (1) |" in lines
    assert "| M1+M2, target | 2.8 | 2.3 | 2.2 | 2.0 | 0.96 |" in lines
    assert "| M1+TSVM, paper | 11.82 ± 0.25 | 5.72 ± 0.05 | 4.24 ± 0.07 | 3.49 ± 0.04 |  |" in lines
    assert "| SVHN, M1+M2 | 40.00 (1) | 36.02 ± 0.10 |" in lines
    assert "| small NORB, M1+TSVM | not run here | 18.79 ± 0.05 |" in lines


def test_differences_are_paired_over_the_draws_that_both_have(tmp_path):
    for seed, error in enumerate([0.03, 0.05, 0.04]):
        write_cell(tmp_path, f"mnist-m1+m2-100-{seed}", error)
    for seed, error in {0: 0.20, 2: 0.22, 4: 0.9}.items():
        write_cell(tmp_path, f"mnist-k-nn-100-{seed}", error)
    write_cell(tmp_path, "mnist-tsvm-100-1", 0.15)

    lines = report.table(tmp_path).splitlines()

    assert "| more than M1+M2, paired | 100 | 600 | 1000 | 3000 | all |" in lines
    assert "| k-NN | 17.50 ± 0.50 (2) | – | – | – | – |" in lines
    assert "| TSVM | 10.00 (1) | – | – | – | – |" in lines
    assert "| M2 | – | – | – | – | – |" in lines


def test_a_cell_of_an_earlier_recipe_is_refused(tmp_path, monkeypatch):
    write_cell(tmp_path, "mnist-m2-100-0", 0.1)
    monkeypatch.setitem(recipes.RECIPES, "mnist-m2", recipes.find("mnist"))
    with pytest.raises(ValueError, match=r"today's recipes, got mnist-m2-100-0 of another"):
        report.table(tmp_path)


def test_the_report_goes_between_the_markers(tmp_path, capsys):
    page = tmp_path / "table1.md"
    page.write_text("# Title\n\n<!-- table1 -->\nstale\n<!-- /table1 -->\n\nend\n")
    write_cell(tmp_path / "cells", "mnist-k-nn-100-0", 0.25)
    options = ["--results", str(tmp_path / "cells"), "--page", str(page)]

    assert main(["table1", "--report", *options]) == 0

    printed = capsys.readouterr().out
    assert "| **k-NN** | 25.00 (1) |" in printed
    text = page.read_text()
    assert text == f"# Title\n\n<!-- table1 -->\n{printed}<!-- /table1 -->\n\nend\n"
    page.write_text("# Title\n")
    assert main(["table1", "--report", *options]) == 1
    assert "`page` must hold the lines" in capsys.readouterr().err


def test_the_committed_table_is_that_of_the_committed_cells(tmp_path):
    committed = ROOT / cells.Table1Config.page
    page = tmp_path / "table1.md"
    page.write_bytes(committed.read_bytes())
    report.write(cells.Table1Config(results=ROOT / "docs" / "table1", page=page))

    assert page.read_bytes() == committed.read_bytes()


def test_the_committed_cells_have_today_s_recipes():
    for path in sorted((ROOT / "docs" / "table1").glob("*.json")):
        assert cells.is_of_today(cell(path.stem), files.read_json(path)), path.name
