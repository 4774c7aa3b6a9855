"""Missing pixels by a Markov chain between x and z, of a trained M1."""

import collections

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_dgm import checks, containers, distributions

# The part of the steps that take every proposal, at the start.
WARM_UP = 0.1


def imputations(model, x, observed, num_steps=100, seed=0):
    """Yields the images that a Markov chain over the missing pixels visits.

    It starts from samples of the model. Each step proposes z ~ q(z|x) and takes it with probability
    min(1, w(z) / w(z before)), w(z) = p(x|z) p(z) / q(z|x); then it draws the missing part of x
    from p(x|z). This is Metropolis within Gibbs, whose stationary distribution is
    p(x_missing | x_observed) whatever q is. In the first tenth of the steps every proposal is
    taken, which brings the chain near from its far start. Where q is far from p(z|x) proposals are
    rarely taken later, and the chain needs more steps; compare with `fill_with_mean`.

    Args:
        model: a built `M1` without a preprocessor, whose likelihood is over x itself; or an M1+M2
            on one.
        x: array [N, D] or [N, ...]; its missing pixels are not looked at and may be NaN. To a model
            with `missing=True`, NaN is missing whatever `observed` says.
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
        Mattei and Frellsen (2018), arXiv 1802.04826, algorithm 2.
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
    x = model.check_features(np.where(observed, x, np.nan if model.missing else 0))
    observed = observed & ~np.isnan(x)
    x = tf.constant(np.where(observed, x, 0), model.variable_dtype)
    return _chain(model, x, tf.constant(observed), num_steps, seed)


def _chain(model, x, observed, num_steps, seed):
    z_seed, start, seed = tfp.random.split_seed([0, seed], 3)

    @tf.function(autograph=False)
    def step(state, z, seed, takes_all):
        z_seed, accept, x_seed = tf.unstack(tfp.random.split_seed(seed, 3))
        qz_x = model.qz_x(state)
        proposed = qz_x.sample(seed=z_seed)
        pz = distributions.standard_normal_like(qz_x)

        def log_weight(z):
            return model.px_z(z).log_prob(state) + pz.log_prob(z) - qz_x.log_prob(z)

        log_ratio = log_weight(proposed) - log_weight(z)
        uniform = tf.random.stateless_uniform(tf.shape(log_ratio), accept, dtype=log_ratio.dtype)
        accepted = takes_all | (tf.math.log(uniform) < log_ratio)
        z = tf.where(accepted[:, None], proposed, z)
        px_z = model.px_z(z)
        drawn = tf.where(observed, x, px_z.sample(seed=x_seed))
        return drawn, z, tf.where(observed, x, px_z.mean())

    z = tf.random.stateless_normal([len(x), model.latent_dim], z_seed, dtype=x.dtype)
    state = tf.where(observed, x, model.px_z(z).sample(seed=start))
    for number, step_seed in enumerate(tfp.random.split_seed(seed, num_steps)):
        state, z, image = step(state, z, step_seed, tf.constant(number < num_steps * WARM_UP))
        yield image.numpy().astype(np.float32)


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

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> m1 = dgm.M1(latent_dim=2, hidden_units=(16,), seed=0)
        >>> m1.build((None, 4))
        >>> x = np.array([[0.0, 1.0, np.nan, np.nan]])
        >>> dgm.generation.impute(m1, x, ~np.isnan(x), num_steps=10).shape
        (1, 4)
    """
    steps = imputations(model, x, observed, num_steps, seed)
    kept = num_steps - num_steps // 2
    return sum(collections.deque(steps, maxlen=kept)) / kept


def fill_with_mean(x, observed, mean):
    """The same with the mean of the training data, [D], which looks at no observed pixel.

    Raises:
        ValueError: as `imputations`.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.generation import fill_with_mean
        >>> observed = np.array([True, False])
        >>> fill_with_mean(np.array([[0.5, 0.5]]), observed, mean=np.array([0.25, 0.75])).tolist()
        [[0.5, 0.75]]
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

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.generation import error_of_missing
        >>> x = np.array([[0.0, 1.0, 1.0, 0.0]])
        >>> observed = np.array([True, True, False, False])
        >>> error_of_missing(np.array([[0.0, 1.0, 0.5, 0.5]]), x, observed)
        0.25
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
