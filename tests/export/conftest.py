"""A small trained model, and its bundle, made once a session."""

import json
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest

import keras_dgm as dgm
from export import browser, cli, litert_files, measure, onnx_files, source, verify, web
from keras_dgm import likelihoods


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """M1+M2 on digits in the run folder `folder`, with its `model` and `data`."""
    keras.utils.set_random_seed(0)
    data = dgm.data.load("digits", num_labeled=100)
    m1 = dgm.M1(12, (64,), likelihood=likelihoods.Gaussian(0.1), seed=0)
    m1.compile(keras.optimizers.Adam(3e-3))
    m1.fit(data.x_train, epochs=30, batch_size=100, verbose=0)
    model = dgm.StackedM1M2(m1, 10, 3, (48,), seed=0)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(data.x_train, data.y_train, epochs=30, batch_size=100, verbose=0)

    folder = tmp_path_factory.mktemp("run")
    model.save(folder / "model.keras")
    config = {"dataset": "digits", "num_labeled": 100, "seed": 0, "data_dir": None}
    (folder / "config.json").write_text(json.dumps(config))
    facts = {"class_names": data.class_names, "image_shape": data.image_shape}
    (folder / "result.json").write_text(json.dumps({"dataset": facts}))
    return SimpleNamespace(folder=folder, model=model, data=data)


@pytest.fixture(scope="session")
def bundle(trained, tmp_path_factory):
    """The folder that `python -m export bundle` made of `trained`."""
    folder = tmp_path_factory.mktemp("out") / "bundle"
    assert cli.main(["bundle", str(trained.folder), "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def saved_model(bundle):
    """The folder of the SavedModel in the bundle."""
    return bundle / "servable" / "digits" / "1"


@pytest.fixture
def quick(monkeypatch):
    """Bundles of a SavedModel alone: no LiteRT or ONNX file, nothing measured."""
    monkeypatch.setattr(litert_files, "write", lambda *_: None)
    monkeypatch.setattr(onnx_files, "write", lambda *_: [])
    monkeypatch.setattr(verify, "litert_folder", lambda *_: (0.0, None))
    monkeypatch.setattr(browser, "write", lambda *_: None)
    monkeypatch.setattr(browser, "verify", lambda *_: 0.0)
    row = {"artifact": "SavedModel", "bytes": 1, "test_error": None, "max_difference": 0.0}
    monkeypatch.setattr(measure, "saved_model", lambda *_: {**row, "latency_ms": {}})


CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_app():
    """Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    if not web.PACKAGES.is_dir():
        pytest.skip(f"LiteRT.js is not installed: {web.INSTALL}")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def page_folder(browser_app, trained, tmp_path_factory):
    """The page of `trained`, beside the part of a bundle that it is made of."""
    folder = tmp_path_factory.mktemp("web")
    files = folder / "bundle" / "litert" / "browser"
    files.mkdir(parents=True)
    marker = {"format": 1, "name": "digits", "version": 1}
    (folder / "bundle" / "bundle.json").write_text(json.dumps(marker))
    data = trained.data
    of_digits = source.Source(trained.model, "digits", data.class_names, data.image_shape, (), data)
    browser.write(files, of_digits, data.x_test, data.y_test, 0.05)
    web.write(folder / "bundle", folder / "page")
    return folder / "page"
