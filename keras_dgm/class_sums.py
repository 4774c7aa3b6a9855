"""The sum over classes in U(x), estimated at a cost that does not grow with their number."""

import tensorflow as tf


def sum_and_sample(qy_x, k, gumbel):
    """Which classes to evaluate, and their weights, to estimate sum_y q(y|x) f(y) without bias.

    The k likeliest classes C are summed, and one class y' is drawn from the others, from
    q(y'|x) / r, where r is their mass: sum_C q(y|x) f(y) + r f(y'). The weight of y' is written
    as q(y'|x) / (q(y'|x) / r), its denominator constant, so that the gradient with respect to q
    is unbiased too. The weight of the likeliest class is 1 minus the other weights: its value is
    still q(y|x), and its gradient is in expectation. f so enters the gradient of q by its
    differences from the likeliest class alone, not by its size, which is a control variate.

    Args:
        qy_x: q(y|x), batch shape [B].
        k: how many classes are summed, from 1 to K - 1.
        gumbel: standard Gumbel noise [B, K].

    Returns:
        Integers [B, k + 1], the classes, the likeliest first; and their weights [B, k + 1].

    References:
        Liu, Regier, Tripuraneni, Jordan, McAuliffe (2019), arXiv 1810.04777.
    """
    log_probs = tf.nn.log_softmax(qy_x.logits_parameter())  # [B, K]
    probs = tf.exp(log_probs)
    _, likeliest = tf.math.top_k(probs, k)
    summed = tf.reduce_max(tf.one_hot(likeliest, probs.shape[-1], dtype=probs.dtype), axis=1)
    rest = tf.reduce_sum((1 - summed) * probs, axis=-1, keepdims=True)
    sampled = tf.argmax(tf.where(summed > 0, -float("inf"), log_probs + gumbel), axis=-1)
    sampled = tf.cast(sampled, likeliest.dtype)[:, None]
    log_q = tf.gather(log_probs, sampled, batch_dims=1)
    others = tf.concat(
        [
            tf.gather(probs, likeliest[:, 1:], batch_dims=1),
            tf.stop_gradient(rest) * tf.exp(log_q - tf.stop_gradient(log_q)),
        ],
        axis=-1,
    )
    weights = tf.concat([1 - tf.reduce_sum(others, axis=-1, keepdims=True), others], axis=-1)
    return tf.concat([likeliest, sampled], axis=-1), weights


def smallest_sum(probs, mass):
    """The smallest of K, K/2, K/4, ..., 1 likeliest classes that hold `mass` of q(y|x) on average.

    Args:
        probs: q(y|x) of some examples, [N, K].
        mass: a fraction below 1.
    """
    held = tf.reduce_mean(tf.cumsum(tf.sort(probs, -1, "DESCENDING"), -1), 0).numpy()  # [K]
    k = len(held)
    while k > 1 and held[k // 2 - 1] >= mass:
        k //= 2
    return k
