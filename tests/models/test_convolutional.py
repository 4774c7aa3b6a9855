"""Models with convolutional trunks: their bounds, sizes, files, exports, and what they refuse."""

import builders
import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import K, Z

import keras_dgm as dgm
from keras_dgm import likelihoods, networks
from keras_dgm.serving import finite_softplus

SHAPE = (4, 4, 1)
D, N = 16, 12
TRUNK = dgm.Convolutional(SHAPE, filters=(3,), units=(5,))
RNG = np.random.default_rng(0)
X = RNG.uniform(size=[N, D]).astype(np.float32)
Y = np.where(np.arange(N) < 6, np.arange(N) % K, -1)


def stacked(seed=0, m1_options=None, **options):
    m1 = builders.m1(seed, D, hidden_units=TRUNK, latent_dim=4, **(m1_options or {}))
    model = dgm.StackedM1M2(m1, K, Z, (4,), active_dims=[0, 2], seed=seed, **options)
    model.build((None, D))
    return builders.compiled(model, metrics=["accuracy"])


MAKE = {
    "M1": lambda **options: builders.m1(width=D, hidden_units=TRUNK, **options),
    "M2": lambda **options: builders.m2(width=D, hidden_units=TRUNK, **options),
    "M1+M2": stacked,
    "ADGM": lambda **options: builders.adgm(width=D, hidden_units=TRUNK, **options),
    "SDGM": lambda **options: builders.sdgm(width=D, hidden_units=TRUNK, **options),
}
EVERY = pytest.mark.parametrize("name", MAKE)


def data_of(model):
    return (X, Y) if model.num_classes else (X,)


def randomized(model):
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.dtype in ("float32", "float64") and weight.shape.rank:
            weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    return model


@EVERY
def test_it_trains_and_is_reloaded_exactly(name, tmp_path):
    model = MAKE[name]()

    history = model.fit(*data_of(model), batch_size=6, epochs=2, verbose=0).history

    assert np.isfinite(history["loss"]).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert next(iter(loaded.latents().values())).trunk == TRUNK
    np.testing.assert_array_equal(loaded(X), model(X))


@EVERY
def test_every_weight_gets_a_gradient(name):
    model = MAKE[name]()
    x = model.sample_observation(model.observe(X))
    noise = model.sample_noise(N)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model.objective(x, tf.constant(Y), noise, True).loss)

    gradients = tape.gradient(loss, model.trainable_variables)

    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert np.any(tf.convert_to_tensor(gradient) != 0), weight.path


@EVERY
def test_what_is_deployed_answers_as_the_model(name):
    """With the softplus of LiteRT in the convolutions, too."""
    model = randomized(MAKE[name](activation="softplus"))

    for endpoint in model.endpoints(finite_softplus).values():
        arrays = [each.examples(X) for each in endpoint.inputs]
        answer, expected = endpoint.guarded(*map(tf.constant, arrays)), endpoint.reference(*arrays)
        assert np.all(answer["valid"])
        for output, values in expected.items():
            scale = max(1, np.abs(values).max())
            np.testing.assert_allclose(answer[output], values, atol=1e-5 * scale)


def test_a_classifier_learns_on_in_its_last_layer():
    learner = randomized(MAKE["M2"]()).personalisation(finite_softplus)
    x, y, rate = tf.constant(X), tf.constant(Y % K, tf.int32), tf.constant(0.05)

    losses = [learner["train"].function(x, y, rate)["loss"].numpy() for _ in range(10)]

    assert losses[-1] < losses[0]
    assert learner["get_weights"].function()["kernel"].shape == (5, K)


# The same networks of Keras' layers alone.


def encoder_of(ours, width, classes=0):
    """What [x, one-hot y] gives, or x alone, by plain layers with the weights of `ours`."""
    x, y = keras.Input([width], dtype="float64"), keras.Input([classes], dtype="float64")
    options = {"dtype": "float64"}
    h = keras.layers.Reshape((4, 4, width // D), **options)(x)
    h = keras.layers.Conv2D(3, 3, 2, "same", activation="tanh", **options)(h)
    h = keras.layers.Flatten(**options)(h)
    return head(ours, x, y, h, classes)


def head(ours, x, y, h, classes, last=None):
    options = {"dtype": "float64"}
    if classes:
        h = keras.layers.Concatenate(**options)([h, y])
    h = keras.layers.Dense(5, "tanh", **options)(h)
    for layer in last or [keras.layers.Dense(ours, **options)]:
        h = layer(h)
    return keras.Model([x, y] if classes else x, h)


def decoder_of(parts, width, classes=0):
    x, y = keras.Input([width], dtype="float64"), keras.Input([classes], dtype="float64")
    options = {"dtype": "float64"}
    last = [
        keras.layers.Dense(12, "tanh", **options),
        keras.layers.Reshape((2, 2, 3), **options),
        keras.layers.Conv2DTranspose(parts, 3, 2, "same", **options),
        keras.layers.Permute((3, 1, 2), **options),
        keras.layers.Flatten(**options),
    ]
    return head(None, x, y, x, classes, last)


def plain_weights(network):
    """Of a network with classes, the kernel of [x, one-hot y] in one piece, after convolutions."""
    if not isinstance(network, networks.ConditionalMLP):
        return [w.numpy() for w in network.weights]
    features = [] if network.features is None else network.features.weights
    kernel = np.concatenate([network.from_x.kernel, network.from_y.embeddings])
    return [
        *(w.numpy() for w in features),
        kernel,
        network.from_x.bias.numpy(),
        *(w.numpy() for w in network.rest.weights),
    ]


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("name", ["M1", "M2"])
def test_the_bound_is_that_of_plain_layers(name, likelihood):
    """The loss of each example, in float64, with the same noise."""
    options = {"activation": "tanh", "dtype": "float64", "likelihood": likelihood}
    ours = randomized(MAKE[name](**options))
    parts, classes = likelihoods.get(likelihood).params_size(1), K if name == "M2" else 0
    own = {
        "encoder": encoder_of(2 * Z, D, classes),
        "decoder": decoder_of(parts, Z, classes),
    }
    if classes:
        own["classifier"] = encoder_of(K, D)
    make = builders.m2 if classes else builders.m1
    plain = make(width=D, hidden_units=(1,), **options, **own)
    for network, of_keras in own.items():
        of_keras.set_weights(plain_weights(getattr(ours, network)))
    x, y = tf.constant(X, tf.float64), tf.constant(Y)
    noise = ours.sample_noise(N)

    found, expected = (model.objective(x, y, noise, True) for model in (ours, plain))

    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-11)
    np.testing.assert_allclose(found.bound.elbo, expected.bound.elbo, rtol=1e-11)


def test_missing_pixels_come_as_a_mask_in_channels():
    model = randomized(MAKE["M2"](missing=True, dtype="float64", activation="tanh"))
    x = X.astype("float64")
    x[:, 3] = np.nan

    classifier = encoder_of(K, 2 * D)

    of_keras = classifier.layers
    filled = np.nan_to_num(x).reshape(N, 4, 4, 1), (x == x).reshape(N, 4, 4, 1)
    classifier.set_weights(plain_weights(model.classifier))
    interleaved = np.concatenate(filled, axis=-1).reshape(N, 2 * D)
    np.testing.assert_allclose(model.qy_x(x).logits_parameter(), classifier(interleaved), rtol=1e-9)
    assert len(of_keras) == 6


@pytest.mark.parametrize("name", ["M1", "M2", "SDGM"])
def test_in_half_precision(name):
    model = MAKE[name](dtype="mixed_bfloat16")

    history = model.fit(*data_of(model), epochs=1, verbose=0).history

    assert np.isfinite(history["loss"]).all()
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}


def test_a_smooth_classifier_of_images():
    model = MAKE["M2"](adversarial_weight=1.0)

    history = model.fit(X, Y, epochs=1, verbose=0).history

    assert history["adversarial_loss"][0] > 0


def test_the_core_of_a_step_is_compiled_of_matrix_products_alone():
    """XLA computes convolutions on a CPU, and above all their gradients, slower than TensorFlow."""
    for name, make in MAKE.items():
        model = builders.compiled(make(), mode="core")
        assert model.step.compile_core == (name == "M1+M2"), name


REFUSED = [
    (
        lambda: builders.m1(width=15, hidden_units=TRUNK),
        r"`hidden_units` must have an `image_shape` of as many numbers as an example, 15, got "
        r"\(4, 4, 1\) of 16",
    ),
    (lambda: builders.m2(width=20, hidden_units=TRUNK), "as an example, 20, got"),
    (lambda: builders.sdgm(width=20, hidden_units=TRUNK), "as an example, 20, got"),
    (
        lambda: MAKE["M1"](
            likelihood=likelihoods.Columns(
                [(likelihoods.Gaussian(), 15), (likelihoods.Bernoulli(), 1)]
            )
        ),
        "`likelihood` must have as many parameters for one entry of an image .* got 31 for 16",
    ),
    (
        lambda: dgm.StackedM1M2(builders.m1(), K, hidden_units=TRUNK),
        r"`hidden_units` must be a sequence of at least 1 positive integers, got Convolutional\(",
    ),
    (
        lambda: dgm.ConditionalM1([0], hidden_units=TRUNK),
        "`hidden_units` must be a sequence of at least 0 positive integers, got Convolutional",
    ),
]


@pytest.mark.parametrize("make, message", REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "too_large", [{"units": [2**31]}, {"filters": [1, 10_000], "kernel_size": 2_000}]
)
def test_a_saved_model_with_layers_too_large_is_not_made(too_large):
    config = MAKE["M1"]().get_config()
    config["hidden_units"]["config"] |= too_large

    with pytest.raises(ValueError, match="must have layers of at most"):
        dgm.M1.from_config(config)
