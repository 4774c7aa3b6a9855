"""Fill the cells: each finished one is a JSON file, and is not run again."""

import dataclasses
import time
from pathlib import Path

import keras

import keras_dgm as dgm
from keras_dgm.runs import files, run_folder
from train import pipeline
from train.config import FitConfig, to_json
from train.errors import error
from train.experiments.table1 import classifiers, grid
from train.recipes import M2Recipe, completed

CLASSIFIERS = {
    "k-nn": "k-NN",
    "linear-svm": "linear SVM",
    "rbf-svm": "RBF SVM",
    "tsvm": "TSVM",
}
# What a cell keeps of the result of a run.
KEPT = ("valid_error", "test_error", "bound", "m2_seconds_per_epoch", "seconds")
# What of its configuration decides that result.
TRAINED = ("dataset", "num_labeled", "model", "m1_from", "teacher_sha256", "seed", "settings")

POSTERIOR_SAMPLES = 100


@dataclasses.dataclass(frozen=True)
class Table1Config:
    """Fill the cells of table 1 that are still empty, or print it; may be stopped at any point."""

    cells: tuple[str, ...] = ("mnist-*",)
    """Which: shell patterns of their names, DATASET-ROW-LABELS-SEED; mnist-m1+m2-100-* say."""
    report: bool = False
    """Only print the table of all finished cells, and write it into its page."""
    results: Path = Path("docs/table1")
    """The folder of the finished cells."""
    runs: Path = Path("runs/table1")
    """The folder of the run folders; an M1 there serves all cells of its recipe and seed."""
    page: Path = Path("docs/measured/table1.md")
    """The file that --report writes the table into."""
    data_dir: Path | None = None
    """Where the data is; by default TFDS_DATA_DIR."""
    download: bool = False
    """Let TFDS fetch the data set if it is absent."""


def fill(config):
    """Run the chosen cells, but those that are finished with the recipe that they have today."""
    for cell in grid.cells(config.cells):
        path = config.results / f"{cell.name}.json"
        earlier = files.read_json(path, missing_ok=True)
        if earlier is not None and is_of_today(cell, earlier):
            print(f"{cell.name}  finished: {path}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        result = run(cell, config)
        files.write_json(path, result)
        print(f"{cell.name}  {100 * result['test_error']:.2f} %  {path}", flush=True)


def is_of_today(cell, result):
    """Whether a result of a cell comes from the recipe that the cell has today."""
    return completed(result["recipe"]) == recipe(cell)


def run(cell, config):
    """The content of a cell's file; its seconds are without M1's, and None of a resumed run."""
    keras.backend.clear_session()
    facts = RUNNERS[cell.row.model](cell, config)
    return {
        "cell": cell.name,
        "dataset": cell.row.dataset,
        "model": cell.row.model,
        "num_labeled": cell.num_labeled,
        "seed": cell.seed,
        "recipe": recipe(cell),
        **facts,
        "versions": pipeline.versions(),
    }


def recipe(cell):
    """All settings that the cell is trained with, as JSON holds them."""
    model = cell.row.model
    if model in CLASSIFIERS:
        return files.as_json(grid_of(CLASSIFIERS[model]))
    content = dataclasses.asdict(cell.settings)
    if model == "m2":
        del content["m1"]
    elif model == "m1+tsvm":
        del content["m2"]
        content["tsvm"] = grid_of("TSVM")
    elif cell.num_labeled is None:
        content["posterior_samples"] = POSTERIOR_SAMPLES
    if cell.teacher is not None:
        content["teacher"] = dataclasses.asdict(cell.teacher.settings)
    return files.as_json(content)


def grid_of(classifier):
    """The settings among which validation data chooses."""
    _, settings = classifiers.CLASSIFIERS[classifier]
    return settings


# One function for each model: the errors of a cell, and what else is worth keeping.


def run_classifier(cell, config):
    return tune(CLASSIFIERS[cell.row.model], load_data(cell, config))


def run_m1_tsvm(cell, config):
    m1_file, m1_seconds = fit_m1(cell, config)
    m1 = keras.models.load_model(m1_file)
    data = load_data(cell, config)
    features = [m1.embed(x) for x in (data.x_train, data.x_valid, data.x_test)]
    return {**tune("TSVM", data, features), "m1_seconds": m1_seconds}


def tune(classifier, data, features=None):
    started = time.perf_counter()
    facts = classifiers.tuned(classifier, data, features)
    return {**facts, "seconds": time.perf_counter() - started}


def run_m2(cell, config):
    teacher, found = None, {}
    if cell.teacher is not None:
        folder, of_teacher, m1_seconds = fit_stack(cell.teacher, config)
        teacher = folder / run_folder.MODEL
        found = {"teacher_seconds": of_teacher["seconds"], "m1_seconds": m1_seconds}
    result = fit_once(fit_config(cell, config, "m2", teacher=teacher))
    return {**{key: result[key] for key in KEPT}, **found}


def fit_stack(cell, config):
    """The run folder of the M1+M2 of a cell, its result, and the seconds of its M1."""
    m1_file, m1_seconds = fit_m1(cell, config)
    told = fit_config(cell, config, "m1+m2", m1_from=m1_file)
    return told.folder, fit_once(told), m1_seconds


def run_m1_m2(cell, config):
    folder, result, m1_seconds = fit_stack(cell, config)
    facts = {**{key: result[key] for key in KEPT}, "m1_seconds": m1_seconds}
    if cell.num_labeled is None:
        model = keras.models.load_model(folder / run_folder.MODEL)
        data = load_data(cell, config)
        facts["valid_error_of_p"] = error_of_p(model, data.x_valid, data.y_valid)
        facts["test_error_of_p"] = error_of_p(model, data.x_test, data.y_test)
    return facts


def error_of_p(model, x, y):
    """The error of p(y|x), by importance sampling; like q(y|x), it sees grey pixels."""
    probs = dgm.evaluation.posterior_probs(model, x, POSTERIOR_SAMPLES, binarize=False, verbose=0)
    return error(probs.argmax(axis=-1), y)


RUNNERS = {
    **dict.fromkeys(CLASSIFIERS, run_classifier),
    "m1+tsvm": run_m1_tsvm,
    "m2": run_m2,
    "m1+m2": run_m1_m2,
}


def load_data(cell, config):
    return dgm.data.load(
        cell.row.dataset, cell.num_labeled, cell.seed, config.data_dir, config.download
    )


def fit_m1(cell, config):
    """The file and the seconds of the M1 of a recipe and seed, one for all numbers of labels."""
    folder = config.runs / f"{cell.row.recipe}-m1-{cell.seed}"
    settings = dataclasses.replace(cell.settings, m2=M2Recipe())
    told = fit_config(cell, config, "m1", num_labeled=0, run_dir=folder, settings=settings)
    return folder / run_folder.MODEL, fit_once(told)["seconds"]


def fit_config(cell, config, model, **changes):
    """What `python -m train fit` would be told."""
    told = FitConfig(
        dataset=cell.row.dataset,
        num_labeled=cell.num_labeled,
        model=model,
        recipe=cell.row.recipe,
        seed=cell.seed,
        run_dir=config.runs / cell.name,
        overwrite=True,
        data_dir=config.data_dir,
        download=config.download,
        baselines=False,
        settings=cell.settings,
    )
    return dataclasses.replace(told, **changes)


def fit_once(config):
    """The result of a run, which goes on where an earlier one with the same settings stopped."""
    earlier, wanted = run_folder.read_config(config.folder), files.as_json(to_json(config))
    if earlier is not None:
        known = {**earlier, "settings": completed(earlier["settings"])}
        if all(known.get(key) == wanted.get(key) for key in TRAINED):
            config = dataclasses.replace(config, overwrite=False, resume=True)
    return pipeline.fit(config)
