"""The table at the end of a run, for people."""

import numpy as np

from keras_dgm.runs import run_folder
from train import verdict

NAMES = {"m1": "M1 + RBF SVM", "m2": "M2", "m1+m2": "M1+M2"}


def table(rows):
    """Lines of names and test errors, the errors aligned.

    Args:
        rows: pairs of a name and a text.
    """
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {text:>8}" for name, text in rows)


def percent(error):
    """A fraction as text."""
    return f"{100 * error:.2f} %"


def of_run(config, result):
    """What `fit` prints at its end."""
    lines = []
    if result["test_error"] is not None:
        errors = {NAMES[config.model]: result["test_error"]}
        for name, baseline in result.get("baselines", {}).items():
            errors[name] = baseline["test_error"]
        labels = result["dataset"]["num_labeled"]
        lines += [f"test error on {result['dataset']['name']}, {labels} labels:"]
        lines += [table([(name, percent(error)) for name, error in errors.items()])]
        lines += verdict.lines(
            NAMES[config.model],
            result["test_error"],
            result["verdict"],
            result["dataset"]["num_test"],
        )
    if "active_dims" in result:
        lines += [
            f"M1: {result['m1_bound']:.2f} nats on test data, "
            f"{result['active_dims']} of {config.settings.m1.latent_dim} latent dimensions active"
        ]
    model = config.folder / run_folder.MODEL
    if config.model == "conditional":
        lines += [f"{result['bound']:.2f} nats on test data, of the other pixels given the middle"]
    seconds = result["seconds"]
    trained = "resumed" if seconds is None else f"{seconds:.0f} s of training"
    lines += [f"{trained}; the model is {model}"]
    return "\n".join(lines)


def of_draws(config, results):
    """What `draws` prints: the mean over the runs and its standard error."""
    if results[0]["test_error"] is None:
        return f"{len(results)} draws of a model that does not classify"
    errors = {NAMES[config.model]: [result["test_error"] for result in results]}
    for name in results[0].get("baselines", {}):
        errors[name] = [result["baselines"][name]["test_error"] for result in results]
    heading = f"test error, mean ± standard error over {len(results)} draws:"
    lines = [heading, table([(name, with_error(values)) for name, values in errors.items()])]
    ours = errors.pop(NAMES[config.model])
    if errors:
        lines += [f"more than {NAMES[config.model]}, paired over the draws:"]
        more = {name: np.subtract(values, ours) for name, values in errors.items()}
        lines += [table([(name, with_error(values)) for name, values in more.items()])]
    return "\n".join(lines)


def with_error(errors):
    """Mean ± standard error of fractions, in %."""
    mean, spread = mean_and_error([100 * error for error in errors])
    return f"{mean:.2f} %" if spread is None else f"{mean:.2f} ± {spread:.2f} %"


def mean_and_error(values):
    """The mean, and its standard error; None for the error of a single value."""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else None
    return np.mean(values), error
