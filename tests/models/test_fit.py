"""`fit`, `evaluate` and `predict`: what they take, what they report, what they depend on."""

import warnings

import builders
import keras
import numpy as np
import pytest
from builders import K, Z

import keras_dgm as dgm
from keras_dgm import likelihoods
from keras_dgm.preprocessing import PCA
from keras_dgm.training.step import TrainingStep

BOUND = {"loss", "elbo", "reconstruction", "kl"}
CLASSIFIER = {"labeled_elbo", "unlabeled_elbo", "classification_loss", "accuracy"}
MAKERS = pytest.mark.parametrize("make", [builders.m1, builders.m2, builders.stacked])


@MAKERS
def test_the_history_holds_the_bound_and_the_classifier(make):
    data = builders.data_for(make)
    model = make()

    history = model.fit(*data, epochs=2, batch_size=16, validation_data=data, verbose=0).history

    names = BOUND if make is builders.m1 else BOUND | CLASSIFIER
    assert set(history) == names | {f"val_{name}" for name in names}
    assert all(len(values) == 2 and np.all(np.isfinite(values)) for values in history.values())
    logs = model.evaluate(*data, verbose=0, return_dict=True)
    assert set(logs) == names


def nearest_mean():
    """A classifier that is right about nearly all of `examples`, and predicts every class."""
    x, _ = builders.examples()
    means = np.array([x[np.arange(len(x)) % K == k].mean(axis=0) for k in range(K)])
    classifier = keras.Sequential([keras.layers.Dense(K)])
    classifier.build((None, x.shape[1]))
    classifier.set_weights([means.T, -0.5 * np.sum(means**2, axis=-1)])
    return classifier


def test_accuracy_is_that_of_the_labelled_examples():
    """Wrong labels alone: the accuracy is 0, whatever the unlabelled examples would be."""
    x, y = builders.examples()
    model = builders.compiled(
        builders.m2(classifier=nearest_mean()), keras.optimizers.SGD(0.0), metrics=["accuracy"]
    )
    predicted = model.predict(x, verbose=0).argmax(axis=-1)
    wrong = np.where(y >= 0, (predicted + 1) % K, -1)
    half = np.where(np.arange(len(y)) < 4, predicted, wrong)

    assert model.fit(x, wrong, batch_size=16, verbose=0).history["accuracy"] == [0]
    logs = model.evaluate(x, half, batch_size=7, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["accuracy"], 4 / 9, rtol=1e-6)


@pytest.mark.parametrize("make", [builders.m1, builders.stacked])
def test_the_same_seed_repeats_a_run(make):
    data, runs = builders.data_for(make), []
    for seed in (0, 0):
        model = make(seed)
        history = model.fit(*data, batch_size=16, epochs=2, validation_data=data, verbose=0).history
        runs.append((history, builders.weights(model)))

    assert runs[0][0] == runs[1][0]
    for one, other in zip(runs[0][1], runs[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_other_noise():
    """With the same initial weights and the same order."""
    x, y = builders.examples()
    losses = []
    for seed in (0, 1):
        model = builders.m2(seed)
        keras.utils.set_random_seed(0)
        losses.append(model.fit(x, y, shuffle=False, verbose=0).history["loss"])

    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("make", "mode"),
    [
        (builders.m1, "core"),
        (builders.m2, "core"),
        pytest.param(builders.sdgm, "core", marks=pytest.mark.slow),
        (builders.m2, "graph"),
        (builders.m2, "xla"),
    ],
)
def test_compiled_steps_are_the_eager_ones(make, mode, monkeypatch):
    """With the same noise the same run, to float32's rounding."""
    data, histories = builders.data_for(make), []
    noise = make().sample_noise(15)
    for how in ("eager", mode):
        model = builders.compiled(make(likelihood=likelihoods.Bernoulli(binarize=False)), mode=how)
        monkeypatch.setattr(model, "sample_noise", lambda *_, **__: noise)
        fitted = model.fit(*data, batch_size=15, epochs=2, verbose=0)
        histories.append(fitted.history)

    assert set(histories[0]) == set(histories[1])
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-4, err_msg=name)


def test_a_frozen_model_warns_that_it_does_not_learn():
    model = builders.m1()
    model.trainable = False

    with pytest.warns(UserWarning, match="M1 has no trainable weights"):
        builders.compiled(model).fit(*builders.data_for(builders.m1), verbose=0)


def test_two_of_three_steps_an_execution_are_the_same_steps():
    x, _ = builders.examples()
    runs = []
    for steps in (1, 2):
        model = builders.compiled(builders.m1(), mode="graph", steps_per_execution=steps)
        history = model.fit(x, batch_size=10, epochs=2, verbose=0).history
        runs.append(history["loss"])
        assert model.optimizer.iterations == 6

    np.testing.assert_allclose(*runs, rtol=1e-5)


@MAKERS
def test_the_first_step_is_traced_once(make, monkeypatch):
    """The variables of the optimizer and of the metrics are there by then."""
    traced = []
    minimize = TrainingStep._minimize

    def counted(*args):
        traced.append(args)
        return minimize(*args)

    monkeypatch.setattr(TrainingStep, "_minimize", counted)
    metrics = None if make is builders.m1 else ["accuracy"]
    model = builders.compiled(make(), mode="core", metrics=metrics)

    model.fit(*builders.data_for(make), batch_size=10, epochs=2, verbose=0)

    assert len(traced) == 1


@MAKERS
def test_images_are_flattened(make):
    x, *y = builders.data_for(make)
    images = x.reshape(-1, 2, 3)
    of_rows, of_images = make(), make()
    expected = of_rows.fit(x, *y, verbose=0).history

    history = of_images.fit(images, *y, validation_data=(images, *y), verbose=0).history

    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-6)
    np.testing.assert_allclose(
        of_images.predict(images, verbose=0), of_rows.predict(x, verbose=0), rtol=1e-4, atol=1e-6
    )


def test_lists_and_other_dtypes_are_data():
    x, y = builders.examples()
    model, from_lists = builders.m2(), builders.m2()
    expected = model.fit(x.astype("float64"), y[:, None].astype("int8"), verbose=0).history

    history = from_lists.fit(x.tolist(), y.tolist(), verbose=0).history

    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-6)


def test_validation_split_holds_out_the_last_examples():
    x, y = builders.examples()
    options = {"batch_size": 10, "verbose": 0}
    by_hand = builders.m2()
    expected = by_hand.fit(x[:24], y[:24], validation_data=(x[24:], y[24:]), **options).history

    history = builders.m2().fit(x, y, validation_split=0.2, **options).history

    assert history == expected


def test_evaluate_weighs_batches_by_their_size():
    """The bound of single examples, averaged, is that of all; with 7 a batch, 2 are left over."""
    x, _ = builders.examples()
    model = builders.m1(likelihood=likelihoods.Bernoulli(binarize=False))
    model.encoder.layers[-1].set_weights(
        [np.zeros([4, 4]), np.array([0, 0, -200, -200])]
    )  # no noise

    one_by_one = [model.evaluate(x[i : i + 1], verbose=0)[0] for i in range(len(x))]

    loss = model.evaluate(x, batch_size=7, verbose=0)[0]
    np.testing.assert_allclose(loss, np.mean(one_by_one), rtol=1e-3)


def test_examples_of_no_weight_count_in_nothing():
    x, y = builders.examples()
    y = np.arange(len(y)) % K
    weight = np.where(np.arange(len(x)) < 20, 1.0, 0.0)
    model = builders.m2(likelihood=likelihoods.Bernoulli(binarize=False))
    changed = np.where(weight[:, None] > 0, x, 1 - x)
    state = model.seed_generator.state.numpy()
    logs = []
    for data in ((x, y), (changed, np.where(weight > 0, y, 0))):
        model.seed_generator.state.assign(state)
        options = {"batch_size": len(x), "verbose": 0, "return_dict": True}
        logs.append(model.evaluate(*data, sample_weight=weight, **options))

    for name, value in logs[0].items():
        np.testing.assert_allclose(logs[1][name], value, rtol=1e-6, err_msg=name)
    right = model.predict(x, verbose=0).argmax(-1) == y
    np.testing.assert_allclose(logs[0]["accuracy"], right[:20].mean(), rtol=1e-6)


def test_mixed_precision_leaves_the_preprocessor_its_input():
    """bfloat16 has steps of 4 at 1000, where these values differ by less than 1."""
    x = 1000 + builders.examples()[0]
    pca = PCA(2, whiten=True)
    pca.adapt(x)
    model = builders.m2(likelihood="gaussian", preprocessor=pca, dtype="mixed_bfloat16")

    probs = model.qy_x(model.observe(x).location).probs_parameter()

    assert np.std(probs, axis=0).max() > 0.01
    np.testing.assert_allclose(model.predict(x, verbose=0), probs, rtol=1e-5)


@pytest.mark.parametrize("make", [builders.m1, builders.stacked])
def test_mixed_precision_computes_the_bound_in_float32(make):
    """bfloat16 keeps 8 bits, a relative error of 2^-9 an operation; the bounds agree to 5 %."""
    data, histories = builders.data_for(make), []
    for dtype in ("float32", "mixed_bfloat16"):
        options = {"dtype": dtype}
        if make is builders.stacked:
            options["m1_options"] = {"dtype": dtype}
        model = make(**options)
        histories.append(model.fit(*data, batch_size=10, epochs=2, verbose=0).history)

    assert model.predict(data[0], verbose=0).dtype == np.float32
    assert all(w.dtype == "float32" for w in model.trainable_variables)
    np.testing.assert_allclose(histories[1]["loss"], histories[0]["loss"], rtol=0.05)


def test_float64_throughout():
    x, y = builders.examples()
    model = builders.m2(dtype="float64", weight_prior=True)

    history = model.fit(x, y, verbose=0).history

    assert np.isfinite(history["loss"][0])
    assert model.predict(x, verbose=0).dtype == np.float64


def test_a_class_without_a_label_is_a_warning():
    x, y = builders.examples()

    with pytest.warns(UserWarning, match=r"no labelled example of class \[1\].*never predict it"):
        model = builders.m2()
        model.fit(x, np.where(y == 1, -1, y), verbose=0)

    probs = model.predict(x, verbose=0)
    assert np.all(probs[:, 1] == 0)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("make", [builders.m2, builders.stacked])
def test_a_prior_that_is_given_asks_for_a_class_without_a_label(make, tmp_path):
    x, y = builders.examples()
    model = make(class_prior=[0.2, 0.6, 0.2])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, np.where(y == 1, -1, y), verbose=0)

    assert np.all(model.predict(x, verbose=0)[:, 1] > 0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["classification_loss"] < 10
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("make", [builders.m2, builders.stacked])
def test_what_has_labels_may_change_from_fit_to_fit(make):
    """Compiled steps and predictions follow."""
    x, y = builders.examples()
    model = builders.compiled(make(), mode="graph")
    assert np.all(model.predict(x, verbose=0) > 0)
    with pytest.warns(UserWarning, match=r"class \[1\]"):
        model.fit(x, np.where(y == 1, -1, y), verbose=0)
    assert np.all(model.predict(x, verbose=0)[:, 1] == 0)

    history = model.fit(x, y, verbose=0).history

    assert 0 < history["classification_loss"][0] < 10
    assert np.all(model.predict(x, verbose=0)[:, 1] > 0)


def test_fitting_epoch_by_epoch_goes_through_the_same_orders():
    """SGD without noise of x sees the order of the examples."""
    x, _ = builders.examples()
    whole, pieces = builders.m1(), builders.m1()
    whole.fit(x, batch_size=10, epochs=3, verbose=0)
    for _ in range(3):
        pieces.fit(x, batch_size=10, epochs=1, verbose=0)
    for expected, weight in zip(whole.get_weights(), pieces.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-7)


def test_an_unbuilt_model_can_be_evaluated():
    x, y = builders.examples()
    model = builders.compiled(dgm.M2(K, Z, (4,)))

    assert np.isfinite(model.evaluate(x, y, verbose=0, return_dict=True)["loss"])
