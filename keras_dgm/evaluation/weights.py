"""What importance weights say of the estimate that is made of them."""

import numpy as np
from scipy import special

# Of the samples that L_{S/10} is made of, one by one.
PARTS = 10
# Where importance sampling is no longer reliable (Vehtari et al.).
KHAT_LIMIT = 0.7
# As many leave five for the tail.
LEAST_SAMPLES = 25
# Distances from the cutoff that are not told from none.
_LEAST = 1e-300


def jackknife(log_w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The standard error and the bias of log 1/S sum_s w_s, from leaving out each of the weights.

    The squared error is on average at least (S - 1) / S times the variance of an estimate from
    S - 1 weights, whatever they are; that of the delta method, which takes the logarithm for a
    straight line, is far less where a few weights make up the sum.

    Args:
        log_w: [N, S], logarithms of the weights.

    Returns:
        Two arrays [N]; NaN of one sample.

    References:
        Efron and Stein (1981), Annals of Statistics 9(3), on the variance.
    """
    num_samples = log_w.shape[-1]
    share = np.minimum(special.softmax(log_w, axis=-1), 1 - np.finfo(float).eps)
    with np.errstate(divide="ignore", invalid="ignore"):
        # What the estimate changes by without w_s.
        change = np.log1p(-share) + np.log(num_samples / np.float64(num_samples - 1))
        variance = (num_samples - 1) * np.var(change, axis=-1)
        return np.sqrt(variance), (num_samples - 1) * np.mean(change, axis=-1)


def effective_sample_size(log_w: np.ndarray) -> np.ndarray:
    """(sum w)^2 / sum w^2, from 1 to S, [N], of log weights [N, S]."""
    return 1 / np.sum(special.softmax(log_w, axis=-1) ** 2, axis=-1)


def mean_of_parts(log_w: np.ndarray) -> np.ndarray:
    """L_{S/10}, the mean of ten estimates of S / 10 samples each; NaN of fewer than 10 samples.

    Args:
        log_w: [N, S], logarithms of the weights.

    Returns:
        [N].
    """
    if log_w.shape[-1] < PARTS:
        return np.full(len(log_w), np.nan)
    parts = np.array_split(log_w, PARTS, axis=-1)
    return np.mean([log_mean(part) for part in parts], axis=0)


def log_mean(log_w: np.ndarray) -> np.ndarray:
    """log 1/S sum_s w_s, [N], of log weights [N, S]."""
    return special.logsumexp(log_w, axis=-1) - np.log(log_w.shape[-1])


def pareto_khat(log_w: np.ndarray) -> np.ndarray:
    """The shape k of a generalized Pareto distribution fitted to the largest weights.

    Weights have 1 / k finite moments: from k = 0.5 on no variance, from 1 on no mean. The tail,
    its size and the prior, N(0.5) worth ten weights, are those of Pareto-smoothed importance
    sampling; so is the fit, of all examples at once, by Zhang and Stephens.

    Args:
        log_w: [N, S], logarithms of the weights.

    Returns:
        [N]; NaN of fewer than 25 samples.

    References:
        Vehtari, Simpson, Gelman, Yao and Gabry (2015), arXiv 1507.02646, section 2 and appendix;
        Zhang and Stephens (2009), Technometrics 51(3).
    """
    num_samples = log_w.shape[-1]
    if num_samples < LEAST_SAMPLES:
        return np.full(len(log_w), np.nan)
    tail = num_samples // 5 if num_samples <= 225 else int(3 * num_samples**0.5)
    largest = np.sort(np.partition(log_w, -tail - 1, axis=-1)[:, -tail - 1 :], axis=-1)
    w = np.exp(largest - largest[:, -1:])
    k = pareto_shape(np.maximum(w[:, 1:] - w[:, :1], _LEAST))
    return (tail * k + 10 * 0.5) / (tail + 10)


def pareto_shape(x: np.ndarray) -> np.ndarray:
    """The posterior mean of the shape of a generalized Pareto distribution from 0 on.

    b = -k / sigma is put on a grid between the reciprocal of the largest x, which is the most that
    b can be, and one that the first quartile sets; for each b, k has its likeliest value.

    Args:
        x: [N, n], positive, ascending.

    Returns:
        k [N], which is -k in Zhang and Stephens.
    """
    n = x.shape[-1]
    points = 30 + int(n**0.5)
    quartile = x[:, int(n / 4 + 0.5) - 1, None]  # [N, 1]
    steps = 1 - np.sqrt(points / (np.arange(points) + 0.5))
    b = 1 / x[:, -1:] + steps / (3 * quartile)  # [N, points]
    k = _likeliest_shape(b, x)
    posterior = special.softmax(n * (np.log(-b / k) - k - 1), axis=-1)
    return _likeliest_shape(np.sum(posterior * b, axis=-1, keepdims=True), x)[:, 0]


def _likeliest_shape(b, x):
    """[N, points]."""
    return np.mean(np.log1p(-b[..., None] * x[:, None]), axis=-1)


def caveat(khat: np.ndarray) -> str | None:
    """A warning of estimates that are not to be trusted; None where there is none.

    Args:
        khat: [N], of `pareto_khat`.
    """
    count = int(np.sum(np.asarray(khat) > KHAT_LIMIT))
    if not count:
        return None
    return (
        f"Pareto k-hat is above {KHAT_LIMIT} for {count} of {len(khat)} examples: q is too narrow "
        "there, or far from the posterior, and weights that decide the sum are hardly ever drawn; "
        "log p(x) is underestimated, by more than its standard error and its bias say, and more "
        "samples help slowly"
    )
