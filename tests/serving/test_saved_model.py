"""`model.export`: the SavedModel and its signatures."""

import numpy as np
import pytest
import tensorflow as tf

import keras_dgm as dgm
from keras_dgm.serving import saved_model
from tests.serving.test_endpoints import D, K, X, m1, m2, stack

NAMES = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def model():
    return stack(m1())


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "model"
    model.export(folder, class_names=NAMES, image_shape=(3, 4))
    return tf.saved_model.load(str(folder)).signatures


def test_all_signatures_are_there(model, served):
    assert set(served) == {"serving_default", "image_bytes", "examples", *model.endpoints()}


def test_the_default_signature_names_the_class(model, served):
    answer = served["serving_default"](images=tf.constant(X))

    expected = model.predict(X, verbose=0)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    assert answer["class_id"].numpy().tolist() == expected.argmax(1).tolist()
    assert [n.decode() for n in answer["label"].numpy()] == [NAMES[i] for i in expected.argmax(1)]


def test_a_sample_depends_on_its_own_seed_alone(served):
    def draw(seeds):
        y = tf.zeros(len(seeds), tf.int32)
        return served["sample"](class_id=y, seed=tf.constant(seeds, tf.int64))["images"].numpy()

    one, other = draw([7, 8]), draw([9, 7, 1])
    np.testing.assert_allclose(one[0], other[1], atol=1e-6)
    assert np.abs(one[0] - one[1]).max() > 1e-3


def test_a_larger_picture_is_resized_and_a_coloured_one_made_grey(served):
    white = tf.io.encode_png(tf.fill([30, 40, 3], tf.constant(255, tf.uint8)))
    answer = served["image_bytes"](image_bytes=white[None])
    expected = served["serving_default"](images=tf.ones([1, D]))

    np.testing.assert_allclose(answer["probabilities"], expected["probabilities"], atol=1e-5)


@pytest.mark.parametrize("value", [-0.1, 1.5, 255, np.nan, np.inf])
def test_a_row_outside_of_0_to_1_is_told_apart(model, served, value):
    images = X[:3].copy()
    images[1, 3] = value

    answer = served["serving_default"](images=tf.constant(images))

    expected = model.predict(X[:3:2], verbose=0)
    np.testing.assert_allclose(answer["probabilities"][::2], expected, atol=1e-5)
    assert np.isnan(answer["probabilities"][1]).all()
    assert answer["valid"].numpy().tolist() == [True, False, True]
    assert answer["class_id"].numpy()[1] == -1 and answer["label"].numpy()[1] == b""


def png(value=51, size=(3, 4)):
    return tf.io.encode_png(np.full([*size, 1], value, np.uint8)).numpy()


def damaged(file):
    """Its pixels are no longer what was compressed."""
    middle = file.index(b"IDAT") + 6
    return file[:middle] + b"\xff\xff\xff" + file[middle + 3 :]


BAD_FILES = {"cut": png()[:40], "empty": b"", "text": b"hello", "damaged": damaged(png())}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_is_no_picture_leaves_the_others_their_answers(served, kind):
    files = [png(51), BAD_FILES[kind], png(204)]

    answer = served["image_bytes"](image_bytes=tf.constant(files))

    assert answer["valid"].numpy().tolist() == [True, False, True]
    images = tf.constant([[0.2] * D, [0.8] * D])
    expected = served["serving_default"](images=images)["probabilities"]
    np.testing.assert_allclose(answer["probabilities"].numpy()[::2], expected, atol=1e-5)
    assert np.isnan(answer["probabilities"][1]).all()


def example(values):
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature={"x": feature})).SerializeToString()


@pytest.mark.parametrize("signature", ["examples", "classify"])
@pytest.mark.parametrize("bad", [b"junk", b"", example(X[0, 1:]), example(X[0] + 2)])
def test_a_bad_example_leaves_the_others_their_answers(model, served, signature, bad):
    rows = tf.constant([example(X[0]), bad, example(X[2])])

    answer = served[signature](rows)

    found = answer["scores" if signature == "classify" else "probabilities"].numpy()
    np.testing.assert_allclose(found[::2], model.predict(X[:3:2], verbose=0), atol=1e-5)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("name", ["serving_default", "examples", "image_bytes", "sample"])
def test_no_rows_get_no_answers(served, name):
    specs = served[name].structured_input_signature[1]
    empty = {key: tf.zeros([0, *spec.shape[1:]], spec.dtype) for key, spec in specs.items()}

    assert {len(values) for values in served[name](**empty).values()} == {0}


def test_nothing_in_the_graph_fails_but_what_reads_a_file(served):
    """A batch has one status: an assertion would fail the requests beside the one it is about."""
    for name, function in served.items():
        library = function.graph.as_graph_def().library.function
        bodies = {called.signature.name: called.node_def for called in library}
        bodies["it"] = function.graph.as_graph_def().node
        found, reached = set(), {"it"}
        while reached:  # What a dataset maps may fail: it leaves the row out.
            nodes = [n for called in reached for n in bodies.pop(called) if n.op != "MapDataset"]
            found |= {node.op for node in nodes}
            reached = {attr.func.name for node in nodes for attr in node.attr.values()}
            reached &= set(bodies)
        assert len(found) > 10 and "Assert" not in found, name


def test_without_names_the_numbers_are_the_labels(tmp_path):
    m2().export(tmp_path / "model")
    served = tf.saved_model.load(str(tmp_path / "model")).signatures

    assert "image_bytes" not in served
    labels = served["serving_default"](images=tf.constant(X))["label"].numpy()
    assert set(labels) <= {b"0", b"1", b"2"}


def test_m1_serves_its_features(tmp_path):
    model = m1()
    model.export(tmp_path / "model", image_shape=(3, 4))
    served = tf.saved_model.load(str(tmp_path / "model")).signatures

    assert set(served) == {
        "serving_default", "image_bytes", "examples", "embed", "generate", "sample", "score",
    }  # fmt: skip
    answer = served["serving_default"](images=tf.constant(X))
    np.testing.assert_allclose(answer["embedding"], model.embed(X), atol=1e-5)


@pytest.mark.parametrize(
    "names",
    [("a", "b"), ("a", "b", "b"), ("a", "b", ""), ("a", "b", "c\nd"), ("a", "b", " c"), "abc", 5],
)
def test_class_names_are_one_line_each(model, tmp_path, names):
    with pytest.raises(ValueError, match="`class_names` must be"):
        model.export(tmp_path / "model", class_names=names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(3, 5), (12,), (3, 2, 2), (1, 3, 2, 2)])
def test_the_image_shape_fits(model, tmp_path, shape):
    with pytest.raises(ValueError, match="`image_shape` must be"):
        model.export(tmp_path / "model", image_shape=shape)
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_not_built_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`model` must be built"):
        dgm.M2(K).export(tmp_path / "model")


def test_numbers_are_the_default_names():
    assert saved_model.check_class_names(None, 3) == ("0", "1", "2")
    assert saved_model.check_class_names(("a",), None) == ()
