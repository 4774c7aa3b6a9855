"""The commands that reproduce papers and measure."""

import tyro

from train.experiments import benchmark, scaling, study
from train.experiments.aevb import compare
from train.experiments.table1 import cells
from train.experiments.table1 import report as table1_report

USAGE = """\
  table1      fill the paper's table of errors, cell by cell, and print it
  aevb        the AEVB paper's comparison with wake-sleep and Monte-Carlo EM
  study       samples, manifolds and component collapse over many M1s; goes on where it stopped
  benchmark   measure the speed of training against what this machine allows
  scaling     measure what several processes cost a step
"""


def table1(args):
    config = tyro.cli(cells.Table1Config, args=args, prog="python -m train table1")
    if config.report:
        print(table1_report.write(config), end="")
    else:
        cells.fill(config)


def compare_aevb(args):
    config = tyro.cli(compare.AevbConfig, args=args, prog="python -m train aevb")
    for path in compare.compare(config):
        print(f"drawn: {path}")


def run_study(args):
    config = tyro.cli(study.StudyConfig, args=args, prog="python -m train study")
    study.write(config)


def run_benchmark(args):
    config = tyro.cli(benchmark.BenchmarkConfig, args=args, prog="python -m train benchmark")
    print(benchmark.table(benchmark.run(config)))
    print(f"written to {config.output}")


def measure_scaling(args):
    config = tyro.cli(scaling.ScalingConfig, args=args, prog="python -m train scaling")
    print(scaling.table(scaling.run(config)))
    print(f"written to {config.output}")


COMMANDS = {
    "table1": table1,
    "aevb": compare_aevb,
    "study": run_study,
    "benchmark": run_benchmark,
    "scaling": measure_scaling,
}
