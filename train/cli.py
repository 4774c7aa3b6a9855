"""The commands of `python -m train`."""

import argparse
import dataclasses
import sys

import tyro

from keras_dgm.runs import files
from programs import commands
from train import (
    gallery,
    launch,
    likelihood,
    pipeline,
    predict,
    recipes,
    report,
    score,
    workers,
)
from train.config import FitConfig
from train.experiments import cli as experiments
from train.settings import Seeds, told

USAGE = f"""usage: python -m train COMMAND [options], each with --help

  fit         train a model, write a run folder, compare with baselines
  draws       fit over several seeds, with mean errors
  predict     write the classes of another table's rows beside them
  figures     draw what a run's model generates and how it sees data
  likelihood  log p(x) of a run's model on its test set
  score       how well a run's model tells its data from other data
  launch      fit, draws or scaling in several processes on this host

experiments, which reproduce papers and measure:

{experiments.USAGE}
to try first, in a minute and without a download; and with a table of your own:

  python -m train fit --dataset digits --num-labeled 50 --model m2 --run-dir runs/first
  python -m train figures runs/first
  python -m train fit --dataset table.csv --target label --run-dir runs/mine
"""

EXAMPLES = {
    "fit": """\
python -m train fit --dataset digits --num-labeled 50 --run-dir runs/digits
python -m train fit --dataset table.csv --target label --run-dir runs/mine
python -m train fit --dataset images/ --image-size 32 --likelihood bounded_gaussian
python -m train fit --dataset mnist --num-labeled 100 --download --run-dir runs/mnist --resume""",
    "draws": """\
python -m train draws --dataset digits --num-labeled 50 --seeds 0 1 2""",
    "predict": """\
python -m train predict runs/mine new.csv --output labelled.csv""",
    "figures": """\
python -m train figures runs/digits    # then open runs/digits/figures/index.html""",
    "likelihood": """\
python -m train likelihood runs/digits --num-samples 1000""",
    "score": """\
python -m train score runs/mnist --against fashion_mnist usps.npz""",
    "launch": """\
python -m train launch --workers 2 -- fit --dataset digits --num-labeled 50 --model m2 \\
    --run-dir runs/two --resume""",
    **experiments.EXAMPLES,
}


@dataclasses.dataclass(frozen=True)
class DrawsConfig(FitConfig):
    """Repeat `fit` over seeds, each in a folder of its own under --run-dir."""

    seeds: Seeds = (0, 1, 2, 3, 4)
    """One run for each; --seed is not used."""

    @property
    def folder(self):
        """The folder of the run folders."""
        return self.run_dir or super().folder.with_name(f"{super().folder.name}.draws")


def parse(kind, command, args):
    """A configuration whose defaults are those of the recipe that `args` name."""
    names = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    names.add_argument("--dataset")
    names.add_argument("--recipe")
    known, _ = names.parse_known_args(args)
    recipe = known.recipe or recipes.default_name(known.dataset or FitConfig.dataset)
    settings, model = recipes.find(recipe), recipes.default_model(recipe)
    dataset = known.dataset or recipes.default_dataset(recipe) or tyro.MISSING
    default = kind(dataset=dataset, recipe=recipe, settings=settings, model=model)
    return told(kind, command, args, default)


def fit(args):
    config = parse(FitConfig, "fit", args)
    print(report.of_run(config, pipeline.fit(config)))


def draws(args):
    config = parse(DrawsConfig, "draws", args)
    results = []
    for seed in config.seeds:
        run = dataclasses.replace(config, seed=seed, run_dir=config.folder / f"seed-{seed}")
        results.append(pipeline.fit(run))
        print(report.of_run(run, results[-1]), flush=True)
    if workers.is_chief(pipeline.strategy(config)):
        files.write_json(config.folder / "draws.json", results)
    print(report.of_draws(config, results))


def run_predict(args):
    config = told(predict.PredictConfig, "predict", args)
    print(f"{predict.write(config)} rows; written to {config.output}")


def figures(args):
    config = told(gallery.FiguresConfig, "figures", args)
    print(gallery.write(config))


def estimate_likelihood(args):
    config = told(likelihood.LikelihoodConfig, "likelihood", args)
    print(likelihood.report(config, likelihood.measure(config)))


def measure_scores(args):
    config = told(score.ScoreConfig, "score", args)
    print(score.lines(config, score.measure(config)))


def run_workers(args):
    config = told(launch.LaunchConfig, "launch", args)
    sys.exit(launch.run(config))


COMMANDS = {
    "fit": fit,
    "draws": draws,
    "predict": run_predict,
    "figures": figures,
    "likelihood": estimate_likelihood,
    "score": measure_scores,
    "launch": run_workers,
    **experiments.COMMANDS,
}


def main(args):
    """The exit status of a command; see `commands.run`."""
    return commands.run(COMMANDS, USAGE, args, EXAMPLES)
