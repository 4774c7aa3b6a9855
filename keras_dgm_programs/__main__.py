"""`keras-dgm`: the commands of `train` and `export` in one, for those who installed the wheel.

In a checkout `train`, `export` and `programs` are folders beside this one. In the wheel they lie
inside of it, for their own names are too common for site-packages: only this process, and those
that it starts, can import them by these.
"""

import importlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE if (HERE / "train").is_dir() else HERE.parent
COMMANDS = {
    **dict.fromkeys(
        ("fit", "draws", "predict", "figures", "likelihood", "score", "launch"), "train"
    ),
    **dict.fromkeys(("bundle", "verify", "hub"), "export"),
}
USAGE = """usage: keras-dgm COMMAND [options], each with --help

  fit         train a model, write a run folder, compare with baselines
  draws       fit over several seeds, with mean errors
  predict     write the classes of another table's rows beside them
  figures     draw what a run's model generates and how it sees data
  likelihood  log p(x) of a run's model on its test set
  score       how well a run's model tells its data from other data
  launch      fit or draws in several processes on this host

  bundle      write the TF Serving folder and the LiteRT files of a trained model, and verify them
  verify      verify a bundle again
  hub         write a trained model as a folder of the Hugging Face Hub, with its card

to try first, in a minute and without a download; and with a table of your own:

  keras-dgm fit --dataset digits --num-labeled 50 --model m2 --run-dir runs/first
  keras-dgm figures runs/first
  keras-dgm fit --dataset table.csv --target label --run-dir runs/mine
"""


def main(args=None):
    """Run a command, of the shell by default, and return its exit status; see `commands.run`."""
    args = sys.argv[1:] if args is None else args
    sys.path.insert(0, str(PROGRAMS))
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROGRAMS), inherited]))
    from programs import commands, quiet

    if not args or args[0] not in COMMANDS:
        return commands.run({}, USAGE, args)
    program = COMMANDS[args[0]]
    commands.call_as("keras-dgm")
    try:
        quiet.quiet_tensorflow()
        cli = importlib.import_module(f"{program}.cli")
    except ModuleNotFoundError as error:
        advice = f"pip install 'keras_dgm[{program}]'"
        print(f"error: {error.name} is not installed: {advice}", file=sys.stderr)
        return 1
    return cli.main(args)


if __name__ == "__main__":
    sys.exit(main())
