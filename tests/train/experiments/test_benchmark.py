import json

import pytest

import keras_dgm as dgm
from train.cli import main
from train.experiments import benchmark, products

pytestmark = pytest.mark.slow


def test_the_multiply_adds_of_m1_are_those_of_its_layers():
    subject = benchmark.Subject(dgm.M1(3, (7,)), products.of_m1, batch_size=5)
    encoder = 2 * 784 * 7 + 3 * 7 * 6  # No gradient goes to x.
    decoder = 3 * 3 * 7 + 3 * 7 * 784
    assert subject.multiply_adds == 5 * (encoder + decoder)


def test_the_multiply_adds_of_m2_count_what_x_brings_in_once_for_all_classes():
    subject = benchmark.Subject(dgm.M2(4, 3, (7,)), products.of_m2, batch_size=5)
    classifier = 2 * 784 * 7 + 3 * 7 * 4
    from_x = 2 * 784 * 7
    of_each_class = 3 * 7 * 6 + 3 * 3 * 7 + 3 * 7 * 784
    assert subject.multiply_adds == 5 * (classifier + from_x + 4 * of_each_class)


def test_a_sampled_class_sum_evaluates_one_class_more_than_it_sums():
    model = dgm.M2(10, 3, (7,), class_sum=2)
    subject = benchmark.Subject(model, products.of_m2, batch_size=5)
    assert {rows for rows, *_ in subject.products} == {5, 15}


def test_the_command_writes_what_it_prints(tmp_path, monkeypatch, capsys):
    subjects = (("small", lambda: dgm.M2(2, 2, (4,), seed=0), products.of_m2, 10, 10),)
    monkeypatch.setattr(benchmark, "SUBJECTS", subjects)
    output = tmp_path / "new" / "benchmark.json"
    assert main(["benchmark", "--rounds", "1", "--output", str(output)]) == 0
    row = json.loads(output.read_text())["models"]["small"]
    assert f"{row['images_per_second']:,.0f}" in capsys.readouterr().out
    seconds = row["seconds"]
    assert min(seconds["products"], seconds["fit"]) > 0
    parts = [seconds[name] for name in ("noise", "products", "optimizer", "elementwise")]
    assert abs(sum(parts) - seconds["step"]) < 1e-9
    assert row["images_per_second"] == 10 / seconds["fit"]


def test_rounds_of_zero_are_refused(capsys):
    assert main(["benchmark", "--rounds", "0"]) == 1
    assert "`rounds` must be" in capsys.readouterr().err
