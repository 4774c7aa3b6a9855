"""Batches out of files: all of the examples, their labelled ones spread evenly, in fresh orders."""

import json
import os
import subprocess
import sys
from pathlib import Path

import builders
import numpy as np
import pytest
import tensorflow as tf

from keras_dgm import data

N, LABELED, BATCH, WINDOW = 103, 20, 10, 40


@pytest.fixture
def files(tmp_path):
    """x [N, 2], whose first column numbers the rows, and y [N], the labelled rows first."""
    x = np.stack([np.arange(N), np.zeros(N)], axis=1)
    y = np.where(np.arange(N) < LABELED, np.arange(N) % 3, -1)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    return tmp_path / "x.npy", tmp_path / "y.npy"


def shards(folder, count=3):
    """The same in TFRecord shards, the labelled rows spread over them; y is absent where it can."""
    paths = [folder / f"{number}.tfrecord" for number in range(count)]
    for number, path in enumerate(paths):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in range(number, N, count):
                feature = {"x": tf.train.Feature(float_list={"value": [row, 0]})}
                if row % 5 == 0:
                    feature["y"] = tf.train.Feature(int64_list={"value": [row % 3]})
                example = tf.train.Example(features={"feature": feature})
                writer.write(example.SerializeToString())
    return paths


def taken(dataset):
    return [(x.numpy(), y.numpy()) for x, y in dataset]


def assert_whole(batches, num_labeled, in_a_batch):
    rows = np.concatenate([x[:, 0] for x, _ in batches])
    np.testing.assert_array_equal(np.sort(rows), np.arange(N))
    assert [len(y) for _, y in batches] == [BATCH] * 10 + [3]
    labeled = [np.count_nonzero(y >= 0) for _, y in batches]
    assert sum(labeled) == num_labeled
    assert set(labeled[:-1]) <= in_a_batch
    assert {x.dtype for x, _ in batches} == {np.dtype("float32")}


def test_npy_files(files):
    dataset = data.npy_batches(*files, BATCH, window=WINDOW)
    one, other = taken(dataset), taken(dataset)
    for batches in (one, other):
        assert_whole(batches, LABELED, {1, 2, 3})
        for x, y in batches:
            expected = np.where(x[:, 0] < LABELED, x[:, 0] % 3, -1)
            np.testing.assert_array_equal(y, expected)
    assert len(dataset) == 11
    assert not np.array_equal(one[0][0], other[0][0])
    np.testing.assert_array_equal(
        one[0][0], taken(data.npy_batches(*files, BATCH, window=WINDOW))[0][0]
    )


def test_npy_files_without_labels(files):
    assert_whole(taken(data.npy_batches(files[0], None, BATCH, window=WINDOW)), 0, {0})


def test_tfrecord_shards(tmp_path):
    dataset = data.tfrecord_batches(shards(tmp_path), 2, BATCH, window=WINDOW)
    one, other = taken(dataset), taken(dataset)
    for batches in (one, other):
        assert_whole(batches, 21, {1, 2, 3})
        for x, y in batches:
            np.testing.assert_array_equal(y, np.where(x[:, 0] % 5 == 0, x[:, 0] % 3, -1))
    assert not np.array_equal(one[0][0], other[0][0])


def test_a_model_takes_the_steps_that_the_order_gives(tmp_path):
    x, y = builders.examples()
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    dataset = data.npy_batches(tmp_path / "x.npy", tmp_path / "y.npy", 8)
    history = builders.m2().fit(dataset, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


WRONG = {
    "no file": (lambda x, y: data.npy_batches("no.npy", y, 10), "`x` must name files that exist"),
    "no array": (lambda x, y: data.npy_batches(x, __file__, 10), "`y` must be a sound .npy file"),
    "no labels": (lambda x, y: data.npy_batches(x, x, 10), "`y` must have shape"),
    "batch": (lambda x, y: data.npy_batches(x, y, 0), "`batch_size` must be"),
    "window": (lambda x, y: data.npy_batches(x, y, 10, window=-1), "`window` must be"),
    "no shard": (lambda x, y: data.tfrecord_batches([], 2, 10), "`files` must name at least one"),
    "a lost shard": (lambda x, y: data.tfrecord_batches(["no"], 2, 10), "`files` must name files"),
    "width": (lambda x, y: data.tfrecord_batches([x], 0, 10), "`width` must be"),
}


@pytest.mark.parametrize("call, message", WRONG.values(), ids=WRONG)
def test_what_is_refused(call, message, files):
    with pytest.raises(ValueError, match=message):
        call(*files)


@pytest.mark.slow
def test_five_million_examples_in_memory_that_does_not_grow():
    root = Path(__file__).resolve().parents[2]
    process = root / "tests" / "models" / "memory_process.py"
    done = subprocess.run(
        [sys.executable, process],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
    measured = json.loads(done.stdout)
    first, *_, last = measured["resident_mib_after_each_tenth"]
    assert last - first < 0.1 * measured["files_mib"]
    assert measured["accuracy"] > 0.6  # By chance: 0.25.
