"""The commands of `python -m train`."""

import argparse
import dataclasses
import sys

import tyro

from train import pipeline, recipes, report, run_folder
from train.config import FitConfig

USAGE = """usage: python -m train COMMAND [options], each with --help

  fit    train a model, write a run folder, compare with baselines
  draws  fit over several seeds, with mean errors
"""


@dataclasses.dataclass(frozen=True)
class DrawsConfig(FitConfig):
    """Repeat `fit` over seeds, each in a folder of its own under --run-dir."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """One run for each; --seed is not used."""

    @property
    def folder(self):
        """The folder of the run folders."""
        return self.run_dir or super().folder.with_suffix(".draws")


def parse(kind, command, args):
    """A configuration whose defaults are those of the recipe that `args` name."""
    names = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    names.add_argument("--dataset", default=FitConfig.dataset)
    names.add_argument("--recipe")
    known, _ = names.parse_known_args(args)
    recipe = known.recipe or recipes.default_name(known.dataset)
    default = kind(recipe=recipe, settings=recipes.find(recipe))
    return tyro.cli(kind, args=args, default=default, prog=f"python -m train {command}")


def fit(args):
    config = parse(FitConfig, "fit", args)
    print(report.of_run(config, pipeline.fit(config)))


def draws(args):
    config = parse(DrawsConfig, "draws", args)
    if not config.seeds:
        raise ValueError("`seeds` must name at least one, got none")
    results = []
    for seed in config.seeds:
        run = dataclasses.replace(config, seed=seed, run_dir=config.folder / f"seed-{seed}")
        results.append(pipeline.fit(run))
        print(report.of_run(run, results[-1]), flush=True)
    run_folder.write_json(config.folder / "draws.json", results)
    print(report.of_draws(config, results))


COMMANDS = {"fit": fit, "draws": draws}


def main(args):
    """Run a command; 2 for a wrong call, 1 for data or settings at fault."""
    if not args or args[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if args else 2
    if args[0] not in COMMANDS:
        print(f"error: unknown command {args[0]!r}\n{USAGE}", end="", file=sys.stderr)
        return 2
    try:
        COMMANDS[args[0]](args[1:])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
