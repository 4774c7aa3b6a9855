"""log p(x) of trained models, by importance sampling."""

import dataclasses
import functools
import math
import warnings

import keras
import numpy as np
import tensorflow as tf
from scipy import special

from keras_dgm import checks
from keras_dgm.evaluation import weights

# Numbers in the largest tensor of a chunk of samples: 16 MB of float32.
CHUNK = 2**22


@dataclasses.dataclass(frozen=True, eq=False)
class LogLikelihood:
    """Estimates of log p(x), in nats, and how far they can be trusted.

    An estimate is the logarithm of an unbiased one, so low on average: compare models at the same
    `num_samples`, and look at `khat` first. Weights that were never met show in none of the other
    figures.

    Attributes:
        log_p: [N], L_S of each example.
        stderr: [N], its Monte-Carlo standard error, by the jackknife; NaN from one sample. Right
            over many examples, in the root mean square; of one whose `khat` is above 0.5 it is
            often half of that.
        bias: [N], the jackknife's estimate of how far it lies above log p(x) on average, below 0:
            half of that or less where `khat` is above 0.5.
        log_p_tenth: [N], L_{S/10}, from a tenth of the samples: where `log_p` is well above it, so
            is log p(x) above `log_p`; NaN of fewer than 10 samples.
        khat: [N], the Pareto k-hat of the weights: above 0.7 the estimate is not to be trusted; NaN
            of fewer than 25 samples.
        ess: [N], the effective sample size, (sum w)^2 / sum w^2, from 1 to `num_samples`.
        log_p_xy: [N, K], log p(x, y) for every class; [N, 1], log p(x), without classes.
        num_samples: how many importance samples an estimate is made of.
    """

    log_p: np.ndarray
    stderr: np.ndarray
    bias: np.ndarray
    log_p_tenth: np.ndarray
    khat: np.ndarray
    ess: np.ndarray
    log_p_xy: np.ndarray
    num_samples: int

    @property
    def mean(self):
        """The mean of log p(x) over the examples."""
        return float(np.mean(self.log_p))

    @property
    def mean_stderr(self):
        """The Monte-Carlo standard error of `mean`, for these examples."""
        return float(np.sqrt(np.sum(self.stderr**2)) / len(self.stderr))

    @property
    def mean_bias(self):
        """The jackknife's estimate of the bias of `mean`."""
        return float(np.mean(self.bias))


def log_likelihood(
    model,
    x,
    num_samples=5000,
    *,
    binarize=True,
    raw=False,
    batch_size=100,
    seed=0,
    jit_compile=True,
    verbose="auto",
):
    """Estimate log p(x) = log E[w] by log 1/S sum_s w_s, the L_S of Burda et al. (2016).

    - M1: w = p(x|z) p(z) / q(z|x), z drawn from q(z|x).
    - M2: w = sum_y p(x|y,z_y) p(y) p(z_y) / q(z_y|x,y), z_y drawn from q(z_y|x,y) for every y.
    - M1+M2: w = p(x|z1) / q(z1|x) sum_y p(z1|y,z2_y) p(y) p(z2_y) / q(z2_y|z1,y), z1 drawn from
      q(z1|x), and z2_y from q(z2_y|z1,y) for every y.
    - ADGM, SDGM: w = sum_y p(x,a,y,z_y) / (q(a|x) q(z_y|a,x,y)), a drawn from q(a|x), and z_y from
      q(z_y|a,x,y) for every y.

    The class is summed, not drawn: a q(y|x) that is trained to be right about labels is sure of
    itself, and weights of 1 / q(y|x) would rarely meet the classes that it rules out. In M1+M2,
    dimensions of z1 that M2 leaves out keep the prior N(0, 1) that they have in M1.

    Under the Bernoulli likelihood, p(x) is a distribution over x in {0, 1}: grey x are drawn once,
    with `seed`, as in training. With `binarize=False` they enter x log p + (1 - x) log(1 - p) as
    they are, which is no log-likelihood, and comparable with nothing but itself.

    With a `preprocessor`, the density is that of what it puts out, of the components of `PCA` say:
    comparable between models of the same preprocessor alone. With `raw=True` it is that of x.

    Args:
        model: a built `M1`, `M2`, `StackedM1M2`, `ADGM` or `SDGM`.
        x: [N, D] or [N, ...], raw data.
        num_samples: S, of each example. They are drawn in chunks; what stays is 8 bytes for each
            sample of the examples of a batch.
        binarize: whether x is drawn as in training: by a `Bernoulli`, in {0, 1}.
        raw: whether the density is that of x also where the model has a `preprocessor`: its
            `log_abs_det_jacobian` is added.
        batch_size: examples at a time.
        seed: of the binarisation and the samples; the same arguments give the same estimates.
        jit_compile: False for networks of your own that XLA cannot compile.
        verbose: 0: no progress bar; 1: one; `"auto"`: one.

    Returns:
        A `LogLikelihood`. A warning tells where its `khat` is above 0.7.

    Raises:
        ValueError: if the model has not been built, an argument is out of range, or `raw` is asked
            of a preprocessor without a Jacobian, or one that puts out fewer numbers than it takes.

    References:
        Burda, Grosse and Salakhutdinov (2016), arXiv 1509.00519, section 5.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> m1 = dgm.M1(latent_dim=2, hidden_units=(16,), seed=0)
        >>> m1.build((None, 8))
        >>> x = np.random.default_rng(0).integers(0, 2, (10, 8))
        >>> found = dgm.evaluation.log_likelihood(m1, x, num_samples=500, verbose=0)
        >>> found.log_p.shape, bool(found.mean < 0)
        ((10,), True)
    """
    num_samples = checks.check_positive_integer(num_samples, argument="num_samples")
    batch_size = checks.check_positive_integer(batch_size, argument="batch_size")
    model.check_built()
    given, x = x, observations(model, x, binarize, checks.check_seed(seed))
    log_det = log_abs_det_jacobian(model, given) if raw else np.zeros([len(x), 1])
    batch_size = min(batch_size, len(x))
    chunk = samples_at_once(model, x, batch_size, num_samples)
    starts = range(0, len(x), batch_size)
    bar = keras.utils.Progbar(
        len(starts) * -(-num_samples // chunk), verbose=int(verbose != 0), unit_name="chunk"
    )
    summed = tf.function(
        functools.partial(_log_sums, model), jit_compile=jit_compile, autograph=False
    )
    batches = []
    for start in starts:
        batch = tf.constant(x[start : start + batch_size])
        log_w_y = -np.inf
        log_w = []
        for drawn in range(0, num_samples, chunk):
            shape = len(batch), min(chunk, num_samples - drawn)
            noise = _noise(model, shape, x.dtype, seed, (start, drawn))
            of_classes, of_samples = summed(batch, noise)
            log_w_y = np.logaddexp(log_w_y, of_classes)  # [B, K]
            log_w.append(of_samples.numpy())  # [B, S]
            bar.add(1)
        of_batch = log_det[start : start + batch_size]
        batches.append(_estimate(log_w_y + of_batch, np.concatenate(log_w, axis=1) + of_batch))
    found = LogLikelihood(
        **{name: np.concatenate([b[name] for b in batches]) for name in batches[0]},
        num_samples=num_samples,
    )
    if (caveat := weights.caveat(found.khat)) is not None:
        warnings.warn(caveat, stacklevel=2)
    return found


def observations(model, x, binarize, seed):
    """What log p(x) is of, an array [N, W]: x preprocessed, and drawn as `binarize` says."""
    bottom = next(iter(model.latents().values()))
    x = bottom.observe(bottom.check_features(x))
    bottom.check_observation(x)
    if not binarize:
        return x.location.numpy()
    rng = np.random.default_rng(seed)
    return np.asarray(
        bottom.likelihood.sample_observation(x.location, lambda shape: rng.random(shape))
    )


def log_abs_det_jacobian(model, x):
    """log |det dz/dx| of a model's preprocessor at x, [N, 1]; 0 of a model without one."""
    bottom = next(iter(model.latents().values()))
    x = bottom.check_features(x)
    if bottom.preprocessor is None:
        return np.zeros([len(x), 1])
    function = getattr(bottom.preprocessor, "log_abs_det_jacobian", None)
    if function is None:
        raise ValueError(
            "`raw` needs a `preprocessor` with a method `log_abs_det_jacobian`, as those of "
            f"keras_dgm.preprocessing have, got a {type(bottom.preprocessor).__name__}"
        )
    return np.asarray(function(x), np.float64)[:, None]


def samples_at_once(model, x, batch_size, num_samples):
    """How many samples of a batch's examples fit into a chunk."""
    classes = max(math.prod(shape[:-1]) for shape in tf.nest.flatten(model.noise_shape))
    widest = classes * max([x.shape[-1], *(weight.shape[-1] for weight in model.weights)])
    return max(1, min(num_samples, CHUNK // (batch_size * widest)))


def _noise(model, shape, dtype, seed, position):
    """Standard normal noise for `shape` = (examples, samples), another one at every position."""
    start, drawn = position
    seeds = tf.random.experimental.stateless_fold_in(tf.constant([seed, start], tf.int64), drawn)
    shapes = tf.nest.flatten(model.noise_shape)
    seeds = tf.unstack(tf.random.split(seeds, len(shapes)))
    noise = [
        tf.random.stateless_normal([*shape, *of_sample], seed, dtype=dtype)
        for of_sample, seed in zip(shapes, seeds, strict=True)
    ]
    return tf.nest.pack_sequence_as(model.noise_shape, noise)


def _log_sums(model, x, noise):
    """log sum_s w_sy, [B, K], and log sum_y w_sy, [B, S], in float64."""
    log_w = tf.cast(model.joint_log_weights(x, noise), tf.float64)  # [B, S, K]
    return tf.reduce_logsumexp(log_w, axis=1), tf.reduce_logsumexp(log_w, axis=-1)


def _estimate(log_w_y, log_w):
    """The figures of a batch, of log sum_s w_sy, [B, K], and log sum_y w_sy, [B, S]."""
    log_p_xy = log_w_y - np.log(log_w.shape[-1])
    stderr, bias = weights.jackknife(log_w)
    return {
        "log_p": special.logsumexp(log_p_xy, axis=-1),
        "stderr": stderr,
        "bias": bias,
        "log_p_tenth": weights.mean_of_parts(log_w),
        "khat": weights.pareto_khat(log_w),
        "ess": weights.effective_sample_size(log_w),
        "log_p_xy": log_p_xy,
    }
