"""The commands that reproduce papers and measure."""

from train.experiments import benchmark, scaling, study
from train.experiments.aevb import compare as aevb
from train.experiments.compare import cells as comparison
from train.experiments.compare import report as comparison_report
from train.experiments.table1 import cells
from train.experiments.table1 import report as table1_report
from train.settings import told

USAGE = """\
  table1      fill the paper's table of errors, cell by cell, and print it
  compare     fill the table of classifiers on real data sets with few labels, and print it
  aevb        the AEVB paper's comparison with wake-sleep and Monte-Carlo EM
  study       samples, manifolds and component collapse over many M1s; goes on where it stopped
  benchmark   measure the speed of training against what this machine allows
  scaling     measure what several processes cost a step
"""

EXAMPLES = {
    "table1": """\
python -m train table1 --cells 'mnist-m1+m2-100-*'
python -m train table1 --report""",
    "compare": """\
python -m train compare --problems satimage 'ssl_*-100' --methods k-nn keras-dgm
python -m train compare --report""",
    "aevb": """\
python -m train aevb --bound-points 500000 --likelihood-points 500000 --train-sizes 1000""",
    "study": """\
python -m train study --datasets mnist --latent-dims 10 50 200 --epochs 8""",
    "benchmark": """\
python -m train benchmark --output runs/benchmark.json""",
    "scaling": """\
python -m train scaling --output runs/one.json
python -m train launch -- scaling --alone runs/one.json --output runs/two.json""",
}


def table1(args):
    config = told(cells.Table1Config, "table1", args)
    if config.report:
        print(table1_report.write(config), end="")
    else:
        cells.fill(config)


def compare(args):
    config = told(comparison.CompareConfig, "compare", args)
    if config.report:
        print(comparison_report.report(config), end="")
    else:
        comparison.fill(config)


def compare_aevb(args):
    config = told(aevb.AevbConfig, "aevb", args)
    for path in aevb.compare(config):
        print(f"drawn: {path}")


def run_study(args):
    config = told(study.StudyConfig, "study", args)
    study.write(config)


def run_benchmark(args):
    config = told(benchmark.BenchmarkConfig, "benchmark", args)
    print(benchmark.table(benchmark.run(config)))
    print(f"written to {config.output}")


def measure_scaling(args):
    config = told(scaling.ScalingConfig, "scaling", args)
    print(scaling.table(scaling.run(config)))
    print(f"written to {config.output}")


COMMANDS = {
    "table1": table1,
    "compare": compare,
    "aevb": compare_aevb,
    "study": run_study,
    "benchmark": run_benchmark,
    "scaling": measure_scaling,
}
