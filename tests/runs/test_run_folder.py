import json
import subprocess
import sys

import pytest

from keras_dgm.runs import run_folder


def write(folder, config, result):
    for name, content in (("config.json", config), ("result.json", result)):
        if content is not None:
            (folder / name).write_text(json.dumps(content))
    return folder


def test_what_a_finished_run_says(tmp_path):
    config = {"dataset": "digits", "num_labeled": 50, "seed": 3, "data_dir": "here", "settings": {}}
    facts = {"class_names": ["a", "b"], "image_shape": [8, 8]}
    found = run_folder.read(write(tmp_path, config, {"dataset": facts, "test_error": 0.1}))

    assert (found.dataset, found.num_labeled, found.seed) == ("digits", 50, 3)
    assert found.data_dir == "here"
    assert (found.class_names, found.image_shape) == (["a", "b"], [8, 8])
    assert found.config == config and found.result["test_error"] == 0.1
    assert (found.model, found.history) == (tmp_path / "model.keras", tmp_path / "history.csv")
    assert found.m1_history is None
    (tmp_path / "m1_history.csv").touch()
    assert found.m1_history == tmp_path / "m1_history.csv"


@pytest.mark.parametrize("result", [{}, {"dataset": None}, {"dataset": {"class_names": None}}])
def test_what_a_run_may_leave_out(tmp_path, result):
    found = run_folder.read(write(tmp_path, {"seed": None}, result))

    assert (found.dataset, found.num_labeled, found.seed, found.data_dir) == (None, None, 0, None)
    assert (found.class_names, found.image_shape) == (None, None)


UNFINISHED = {
    "nothing": (None, None, "it has no config.json"),
    "no result": ({}, None, "it has no result.json"),
    "no configuration": (None, {}, "it has no config.json"),
}


@pytest.mark.parametrize("config, result, message", UNFINISHED.values(), ids=UNFINISHED)
def test_a_run_that_has_not_finished(tmp_path, config, result, message):
    write(tmp_path, config, result)

    with pytest.raises(ValueError, match="`source` must be the folder of a finished run") as error:
        run_folder.read(tmp_path, "source")
    assert message in str(error.value)
    assert run_folder.read_config(tmp_path) == config
    assert run_folder.read_result(tmp_path) == result


WRONG = {
    "no object": ([], {}, "config.json must hold an object, got []"),
    "a text": ({}, "", "result.json must hold an object, got ''"),
    "a number for a name": ({"dataset": 1}, {}, "must hold dataset as a str, got 1"),
    "a truth for a seed": ({"seed": True}, {}, "must hold seed as a int, got True"),
    "settings": ({"settings": 1}, {}, "must hold settings as a dict"),
    "facts": ({}, {"dataset": "digits"}, "must hold dataset as a dict"),
    "names": ({}, {"dataset": {"class_names": "abc"}}, "must hold class_names as a list"),
}


@pytest.mark.parametrize("config, result, message", WRONG.values(), ids=WRONG)
def test_values_of_other_types(tmp_path, config, result, message):
    with pytest.raises(ValueError) as error:
        run_folder.read(write(tmp_path, config, result))
    assert message in str(error.value)


def test_what_a_killed_process_was_writing_is_overwritten(tmp_path):
    (tmp_path / "tmp-model.keras").write_text("half")
    with run_folder.opened(tmp_path, overwrite=True):
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_result_without_its_settings_is_not_trusted(tmp_path):
    write(tmp_path, None, {"test_error": 0.0})
    with run_folder.opened(tmp_path, resume=True):
        assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def test_the_library_does_without_it():
    program = "import sys, keras_dgm; sys.exit('keras_dgm.runs' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
