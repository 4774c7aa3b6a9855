"""log p(x) of a run's model on its test set, and the error of p(y|x)."""

import dataclasses
import sys
import time
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from keras_dgm import evaluation
from keras_dgm.evaluation import weights
from keras_dgm.runs import files, run_folder
from train import runs
from train.errors import error, percent
from train.report import mean_and_error
from train.settings import NonNegative, Positive, Rule

# Test examples between two writes of the file.
BLOCK = 1000
FIGURES = ("log_p", "stderr", "bias", "log_p_tenth", "khat", "ess")
PER_EXAMPLE = (*FIGURES, "predicted")
NumSamples = Annotated[
    int,
    Rule(
        f"be an integer of at least {weights.LEAST_SAMPLES}, for the weights' tail to be judged",
        lambda value: isinstance(value, int) and value >= weights.LEAST_SAMPLES,
    ),
]


@dataclasses.dataclass(frozen=True)
class LikelihoodConfig:
    """Estimate log p(x) of a run's model on its test set by importance sampling.

    Writes likelihood.json into the run folder as it goes; the same command goes on after an
    interruption. Where the model has classes, the error of the importance-sampled p(y|x) is
    reported beside that of q(y|x). Under a Bernoulli likelihood, log p(x) and p(y|x) are those of
    test examples that are binarised once, with --seed.
    """

    run: Annotated[Path, tyro.conf.Positional]
    """A run folder that `fit` wrote."""
    num_samples: NumSamples = 5000
    """Importance samples of each example; compare models at the same number."""
    examples: Positive | None = None
    """The first so many of the test set; None: all."""
    seed: NonNegative = 0
    """Of the binarisation and the samples."""
    overwrite: bool = False
    """Replace an estimate of other settings."""
    summary: Path | None = None
    """A file for the same without the estimates of each example."""
    data_dir: Path | None = None
    """Where the data is; by default where it was in training."""


def measure(config):
    """Estimate what is not in likelihood.json yet, and return its content.

    Raises:
        ValueError: naming the argument, the rule and the value received.
    """
    run = runs.load(config.run, config.data_dir)
    model, data = run.model, run.data
    x, y = data.x_test[: config.examples], data.y_test[: config.examples]
    path = config.run / run_folder.LIKELIHOOD
    settings = {
        "num_samples": config.num_samples,
        "seed": config.seed,
        "examples": len(x),
        "model": files.sha256(config.run / run_folder.MODEL),
    }
    record = _earlier(path, settings, config.overwrite)
    while len(record["log_p"]) < len(x):
        _add_block(record, model, x, config)
        done = len(record["log_p"])
        print(f"{done}/{len(x)}  {np.mean(record['log_p']):.2f} nats", flush=True)
        files.write_json(path, record)
    record |= {
        **summary(record),
        "dataset": data.name,
        "training": {
            "seconds": run.folder.result["seconds"],
            "m1_bound": run.folder.result.get("m1_bound"),
            "settings": run.folder.config["settings"],
        },
    }
    if record["predicted"]:
        predicted = model.predict(x, verbose=0).argmax(axis=-1)
        record["error_of_p"] = error(np.array(record["predicted"]), y)
        record["error_of_q"] = error(predicted, y)
    files.write_json(path, record)
    if config.summary is not None:
        config.summary.parent.mkdir(parents=True, exist_ok=True)
        content = {name: value for name, value in record.items() if name not in PER_EXAMPLE}
        files.write_json(config.summary, content)
    return record


def summary(record):
    """Means and extremes of the figures of every example."""
    found = {name: np.array(record[name]) for name in FIGURES}
    mean, of_test_set = mean_and_error(found["log_p"])
    return {
        "log_likelihood": float(mean),
        "monte_carlo_stderr": float(np.linalg.norm(found["stderr"]) / len(found["stderr"])),
        "test_set_stderr": of_test_set,
        "mean_bias": float(np.mean(found["bias"])),
        "log_likelihood_tenth": float(np.mean(found["log_p_tenth"])),
        "khat_median": float(np.median(found["khat"])),
        "khat_largest": float(np.max(found["khat"])),
        "khat_too_large": float(np.mean(found["khat"] > weights.KHAT_LIMIT)),
        "ess_median": float(np.median(found["ess"])),
        "ess_least": float(np.min(found["ess"])),
    }


def _earlier(path, settings, overwrite):
    empty = {**settings, "seconds": 0.0, **{name: [] for name in PER_EXAMPLE}}
    record = files.read_json(path, missing_ok=True)
    if record is None:
        return empty
    found = {name: record.get(name) for name in settings}
    if found == settings and all(name in record for name in PER_EXAMPLE):
        return record
    if overwrite:
        return empty
    raise ValueError(
        "`run` must hold no estimate of other settings or an earlier version (or add --overwrite), "
        f"got {path} of {found}"
    )


def _add_block(record, model, x, config):
    start = len(record["log_p"])
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Pareto k-hat")  # The report says it once of all blocks.
        found = evaluation.log_likelihood(
            model,
            x[start : start + BLOCK],
            config.num_samples,
            seed=config.seed + start,
            verbose="auto" if sys.stdout.isatty() else 0,
        )
    record["seconds"] += time.perf_counter() - started
    for name in FIGURES:
        record[name] += np.round(getattr(found, name), 4).tolist()
    if model.num_classes is not None:
        record["predicted"] += found.log_p_xy.argmax(axis=-1).tolist()


def report(config, record):
    """What the command prints at its end."""
    m1, m2 = (record["training"]["settings"][name] for name in ("m1", "m2"))
    of_test_set = record["test_set_stderr"]
    caveat = weights.caveat(np.array(record["khat"]))
    lines = [
        f"log p(x) of {record['examples']} test examples of {record['dataset']}: "
        f"{record['log_likelihood']:.2f} ± {record['monte_carlo_stderr']:.3f} nats (Monte Carlo)"
        + ("" if of_test_set is None else f", ± {of_test_set:.2f} (test set)"),
        f"  {record['num_samples']} samples each, {record['seconds']:.0f} s; from a tenth of them "
        f"{record['log_likelihood_tenth']:.2f} nats; "
        f"bias by the jackknife {record['mean_bias']:.3f} nats",
        f"  Pareto k-hat {record['khat_median']:.2f} (median), "
        f"{record['khat_largest']:.2f} (largest); "
        f"effective sample size {record['ess_median']:.0f} (median), "
        f"{record['ess_least']:.0f} (least)",
        f"  epochs asked for: {m1['epochs']} of M1 (k = {m1['num_samples']})",
    ]
    if "error_of_p" in record:
        lines[-1] += f", {m2['epochs']} of M2"
        lines += [
            f"  test error: {percent(record['error_of_p'])} by p(y|x), "
            f"{percent(record['error_of_q'])} by q(y|x)"
        ]
    if caveat is not None:
        lines += [f"  warning: {caveat}"]
    return "\n".join([*lines, f"the estimates are in {config.run / run_folder.LIKELIHOOD}"])
