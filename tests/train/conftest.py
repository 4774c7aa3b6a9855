"""A short run for the tests of a command that looks at one."""

import shutil

import pytest

from train.cli import main


@pytest.fixture(scope="module")
def finished(request, tmp_path_factory):
    """A run of M1+M2 on digits, with the settings `SHORT` of the module that asks."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    assert main(["fit", *request.module.SHORT, "--run-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it, of this test alone."""
    return shutil.copytree(finished, tmp_path / "run")
