"""Numbers out of the finished cells alone: means, ranks and paired differences."""

import numpy as np
from scipy.stats import rankdata, sem

from keras_dgm.runs.files import read_json
from train.experiments.compare import problems
from train.experiments.compare.cells import file_of
from train.experiments.compare.methods import METHODS, OURS

MEASURES = ("error", "balanced_error", "ece", "seconds", "cpu_seconds")
# The sets of the benchmark of 2006 whose mean error is given.
SIX = tuple(f"ssl_{name}-100" for name in ("g241c", "g241n", "digit1", "usps2", "coil", "bci"))
CLOSE = 0.02


def read(folder):
    """The contents of all files of cells, dicts by problem and method.

    Raises:
        ValueError: if cells that are to be compared were made with different settings.
    """
    found: dict[str, dict] = {}
    for problem in problems.PROBLEMS:
        for name in METHODS:
            content = read_json(file_of(problem, name, folder), missing_ok=True)
            if content is not None:
                found.setdefault(problem.name, {})[name] = content
    for problem_name, contents in found.items():
        _check_same([c["settings"]["problem"] for c in contents.values()], problem_name, folder)
    for name in METHODS:
        used = [c[name]["settings"]["method"] for c in found.values() if name in c]
        _check_same(used, name, folder)
    return found


def _check_same(settings, name, folder):
    if any(other != settings[0] for other in settings[1:]):
        raise ValueError(
            f"`results` must hold cells of {name} with the same settings, got different ones in "
            f"{folder}; run `python -m train compare` to bring them up to date"
        )


def summarise(found):
    """The summary of what `read` returns: of each problem, of each method, and of our own."""
    of_problems = {name: of_problem(contents) for name, contents in found.items()}
    names = [name for name in METHODS if any(name in contents for contents in found.values())]
    counts = {problem.name: len(problem.draws) for problem in problems.PROBLEMS}
    ranked = {
        name: facts["methods"]
        for name, facts in of_problems.items()
        if all(facts["methods"].get(m, {"draws": 0})["draws"] >= counts[name] for m in names)
    }
    return {
        "ranked": list(ranked),
        "problems": of_problems,
        "methods": {name: of_method(name, names, ranked, of_problems) for name in names},
        "ours": of_ours(of_problems, names, ranked),
    }


def of_problem(contents):
    """Means and standard errors of each method, and ours against the best baseline."""
    methods = {}
    for name, content in contents.items():
        draws = list(content["draws"].values())
        methods[name] = {"draws": len(draws)} | {
            measure: mean_and_error([draw[measure] for draw in draws]) for measure in MEASURES
        }
    facts = {"rows": next(iter(contents.values()))["rows"], "methods": methods}
    baselines = {name: methods[name]["error"][0] for name in methods if name != OURS}
    if baselines:
        facts["best_baseline"] = best = min(baselines, key=lambda name: baselines[name])
        if OURS in methods:
            facts["difference"] = difference(contents[OURS]["draws"], contents[best]["draws"])
    return facts


def difference(ours, others):
    """Mean and standard error of the difference of errors over the draws of both."""
    both = [seed for seed in ours if seed in others]
    return mean_and_error([ours[seed]["error"] - others[seed]["error"] for seed in both])


def mean_and_error(values):
    """The mean, None without values; and its standard error, None of fewer than two."""
    mean = float(np.mean(values)) if values else None
    return [mean, float(sem(values)) if len(values) > 1 else None]


def of_method(name, names, ranked, of_problems):
    """Its ranks among `names`, its wins, its means over problems."""
    facts = {"title": METHODS[name].title}
    for key, measure in (("mean_rank", "error"), ("mean_rank_balanced", "balanced_error")):
        ranks = [
            rankdata([methods[other][measure][0] for other in names])[names.index(name)]
            for methods in ranked.values()
        ]
        facts[key], _ = mean_and_error(ranks)
    facts["wins"] = sum(
        methods[name]["error"][0] == min(m["error"][0] for m in methods.values())
        for methods in ranked.values()
    )
    facts["six"], _ = mean_and_error(
        [of_problems[six]["methods"][name]["error"][0] for six in SIX]
        if set(SIX) <= set(ranked)
        else []
    )
    for measure in ("error", "ece", "seconds", "cpu_seconds"):
        facts[f"mean_{measure}"], _ = mean_and_error(
            [methods[name][measure][0] for methods in ranked.values()]
        )
    return facts


def of_ours(of_problems, names, ranked):
    """Our counts over the ranked problems; None without cells of ours."""
    if OURS not in names or not ranked:
        return None
    facts = [of_problems[name] for name in ranked]
    return {
        "problems": len(ranked),
        "better_than_every_baseline": sum(f["difference"][0] < 0 for f in facts),
        "more_than_2_points_worse": [n for n in ranked if of_problems[n]["difference"][0] > CLOSE],
        "ece_at_most_the_best_baseline_s": sum(
            f["methods"][OURS]["ece"][0] <= f["methods"][f["best_baseline"]]["ece"][0]
            for f in facts
        ),
    }
