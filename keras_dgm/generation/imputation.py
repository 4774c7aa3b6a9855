"""Missing pixels by a Markov chain between x and z, of a trained M1."""

import collections

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_dgm import checks, containers


def imputations(model, x, observed, num_steps=100, seed=0):
    """Yields the images that a Markov chain over the missing pixels visits.

    It starts from samples of the model; each step draws z ~ q(z|x) and then the missing part of x
    from p(x|z). Its stationary distribution is near p(x_missing | x_observed) as far as q(z|x) is
    near p(z|x), also for the images between start and end. With few latent dimensions or a small
    M1 that may not hold: compare with `fill_with_mean`.

    Args:
        model: a built `M1` without a preprocessor, whose likelihood is over x itself; or an M1+M2
            on one.
        x: array [N, D] or [N, ...]; its missing pixels are not looked at and may be NaN.
        observed: booleans, [D] alike for all examples or [N, D], or in the shape of an example or
            of `x`.
        num_steps: of the chain.
        seed: of the chain.

    Yields:
        float32 [N, D], `num_steps` times: the observed pixels, and the mean of p(x|z) for the
        others.

    Raises:
        ValueError: if an argument is out of range, or the mask is of another shape, not boolean or
            observes nothing.

    References:
        Rezende, Mohamed and Wierstra (2014), arXiv 1401.4082, appendix F.
    """
    model = model.as_m1()
    model.check_built()
    if model.preprocessor is not None:
        raise ValueError(
            "`model` must have a likelihood over x itself, got one with the preprocessor "
            f"{model.preprocessor.name!r}"
        )
    num_steps = checks.check_positive_integer(num_steps, argument="num_steps")
    seed = checks.check_seed(seed)
    x, observed = check_observed(x, observed)
    x = model.check_features(np.where(observed, x, 0))
    return _chain(model, tf.constant(x), tf.constant(observed), num_steps, seed)


def _chain(model, x, observed, num_steps, seed):
    z_seed, start, seed = tfp.random.split_seed([0, seed], 3)

    @tf.function(autograph=False)
    def step(state, seed):
        z_seed, x_seed = tf.unstack(tfp.random.split_seed(seed))
        px_z = model.px_z(model.qz_x(state).sample(seed=z_seed))
        drawn = px_z.sample(seed=x_seed)
        return tf.where(observed, x, drawn), tf.where(observed, x, px_z.mean())

    z = tf.random.stateless_normal([len(x), model.latent_dim], z_seed)
    state = tf.where(observed, x, model.px_z(z).sample(seed=start))
    for step_seed in tfp.random.split_seed(seed, num_steps):
        state, image = step(state, step_seed)
        yield image.numpy()


def impute(model, x, observed, num_steps=100, seed=0):
    """Fills missing pixels with an estimate of their mean given the observed ones.

    Args:
        model: as of `imputations`, like the other arguments.
        x: array [N, D] or [N, ...].
        observed: booleans.
        num_steps: of the chain; the first half lets it forget its start, the others are averaged.
        seed: of the chain.

    Returns:
        float32 [N, D].

    Raises:
        ValueError: as `imputations`.
    """
    steps = imputations(model, x, observed, num_steps, seed)
    kept = num_steps - num_steps // 2
    return sum(collections.deque(steps, maxlen=kept)) / kept


def fill_with_mean(x, observed, mean):
    """The same with the mean of the training data, [D], which looks at no observed pixel.

    Raises:
        ValueError: as `imputations`.
    """
    x, observed = check_observed(x, observed)
    return np.where(observed, x, mean).astype(np.float32)


def error_of_missing(filled, x, observed):
    """The mean squared error over the missing pixels.

    Args:
        filled: [N, D], as from `impute`.
        x: the true images, [N, D] or [N, ...].
        observed: booleans, as of `imputations`.

    Raises:
        ValueError: as `imputations`; and if nothing is missing.
    """
    x, observed = check_observed(x, observed)
    if observed.all():
        raise ValueError("`observed` must leave a pixel out, got True throughout")
    return float(np.mean(np.square(filled - x)[~observed]))


def check_observed(x, observed):
    """The examples and their mask as arrays [N, D].

    Raises:
        ValueError: naming the argument, the rule and the value received.
    """
    x = checks.check_numbers(x, argument="x", missing=True)
    observed = containers.as_array(observed, "observed")
    if observed.dtype != bool:
        raise ValueError(f"`observed` must hold booleans, got dtype {observed.dtype}")
    if x.ndim < 2:
        raise ValueError(f"`x` must have shape [N, D] or [N, ...], got shape {x.shape}")
    rows = x.reshape(len(x), -1)
    allowed = {x.shape, x.shape[1:], rows.shape, rows.shape[1:]}
    if observed.shape not in allowed:
        raise ValueError(
            f"`observed` must have the shape of an example or of `x`, one of {sorted(allowed)}, "
            f"got {observed.shape}"
        )
    observed = np.broadcast_to(observed.reshape(-1, rows.shape[1]), rows.shape)
    if not observed.any():
        raise ValueError("`observed` must hold a True: a pixel to go by; got False throughout")
    return rows, observed
