"""What a bundle holds, and that a failure leaves nothing behind."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_dgm as dgm
from export import bundle as bundles
from export import card, cli, measure, report, runners, servable, source, verify
from export.workplace import Workplace
from keras_dgm import likelihoods
from keras_dgm.preprocessing import PCA

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def failing(monkeypatch, capsys):
    """Runs `bundle`, that must fail, and returns its message."""

    def run(*arguments):
        assert cli.main(["bundle", *map(str, arguments)]) == 1
        return capsys.readouterr().err

    return run


@pytest.mark.slow
def test_the_bundle_holds_what_people_need(bundle):
    names = {path.name for path in bundle.iterdir()}
    assert names == {
        "servable", "litert", "onnx", "examples", "models.config", "batching.config",
        "monitoring.config", "docker-compose.yml", "kubernetes.yml",
        "report.json", "report.md", "bundle.json",
        "model_card.json", "model_card.md",
    }  # fmt: skip
    made = json.loads((bundle / "report.json").read_text())
    assert {row["artifact"] for row in made["artifacts"]} > {"model_int8.tflite"}
    assert 0 < made["keras_test_error"] < 0.5
    assert (bundle / "report.md").read_text() == report.table(made) + "\n"
    assert 'name: "digits"' in (bundle / "models.config").read_text()


@pytest.mark.slow
def test_the_examples_are_real_and_hold_the_answer(bundle, trained):
    examples = bundle / "examples"
    images = json.loads((examples / "predict.json").read_text())["inputs"]["images"]
    expected = json.loads((examples / "expected.json").read_text())["outputs"]

    assert images == trained.data.x_test[:2].tolist()
    assert (
        expected["probabilities"]
        == trained.model.predict(trained.data.x_test[:16], verbose=0)[:2].tolist()
    )
    assert (examples / "image.png").read_bytes().startswith(b"\x89PNG")
    for script in ("grpc_client.py", "compare.py"):
        compile((examples / script).read_text(), script, "exec")
    subprocess.run(["sh", "-n", examples / "curl.sh"], check=True)


@pytest.mark.slow
def test_verify_accepts_the_bundle_and_notices_damage(bundle, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    assert cli.main(["verify", str(copy)]) == 0

    (copy / "models.config").write_text("# mine", encoding="utf-8")
    assert cli.main(["verify", str(copy)]) == 0

    image = copy / "examples" / "image.png"
    kept = image.read_bytes()
    image.write_bytes(kept[:-1])
    assert cli.main(["verify", str(copy)]) == 1
    assert "is not the file that was exported" in capsys.readouterr().err
    image.write_bytes(kept)

    variables = next(copy.rglob("variables.data*"))
    content = bytearray(variables.read_bytes())
    content[1000:1400] = bytes(400)
    variables.write_bytes(content)
    assert cli.main(["verify", str(copy)]) == 1
    assert "error" in capsys.readouterr().err


@pytest.mark.slow
def test_versions_count_up_and_settings_that_a_user_edited_stay(
    trained, tmp_path, quick, failing, capsys
):
    output = tmp_path / "out"
    models = output / "servable" / "digits"
    done, halves = threading.Event(), []

    def watch():
        while not done.wait(0.001):
            for version in servable.versions(models):
                parts = {path.name for path in (models / str(version)).iterdir()}
                if not parts >= {"saved_model.pb", "variables", "assets", "assets.extra"}:
                    halves.append((version, parts))

    def export(*version):
        arguments = ["bundle", str(trained.folder), "--output", str(output), *version]
        assert cli.main(arguments) == 0
        return capsys.readouterr().out

    theirs = output / "docker-compose.yml"
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    export()
    made = theirs.read_text("utf-8")
    theirs.write_text("# mine, é\n" + made, encoding="utf-8")
    (output / "models.config").unlink()
    printed = export()
    done.set()
    watcher.join()
    assert servable.versions(models) == [1, 2]
    assert halves == []

    assert "that was there" in printed
    assert theirs.read_text("utf-8") == "# mine, é\n" + made
    assert (output / "docker-compose.yml.new").read_text("utf-8") == made
    assert 'name: "digits"' in (output / "models.config").read_text("utf-8")
    assert not (output / "batching.config.new").exists()

    assert "`version`" in failing(trained.folder, "--output", output, "--version", 2)
    for version in (0, 2**63, 10**30):
        assert "`version`" in failing(trained.folder, "--output", output, "--version", version)

    theirs.write_text(made, encoding="utf-8")
    assert "that was there" not in export("--version", "7")
    assert not (output / "docker-compose.yml.new").exists()
    assert servable.versions(models) == [1, 2, 7]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def placed(output, version, **files):
    """Places a bundle of files alone, and returns what was kept."""
    settings = {"models.config": f"of {version}"}
    with Workplace(output) as folder:
        model = folder / "servable" / "digits" / str(version)
        for path in (model, folder / "litert", folder / "examples"):
            path.mkdir(parents=True)
        parts = {"servable/digits/{}/saved_model.pb": "", "litert/model.tflite": "", **settings}
        for name, text in {**parts, **files}.items():
            (folder / name.format(version)).write_text(text or f"of {version}")
        marker = {
            "format": bundles.FORMAT,
            "name": "digits",
            "version": version,
            "settings": {name: bundles.sha256(folder / name) for name in settings},
        }
        (folder / verify.MARKER).write_text(json.dumps(marker))
        (folder / card.JSON).write_text(json.dumps({"sha256": card.checksums(folder)}))
        return bundles.place(folder, output, "digits", version)


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@pytest.mark.parametrize("first", [True, False])
def test_a_move_that_fails_leaves_the_output_as_it_was(tmp_path, monkeypatch, first):
    output = tmp_path / "out"
    if not first:
        placed(output, 1)
        (output / "models.config").write_text("edited")
        (output / "models.config.new").write_text("of 0")
    before = contents(output)
    rename, left = os.rename, []

    def fail_in_time(*arguments):
        if not left.pop():
            raise OSError(errno.EBUSY, "busy")
        rename(*arguments)

    monkeypatch.setattr(os, "rename", fail_in_time)
    for moment in range(20):
        # The one that fails, after those that work; and those that undo them.
        left[:] = [True] * 20 + [False] + [True] * moment
        try:
            placed(output, 2)
        except OSError as error:
            assert error.errno == errno.EBUSY
            assert contents(output) == before, moment
            assert output.exists() == bool(before)
        else:
            break
    assert moment == (6 if first else 8)
    after = contents(output)
    assert after["litert/model.tflite"] == after["servable/digits/2/saved_model.pb"] == "of 2"


def test_files_that_no_export_made_are_carried_over(tmp_path):
    output = tmp_path / "out"
    placed(output, 1, **{"litert/left_out_later.tflite": ""})
    theirs = {"examples/mine/request.json": "mine", "litert/notes.txt": "mine"}
    for name, text in theirs.items():
        (output / name).parent.mkdir(exist_ok=True)
        (output / name).write_text(text)
    (output / "examples" / "link").symlink_to("mine")

    for version in (2, 3):
        placed(output, version)
        after = contents(output)
        assert theirs.items() <= after.items()
        assert (output / "examples" / "link").is_symlink()
        assert after["litert/model.tflite"] == f"of {version}"
        assert "litert/left_out_later.tflite" not in after


def test_a_new_file_of_settings_goes_when_nothing_is_kept(tmp_path):
    output = tmp_path / "out"
    assert placed(output, 1) == []
    (output / "models.config").write_text("edited")
    assert placed(output, 2) == ["models.config"]
    assert (output / "models.config.new").read_text() == "of 2"

    (output / "models.config").write_text("of 2")
    assert placed(output, 3) == []
    assert (output / "models.config").read_text() == "of 3"
    assert not (output / "models.config.new").exists()


@pytest.mark.parametrize("first", [True, False])
def test_who_is_killed_while_moving_leaves_a_bundle(tmp_path, monkeypatch, first):
    output = tmp_path / "out"
    if not first:
        placed(output, 1)

    def look(*arguments):
        rename(*arguments)
        if output in Path(arguments[1]).parents and ".export-" not in str(arguments[1]):
            bundles.check_output(output, "digits")
            seen.append(arguments[1])

    rename, seen = os.rename, []
    monkeypatch.setattr(os, "rename", look)
    placed(output, 2)
    assert [path.name for path in seen][:2] == ["bundle.json", "servable" if first else "2"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.2, 4])
def test_a_signal_ends_an_export_and_leaves_nothing(trained, tmp_path, kind, seconds):
    command = [sys.executable, "-m", "export", "bundle", trained.folder, "--output"]
    output = tmp_path / "new" / "out"
    with subprocess.Popen([*command, output], cwd=ROOT, stdout=subprocess.PIPE) as process:
        process.stdout.readline()  # "writing to …"
        time.sleep(seconds)
        process.send_signal(kind)
        status = process.wait(timeout=60)

    assert status == 128 + kind
    assert not list(tmp_path.iterdir())


def test_a_folder_of_others_is_left_alone(trained, tmp_path, failing):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")

    assert "thesis.txt" in failing(trained.folder, "--output", tmp_path / "theirs")
    assert "must be a folder" in failing(trained.folder, "--output", tmp_path / "file")
    assert "Not a directory" in failing(trained.folder, "--output", tmp_path / "file" / "out")
    assert (tmp_path / "theirs" / "thesis.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "theirs"]


@pytest.mark.slow
def test_a_bundle_of_another_name_is_left_alone(trained, bundle, failing):
    message = failing(trained.folder, "--output", bundle, "--name", "other")

    assert "bundle of 'digits'" in message
    assert servable.versions(bundle / "servable" / "digits") == [1]


@pytest.mark.slow
def test_an_artifact_that_fails_is_not_left_in_place(trained, tmp_path, failing, monkeypatch):
    def differ(*_):
        raise runners.VerificationError("the SavedModel differs")

    monkeypatch.setattr(verify, "saved_model", differ)

    assert "differs" in failing(trained.folder, "--output", tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(trained, tmp_path):
    def full():  # every file stops growing at 20 kB
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-m", "export", "bundle", trained.folder, "--output", tmp_path / "out"],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=full, timeout=300,
    )  # fmt: skip

    assert done.returncode == 1
    assert "`output` could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_run_is_refused(tmp_path, failing):
    assert "run folder" in failing(tmp_path, "--output", tmp_path / "out")
    assert "run folder" in failing(tmp_path / "nothing", "--output", tmp_path / "out")


def test_a_file_that_is_no_model_is_refused(tmp_path, failing):
    text = tmp_path / "model.keras"
    text.write_text("hello")
    other = tmp_path / "other.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(other)
    archive = tmp_path / "zip.keras"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")

    assert "must be a .keras file" in failing(text, "--output", tmp_path / "out")
    assert "must be a .keras file" in failing(archive, "--output", tmp_path / "out")
    assert "got 'Sequential'" in failing(other, "--output", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def rewritten(file, target, name, change):
    """A copy of a .keras file with one JSON part changed."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.namelist():
            content = old.read(part)
            if part == name:
                content = json.dumps(change(json.loads(content)))
            new.writestr(part, content)
    return target


def test_a_model_of_a_newer_version_is_refused(trained, tmp_path, failing):
    file = trained.folder / "model.keras"
    newer = rewritten(
        file, tmp_path / "newer.keras", "metadata.json", lambda m: {**m, "keras_version": "99.1.0"}
    )
    assert "99.1.0" in failing(newer, "--output", tmp_path / "out")

    def add_argument(config):
        return {**config, "config": {**config["config"], "temperature": 1}}

    unknown = rewritten(file, tmp_path / "unknown.keras", "config.json", add_argument)
    assert "cannot be loaded" in failing(unknown, "--output", tmp_path / "out")


def test_code_in_a_model_is_not_run(tmp_path, failing):
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Activation("linear")])
    model = dgm.M1(2, encoder=encoder)
    model.build((None, 4))
    model.save(tmp_path / "own.keras")

    def with_code(config):
        code = json.dumps(keras.saving.serialize_keras_object(keras.layers.Lambda(lambda x: x)))
        layers = config["config"]["encoder"]["config"]["layers"]
        layers[-1] = json.loads(code)
        return config

    file = rewritten(tmp_path / "own.keras", tmp_path / "lambda.keras", "config.json", with_code)

    message = failing(file, "--output", tmp_path / "out")
    assert "cannot be loaded" in message
    assert "ambda" in message
    assert not (tmp_path / "out").exists()


def test_names_and_shapes_that_do_not_fit_are_refused(trained, tmp_path, failing):
    output = ("--output", tmp_path / "out")

    assert "`class_names` must be 10" in failing(trained.folder, *output, "--class-names", "a", "b")
    assert "`image_shape`" in failing(trained.folder, *output, "--image-shape", 3, 3)
    assert "`name` must be" in failing(trained.folder, *output, "--name", "../x")
    assert not (tmp_path / "out").exists()


def test_the_data_must_fit(trained, tmp_path, failing):
    file = trained.folder / "model.keras"
    np.savez(tmp_path / "table.npz", x=np.random.default_rng(0).random((60, 5)), y=[0, 1, 2] * 20)
    table = tmp_path / "table.npz"
    message = failing(file, "--output", tmp_path / "out", "--dataset", table)

    assert "`dataset` must have 64 features" in message


def test_a_file_alone_needs_no_data(trained):
    found = source.load(trained.folder / "model.keras")

    assert (found.name, found.data, found.image_shape) == ("model", None, None)
    assert found.class_names == tuple("0123456789")
    assert bundles.calibration(found).shape == (500, 64)


def test_usage(capsys):
    assert cli.main(["--help"]) == 0
    assert cli.main([]) == 2
    assert cli.main(["fly"]) == 2
    assert "unknown command 'fly'" in capsys.readouterr().err


@pytest.mark.parametrize("stacked", [False, True])
def test_a_model_of_mixed_precision_is_exported_in_float32(tmp_path, stacked):
    if stacked:
        m1 = dgm.M1(4, (6,), dtype="mixed_bfloat16")
        m1.build((None, 5))
        model = dgm.StackedM1M2(m1, 3, 2, (8,), active_dims=[0, 2], dtype="mixed_bfloat16")
    else:
        model = dgm.M2(3, 2, (8,), dtype="mixed_bfloat16")
    model.build((None, 5))
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).random((9, 5), np.float32)

    loaded = source.load_model(tmp_path / "model.keras")
    found = loaded.endpoints()["classify"].function(x)["probabilities"]
    np.testing.assert_allclose(found, loaded.predict(x, verbose=0), atol=1e-6)
    np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["M1", "M2, PCA, own classifier"])
def test_every_kind_of_model_becomes_a_bundle(kind, tmp_path, capsys):
    data = dgm.data.load("digits", num_labeled=100)
    if kind == "M1":
        model = dgm.M1(8, (32,), likelihood=likelihoods.Gaussian(0.1), seed=0)
    else:
        pca = PCA(20, whiten=True)
        pca.adapt(data.x_train)
        components = keras.Input((20,))
        hidden = keras.layers.Reshape((4, 5, 1))(components)
        hidden = keras.layers.Flatten()(keras.layers.Conv2D(8, 3, activation="relu")(hidden))
        classifier = keras.Model(components, keras.layers.Dense(10)(hidden))
        settings = {"likelihood": "gaussian", "preprocessor": pca, "classifier": classifier}
        model = dgm.M2(10, 4, (48,), seed=0, **settings)
    model.compile(keras.optimizers.Adam(3e-3))
    labels = () if kind == "M1" else (data.y_train,)
    model.fit(data.x_train, *labels, epochs=5, batch_size=100, verbose=0)
    model.save(tmp_path / "model.keras")
    options = ["--dataset", "digits", "--output", str(tmp_path / "out")]

    assert cli.main(["bundle", str(tmp_path / "model.keras"), *options]) == 0
    assert cli.main(["verify", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert ("test error –" in told) == (kind == "M1")
    assert ("left out: personalise.tflite: the classifier" in told) == (kind != "M1")
    assert (tmp_path / "out" / "litert" / "classify_integers.tflite").exists() == (kind != "M1")


def test_files_of_too_few_bits_are_left_out_and_others_fail(tmp_path, monkeypatch):
    def measured(file, *_):
        if file.name in wrong:
            raise measure.TooInaccurate(f"{file.name} must not err")
        return file.name

    monkeypatch.setattr(measure, "litert_file", measured)
    for name in ("classify_float32", "classify_float16", "classify_int8", "personalise"):
        (tmp_path / f"{name}.tflite").touch()
    wrong = {"classify_int8.tflite"}

    rows, left_out = bundles.measured(tmp_path, None, None, None, None)

    assert rows == ["classify_float32.tflite", "classify_float16.tflite", "personalise.tflite"]
    assert left_out == ["left out: classify_int8.tflite must not err"]
    assert not (tmp_path / "classify_int8.tflite").exists()
    for name in ("classify_float32.tflite", "personalise.tflite"):
        wrong = {name}
        with pytest.raises(measure.TooInaccurate):
            bundles.measured(tmp_path, None, None, None, None)
