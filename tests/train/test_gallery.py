"""`python -m train figures`: what it writes, leaves out and refuses."""

import html.parser
import json
import shutil
from pathlib import Path

import pytest

from train import gallery
from train.cli import main
from train.pictures import PICTURES

FIT = ["fit", "--no-baselines", "--num-labeled", "50", "--m1.hidden-units", "20"]
FIT += ["--m1.epochs", "4", "--m2.hidden-units", "20", "--m2.epochs", "6"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folders of two short runs on digits: M1+M2, and conditional completion."""
    folder = tmp_path_factory.mktemp("runs")
    for model in ("m1+m2", "conditional"):
        assert main([*FIT, "--model", model, "--run-dir", str(folder / model)]) == 0
        assert main(["figures", str(folder / model), "--dpi", "40"]) == 0
    return folder


class Page(html.parser.HTMLParser):
    """The images of a page, and the text of its list."""

    def __init__(self, path):
        super().__init__()
        self.images, self.left_out, self.in_item = {}, [], False
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.in_item = tag == "li"
        if tag == "img":
            self.images[dict(attrs)["src"]] = dict(attrs)["alt"]

    def handle_data(self, data):
        if self.in_item and data.strip():
            self.left_out.append(data)


@pytest.mark.parametrize(
    ("model", "left_out"),
    [
        ("m1+m2", {"styles", "manifold", "completion"}),
        (
            "conditional",
            set(PICTURES) - {"completion", "component-collapse", "latent-space", "training"},
        ),
    ],
)
def test_the_page_shows_what_applies_and_says_why_the_rest_does_not(runs, model, left_out):
    folder = runs / model / "figures"
    page = Page(folder / "index.html")

    assert {Path(image).stem for image in page.images} == set(PICTURES) - left_out
    assert set(page.images) == {path.name for path in folder.iterdir()} - {"index.html"}
    charts = {"component-collapse", "training"}
    assert {Path(image).stem for image in page.images if image.endswith(".svg")} >= charts
    assert all(page.images.values())
    assert {line.split(":")[0] for line in page.left_out} == left_out
    if "styles" in left_out and model == "m1+m2":
        reason = "`model` must have a latent_dim of 2, got one of 10"
        assert f"styles: {reason}" in page.left_out


def test_the_captions_hold_the_errors(runs):
    page = (runs / "m1+m2" / "figures" / "index.html").read_text()
    result = json.loads((runs / "m1+m2" / "result.json").read_text())

    assert f"{100 * result['test_error']:.2f} % are wrong" in page
    assert "filled with the training mean: 0." in page
    assert "expected calibration error" in page
    assert page.count("In this run:") == page.count("<figure>")
    assert "of these 100 for the class that they were made of" in page


def test_a_run_leaves_images_for_tensorboard(runs):
    for name in ("m1", "m2"):
        assert list((runs / "m1+m2" / "tensorboard" / name / "images").glob("events*"))


def test_figures_elsewhere_and_again(runs, tmp_path, capsys, monkeypatch):
    """What an earlier run left and does not apply is removed; other files stay."""
    few = {name: PICTURES[name] for name in ("manifold", "training")}
    monkeypatch.setattr(gallery, "PICTURES", few)
    for stale in ("index.html", "manifold.png", "training.png"):
        (tmp_path / stale).write_text("stale")
    (tmp_path / "mine.txt").write_text("mine")
    arguments = ["figures", str(runs / "conditional"), "--output", str(tmp_path), "--dpi", "20"]

    assert main(arguments) == 0

    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "mine.txt", "training.svg"}
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert str(tmp_path / "index.html") in capsys.readouterr().out


def test_wrong_runs(runs, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(runs / "conditional", broken)
    (broken / "model.keras").write_bytes(b"no model")
    (tmp_path / "file").write_text("")
    run = str(runs / "conditional")
    for arguments, message in {
        (str(tmp_path / "nowhere"),): "`run` must be the folder of a finished run",
        (str(broken),): "`run` must hold a model that loads",
        (run, "--output", str(tmp_path / "file")): "`output` must be a folder",
        (run, "--dpi", "0"): "`dpi` must be an integer of at least 1, got 0",
    }.items():
        assert main(["figures", *arguments]) == 1
        errors = capsys.readouterr().err
        assert errors.startswith("error: ") and message in errors


def test_completion_needs_images(tmp_path, capsys):
    arguments = ["fit", "--model", "conditional", "--pca", "5", "--run-dir", str(tmp_path / "run")]
    assert main(arguments) == 1
    assert "`model` must be m1, m2 or m1+m2" in capsys.readouterr().err
