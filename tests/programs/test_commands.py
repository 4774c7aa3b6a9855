"""How `python -m train` and `python -m export` run their commands."""

import warnings

import pytest

from export import cli as export
from programs import commands
from train import cli as train


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("`x` must be y, got z"), 1, "error: `x` must be y, got z\n"),
        (OSError("no space"), 1, "error: no space\n"),
        (FloatingPointError("the bound is NaN"), 1, "error: the bound is NaN\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_the_exit_status_and_the_message_of_an_error(error, status, message, capsys):
    def fail(args):
        assert args == ["--flag"]
        raise error

    assert commands.run({"fail": fail}, "usage", ["fail", "--flag"]) == status
    assert capsys.readouterr().err == message


def test_a_wrong_call_and_help(capsys):
    assert commands.run({}, "usage: how\n", ["--help"]) == 0
    assert commands.run({}, "usage: how\n", []) == 2
    assert capsys.readouterr().out == 2 * "usage: how\n"
    assert commands.run({}, "usage: how\n", ["unknown"]) == 2
    assert "unknown command 'unknown'\nusage: how" in capsys.readouterr().err


def test_a_warning_is_one_line(capsys, monkeypatch):
    """Without the place in the program that it comes from."""
    monkeypatch.setattr(warnings, "showwarning", lambda *a: print(warnings.formatwarning(*a[:4])))
    before = warnings.formatwarning

    assert (
        commands.run({"warn": lambda _: warnings.warn("a column", stacklevel=1)}, "", ["warn"]) == 0
    )

    assert capsys.readouterr().out == "warning: a column\n\n"
    assert warnings.formatwarning is before


def test_examples_end_the_help_of_a_command(capsys):
    def parse(args):
        print("options")
        raise SystemExit(0)

    for args, expected in {
        ("fit", "--help"): "options\nexamples:\n\n  fit one\n  fit two\n",
        ("fit", "--seed"): "options\n",
        ("other", "--help"): "options\n",
    }.items():
        with pytest.raises(SystemExit):
            commands.run({"fit": parse, "other": parse}, "", args, {"fit": "fit one\nfit two"})
        assert capsys.readouterr().out == expected


@pytest.mark.parametrize("cli", [train, export], ids=["train", "export"])
def test_every_command_is_in_the_usage_and_has_an_example(cli):
    named = {line.split()[0] for line in cli.USAGE.splitlines() if line.startswith("  ")}

    assert set(cli.COMMANDS) == named - {"python"} == set(cli.EXAMPLES)
    for name, text in cli.EXAMPLES.items():
        assert f" {name} " in f"{text} "
