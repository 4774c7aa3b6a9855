"""Data that tests use where it is present; nothing here or in a test needs a network."""

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def prepared(name):
    """The TFDS folder that holds a data set."""
    folders = [os.environ.get("TFDS_DATA_DIR"), SHARED_DATA / "tensorflow_datasets"]
    for folder in folders:
        if folder and any(Path(folder, name).glob("*/dataset_info.json")):
            return Path(folder)
    pytest.skip(f"{name} is not prepared: set TFDS_DATA_DIR to the TFDS folder that holds it")


@pytest.fixture(scope="session")
def mnist_dir():
    """The TFDS folder that holds MNIST."""
    return prepared("mnist")


@pytest.fixture(scope="session")
def fashion_mnist_dir():
    """The TFDS folder that holds Fashion-MNIST."""
    return prepared("fashion_mnist")


@pytest.fixture(scope="session")
def frey_dir():
    """The folder that holds frey_rawface.mat."""
    folders = [os.environ.get("KERAS_DGM_DATA_DIR"), SHARED_DATA]
    for folder in folders:
        if folder and Path(folder, "frey_rawface.mat").is_file():
            return Path(folder)
    pytest.skip("frey_rawface.mat is absent: set KERAS_DGM_DATA_DIR to its folder")


@pytest.fixture(scope="session")
def csv_dir():
    """The folder of CSV files as people have them."""
    folders = [os.environ.get("KERAS_DGM_DATA_DIR"), SHARED_DATA]
    for folder in folders:
        if folder and Path(folder, "csv").is_dir():
            return Path(folder, "csv")
    pytest.skip("the CSV files are absent: set KERAS_DGM_DATA_DIR to the folder of their folder")
