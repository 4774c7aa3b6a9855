"""What a run's result is worth, in words: what to use, and why."""

import functools

import numpy as np

from train import errors, guards

percent = functools.partial(errors.percent, digits=1)


def of_run(name, model, data, result):
    """What is to be said of a run.

    Args:
        name: of its classifier; None of a conditional model, whose bound is of a part of x.
        model: trained.
        data: the `Dataset`.
        result: what `fitting.fit` found, and `baselines`, their results by name, if there are any.

    Returns:
        A dict of `reasons`, a list of lines; where there is a test error, of what `of_errors`
        returns as well.
    """
    reasons = guards.reasons(model, data, result) if name else []
    if result["test_error"] is None:
        return {"reasons": reasons}
    found = of_errors(name, result, result.get("baselines", {}), data)
    return {**found, "reasons": [*found["reasons"], *reasons]}


def of_errors(name, result, baselines, data):
    """What is to be said of a classifier's test error.

    Args:
        name: of the classifier.
        result: what `errors.of_test` says of it.
        baselines: the same of the baselines by name, on the same test set.
        data: the `Dataset`.

    Returns:
        A dict of `use`, the name of what errs least; `most_frequent_error`, of always saying the
        most frequent class; and `reasons`, a list of lines.
    """
    error, matrix = result["test_error"], np.array(result["confusion"])
    trivial = float(1 - matrix.sum(axis=1).max() / matrix.sum())
    best = min(baselines, key=lambda each: baselines[each]["test_error"], default=None)
    use, reasons = name, _of_classes(matrix, data)
    if best is not None and baselines[best]["test_error"] <= error:
        use = best
        reasons.append(
            f"{name} is not better than {best}, which errs "
            f"{percent(baselines[best]['test_error'])} on the same labels: use that instead"
        )
    if error >= trivial:
        reasons.append(
            f"no better than always saying the most frequent class, which errs {percent(trivial)}"
        )
    if baselines and errors.is_uneven(matrix):
        fairest = min(baselines, key=lambda each: baselines[each]["balanced_error"])
        if baselines[fairest]["balanced_error"] < result["balanced_error"] and fairest != use:
            reasons.append(
                f"{fairest} errs less where all classes count the same, "
                f"{percent(baselines[fairest]['balanced_error'])} against "
                f"{percent(result['balanced_error'])}"
            )
    return {"use": use, "most_frequent_error": trivial, "reasons": reasons}


def _of_classes(matrix, data):
    """Lines on classes without a label, and on those that are never recognised."""
    labels = np.bincount(data.y_train[data.y_train >= 0], minlength=data.num_classes)
    counts = matrix.sum(axis=1)
    unseen = np.flatnonzero((labels == 0) & (matrix.sum(axis=0) == 0))
    missed = np.flatnonzero((labels > 0) & (counts > 0) & (np.diag(matrix) == 0))
    lines = []
    if len(unseen):
        lines.append(
            f"no label of class {_names(unseen, data)} in training: it is never predicted; label "
            "some"
        )
    if len(missed):
        lines.append(
            f"class {_names(missed, data)} is never recognised (0 of {counts[missed].sum()} test "
            "examples)"
        )
    return lines


def _names(classes, data):
    return ", ".join(data.class_names[label] for label in classes)


def lines(name, result):
    """A run's verdict, for people.

    Args:
        name: of its classifier.
        result: the content of its result.json.
    """
    verdict = result["verdict"]
    reasons = [f"  {reason}" for reason in verdict["reasons"]]
    if result["test_error"] is None:
        return ["verdict:", *reasons] if reasons else []
    low, high = result["interval"]
    return [
        f"verdict: {name} errs {percent(result['test_error'])} (95 % interval {100 * low:.1f} to "
        f"{percent(high)}, {result['dataset']['num_test']} test examples); always the most "
        f"frequent class: {percent(verdict['most_frequent_error'])}; use {verdict['use']}",
        *reasons,
    ]
