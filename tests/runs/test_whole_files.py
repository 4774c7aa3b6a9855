import math
from pathlib import Path

import numpy as np
import pytest

from keras_dgm.runs import files


def test_an_atomic_file_is_there_as_a_whole_or_as_before(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(KeyError), files.atomic(path) as temporary:
        temporary.write_text("aft")
        raise KeyError
    assert [p.name for p in tmp_path.iterdir()] == ["file"] and path.read_text() == "before"
    with files.atomic(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"


@pytest.mark.parametrize("indent", [2, None])
def test_tuples_and_numpy_scalars_are_what_json_has_for_them(tmp_path, indent):
    content = {
        "shape": (8, 8),
        "count": np.int64(3),
        "error": np.float32(0.5),
        "exact": np.float64(0.1),
        "known": np.bool_(True),
        "name": np.str_("drei"),
    }
    expected = {
        "shape": [8, 8],
        "count": 3,
        "error": 0.5,
        "exact": 0.1,
        "known": True,
        "name": "drei",
    }
    files.write_json(tmp_path / "file.json", content, indent)

    assert files.read_json(tmp_path / "file.json") == files.as_json(content) == expected


@pytest.mark.parametrize("value", [Path("a"), np.zeros(2), {1}, b"a"])
def test_what_json_cannot_hold_is_refused_before_the_file_is_touched(tmp_path, value):
    files.write_json(tmp_path / "file.json", 1)
    with pytest.raises(TypeError, match=f"JSON cannot hold a {type(value).__name__}"):
        files.write_json(tmp_path / "file.json", {"value": value})
    assert files.read_json(tmp_path / "file.json") == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32(-math.inf)])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        files.as_json([value])


def test_absent_and_damaged_files(tmp_path):
    (tmp_path / "file.json").write_text("{")
    for absent in (tmp_path / "none.json", tmp_path / "file.json" / "none.json"):
        assert files.read_json(absent, missing_ok=True) is None
        with pytest.raises(OSError, match=r"none\.json"):
            files.read_json(absent)
    for content in (b"{", b"\xff"):
        (tmp_path / "file.json").write_bytes(content)
        with pytest.raises(ValueError, match="must hold JSON, got a damaged file"):
            files.read_json(tmp_path / "file.json", missing_ok=True)
