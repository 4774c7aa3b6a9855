"""How `python -m train` and `python -m export` run their commands."""

import re
import sys
import warnings
from textwrap import indent

HELP = ("-h", "--help")
# How the programs are called: as modules of a checkout, unless `call_as` says otherwise.
_called = "python -m {program}"


def call_as(name):
    """Let usage and examples show the programs under another name."""
    global _called
    _called = name


def shown(text):
    """A text about `python -m train` and `python -m export`, by the names they are called by."""
    return re.sub(r"python -m (train|export)\b", lambda m: _called.format(program=m[1]), text)


def run(commands, usage, args, examples=None):
    """Run the command that `args` begins with, and return the exit status.

    2 for a wrong call, 1 for data, settings, an artifact or a disk at fault; as shells do, 130
    where Ctrl-C ended it, and 143, which `fit` raises itself, where SIGTERM did.

    Args:
        commands: functions of the remaining arguments, by name.
        usage: what --help prints.
        args: the arguments of the shell.
        examples: lines by the name of the command, at the end of its --help.
    """
    if not args or args[0] in HELP:
        print(shown(usage), end="")
        return 0 if args else 2
    if args[0] not in commands:
        print(f"error: unknown command {args[0]!r}\n{shown(usage)}", end="", file=sys.stderr)
        return 2
    formatted = warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    try:
        commands[args[0]](args[1:])
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit:
        if args[1:2] and args[1] in HELP and args[0] in (examples or {}):
            print(f"examples:\n\n{indent(shown(examples[args[0]]), '  ')}")
        raise
    finally:
        warnings.formatwarning = formatted
    return 0
