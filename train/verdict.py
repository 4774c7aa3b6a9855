"""What a run's result is worth, in words: what to use, and why."""

import numpy as np
from scipy import stats


def of_errors(name, error, baselines, data, unseen=()):
    """What is to be said of a classifier's test error.

    Args:
        name: of the classifier.
        error: its test error, a fraction.
        baselines: the results of the baselines by name, on the same test set.
        data: the `Dataset`.
        unseen: the names of classes without a label.

    Returns:
        A dict of `use`, the name of what errs least; `interval`, of the test error with a
        probability of 95 % (Wilson); `most_frequent_error`, of always saying the most frequent
        class; and `reasons`, a list of lines.
    """
    y = data.y_test[data.y_test >= 0]
    interval = stats.binomtest(round(error * len(y)), len(y)).proportion_ci(method="wilson")
    trivial = 1 - np.bincount(y).max() / len(y)
    use, reasons = name, []
    if unseen:
        reasons.append(f"no label of class {', '.join(unseen)} in training: it is never predicted")
    if baselines:
        best = min(baselines, key=lambda each: baselines[each]["test_error"])
        if baselines[best]["test_error"] < error:
            use = best
            reasons.append(
                f"{best} errs less on the same labels, {percent(baselines[best]['test_error'])}: "
                f"use it instead"
            )
    if error >= trivial:
        reasons.append(
            f"no better than always saying the most frequent class, which errs {percent(trivial)}"
        )
    return {
        "use": use,
        "interval": [float(interval.low), float(interval.high)],
        "most_frequent_error": float(trivial),
        "reasons": reasons,
    }


def lines(name, error, verdict, count):
    """A verdict, for people.

    Args:
        name: of the classifier.
        error: its test error, a fraction.
        verdict: of `of_errors`.
        count: test examples with a label.
    """
    low, high = verdict["interval"]
    found = [
        f"verdict: {name} errs {percent(error)} (95 % interval {percent(low)} to {percent(high)}, "
        f"{count} test examples); always the most frequent class: "
        f"{percent(verdict['most_frequent_error'])}"
    ]
    return [*found, *(f"  {reason}" for reason in verdict["reasons"])]


def percent(fraction):
    """A fraction as text."""
    return f"{100 * fraction:.1f} %"
