"""The table at the end of a run, for people."""

import numpy as np

from keras_dgm.runs import run_folder
from train import errors, verdict
from train.errors import percent

NAMES = {
    "m1": "M1 + RBF SVM",
    "m2": "M2",
    "m1+m2": "M1+M2",
    "adgm": "ADGM",
    "sdgm": "SDGM",
    "m1+adgm": "M1+ADGM",
    "m1+sdgm": "M1+SDGM",
}
# A confusion matrix of more classes is in result.json alone.
MOST_CLASSES = 12


def table(rows):
    """Lines of names and numbers, the latter aligned.

    Args:
        rows: tuples of a name and texts.
    """
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        "  ".join([f"  {name:<{first}}", *map("{:>{}}".format, texts, others)])
        for name, *texts in rows
    )


def of_run(config, result):
    """What `fit` prints at its end."""
    lines = []
    if result["test_error"] is not None:
        lines += of_errors(NAMES[config.model], result)
    lines += verdict.lines(NAMES.get(config.model), result)
    if "active_dims" in result:
        lines += [
            f"M1: {result['m1_bound']:.2f} nats on test data, "
            f"{result['active_dims']} of {config.settings.m1.latent_dim} latent dimensions active"
        ]
    if "committee" in result:
        lines += ["who says how much in its committee, and errs on held-out labels:"]
        lines += [table([of_member(*member) for member in result["committee"].items()])]
    model = config.folder / run_folder.MODEL
    if config.model == "conditional":
        lines += [f"{result['bound']:.2f} nats on test data, of the other pixels given the middle"]
    seconds = result["seconds"]
    trained = "resumed" if seconds is None else f"{seconds:.0f} s of training"
    lines += [f"{trained}; the model is {model}"]
    return "\n".join(lines)


def of_member(name, member):
    """A row: a member of a committee, its weight, its error in cross-validation."""
    error = "" if member["error"] is None else percent(member["error"])
    return name, f"{100 * member['weight']:.0f} %", error


def of_errors(name, result):
    """The errors of a classifier and of the baselines; by class where the classes are uneven."""
    uneven = errors.is_uneven(result["confusion"])
    rows = []
    for each, found in {name: result, **result.get("baselines", {})}.items():
        low, high = found["interval"]
        row = [each, percent(found["test_error"]), f"{100 * low:.1f} to {100 * high:.1f} %"]
        rows.append([*row, percent(found["balanced_error"])] if uneven else row)
    heading = (
        f"test error on {result['dataset']['name']}, {result['dataset']['num_labeled']} labels"
    )
    heading += ", its 95 % interval" + (", and the mean error of the classes:" if uneven else ":")
    lines = [heading, table(rows)]
    if uneven and len(result["confusion"]) <= MOST_CLASSES:
        lines += of_confusion(result["confusion"], result["dataset"]["class_names"])
    return lines


def of_confusion(matrix, names):
    """A confusion matrix, for people."""
    rows = [
        ("", *names),
        *((name, *map(str, row)) for name, row in zip(names, matrix, strict=True)),
    ]
    return ["what each class (rows) was taken for:", table(rows)]


def of_draws(config, results):
    """What `draws` prints: the mean over the runs and its standard error."""
    if results[0]["test_error"] is None:
        return f"{len(results)} draws of a model that does not classify"
    by_name = {NAMES[config.model]: [result["test_error"] for result in results]}
    for name in results[0].get("baselines", {}):
        by_name[name] = [result["baselines"][name]["test_error"] for result in results]
    heading = f"test error, mean ± standard error over {len(results)} draws:"
    lines = [heading, table([(name, with_error(values)) for name, values in by_name.items()])]
    ours = by_name.pop(NAMES[config.model])
    if by_name:
        lines += [f"more than {NAMES[config.model]}, paired over the draws:"]
        more = {name: np.subtract(values, ours) for name, values in by_name.items()}
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
