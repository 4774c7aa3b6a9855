"""Fill the cells: a file for each problem and method holds its draws, and none is run again."""

import dataclasses
import importlib.metadata
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score

import keras_dgm as dgm
from keras_dgm.evaluation import calibration
from keras_dgm.runs.files import as_json, read_json, write_json
from train.experiments.compare import problems
from train.experiments.compare.methods import METHODS
from train.settings import NonNegative

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("keras", "tensorflow", "numpy", "scipy", "scikit-learn")
BINS = 10
DIGITS = 6


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """Compare classifiers on the same few labels of many data sets; may be stopped at any point.

    A cell is a draw of a problem and a method. A finished one is skipped, unless the settings of
    its problem or its method have changed.
    """

    problems: tuple[str, ...] = ("*",)
    """Which: shell patterns of their names, DATASET or DATASET-LABELS; ssl_*-100 say."""
    methods: tuple[str, ...] = tuple(METHODS)
    """Which, by name."""
    draws: tuple[NonNegative, ...] = ()
    """Which; by default those of the table. To choose a recipe, take others, and other results."""
    report: bool = False
    """Only write README.md and summary.json from all finished cells, and print the table."""
    results: Path = Path("docs/results/compare")
    """The folder of the finished cells."""
    data_dir: Path = ROOT.parent / "shared" / "data"
    """The folder that holds tables/ and tensorflow_datasets/."""


def fill(config):
    """Run the chosen cells, but those that are finished with the settings of today.

    Raises:
        ValueError: if a pattern or a name matches nothing, or the data is not there.
    """
    if not config.data_dir.is_dir():
        raise ValueError(f"`data-dir` must be a folder that holds the data, got {config.data_dir}")
    for name in config.methods:
        if name not in METHODS:
            raise ValueError(f"`methods` must be among {', '.join(METHODS)}, got {name!r}")
    for problem in problems.find(config.problems):
        for name in config.methods:
            fill_file(problem, name, config)


def fill_file(problem, name, config):
    """Run what is missing of a problem's and a method's draws; each is written at once."""
    path = file_of(problem, name, config.results)
    content = opened(path, problem, name)
    for seed in config.draws or problem.draws:
        if str(seed) in content["draws"]:
            continue
        draw = problems.draw(problem, config.data_dir, seed)
        result = run(METHODS[name], draw, seed)
        content["rows"] = draw.facts
        content["draws"][str(seed)] = result
        content["versions"] = versions()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
        error, seconds = 100 * result["error"], result["seconds"]
        print(f"{problem.name}  {name}  draw {seed}  {error:.2f} %  {seconds:.1f} s", flush=True)


def file_of(problem, name, folder):
    """Where the cells of a problem and a method are."""
    return folder / problem.name / f"{name}.json"


def opened(path, problem, name):
    """The content of a file of cells; without draws where its settings are others than today's."""
    settings = as_json({"problem": problem.settings, "method": METHODS[name].settings})
    content = read_json(path, missing_ok=True)
    if content is None or content["settings"] != settings:
        content = {"problem": problem.name, "method": name, "settings": settings, "draws": {}}
    return content


def run(method, draw, seed):
    """A cell: errors as fractions, the time it took, and what the method chose.

    `seconds` are of the clock; `cpu_seconds` those of all threads, which a busy machine does not
    lengthen.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        answer = method(
            draw.x_labeled, draw.y_labeled, draw.x_unlabeled, draw.x_test, seed, draw.num_classes
        )
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    return {**scores(draw.y_test, answer.probs), "seconds": round(seconds, 2)} | {
        "cpu_seconds": round(cpu_seconds, 2),
        "setting": answer.setting,
    }


def scores(y, probs):
    """Error, balanced error and expected calibration error of probabilities [N, K]."""
    predicted = probs.argmax(axis=1)
    return {
        "error": round(float(np.mean(predicted != y)), DIGITS),
        "balanced_error": round(1 - float(balanced_accuracy_score(y, predicted)), DIGITS),
        "ece": round(calibration(y, probs, BINS).error, DIGITS),
    }


def versions():
    """What the latest cell of a file was computed with."""
    installed = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {"keras_dgm": dgm.__version__, **installed}
