import numpy as np
import pytest


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        path = tmp_path / "own.npz"
        np.savez(path, **arrays)
        return str(path)

    return write
