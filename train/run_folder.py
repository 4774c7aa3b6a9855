"""The folder of a run: what is written there, and when it may be."""

import json
import os
import shutil
import tempfile
from pathlib import Path

CONFIG = "config.json"
RESULT = "result.json"
MODEL = "model.keras"
M1_MODEL = "m1.keras"
HISTORY = "history.csv"
M1_HISTORY = "m1_history.csv"
TENSORBOARD = "tensorboard"
ARTIFACTS = (CONFIG, RESULT, MODEL, M1_MODEL, HISTORY, M1_HISTORY, TENSORBOARD)


def create(folder, overwrite=False):
    """Make an empty run folder, of an earlier run's with `overwrite`; nothing else is touched.

    Raises:
        ValueError: if the folder cannot be written, or holds something else.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`run-dir` must be a folder, got the file {folder}")
    contents = {path.name for path in folder.iterdir()} if folder.exists() else set()
    strangers = sorted(contents - set(ARTIFACTS))
    if contents and not overwrite:
        raise ValueError(
            f"`run-dir` must be new or empty (or add --overwrite), got {folder}, "
            f"which holds {', '.join(sorted(contents))}"
        )
    if strangers:
        raise ValueError(
            f"`run-dir` must hold nothing but an earlier run to be overwritten, got {folder}, "
            f"which holds {', '.join(strangers)}"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"`run-dir` must be writable, got {folder} ({error.strerror})") from error
    for name in contents:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def write_json(path, content):
    """Write JSON so that a reader sees all of it or the file from before."""
    temporary = Path(f"{path}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    temporary.replace(path)
