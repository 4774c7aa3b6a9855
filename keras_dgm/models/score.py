"""How likely a model finds an example, and less than what part of validation data."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.serving.endpoint import Endpoint

# S, in pairs of opposite noise.
NUM_SAMPLES = 8
SEED = (0, 0)
# Between two of them a percentile is interpolated.
NUM_QUANTILES = 1001
# In nats: a percentile takes at least so far from a quantile to the next, so that where many rows
# are the same, rounding a score does not move it much.
TIE = 1e-3


class Score:
    """A lower bound on log p(x), in nats, the same whenever it is asked for: `model.score`.

    1/S sum_s log sum_y w_sy, w_sy = p(x, y, z_s) / q(z_s|x, y) the weights of
    `joint_log_weights`, at S = 8 fixed z_s = mu ± sigma eps_s: eps is drawn once, with a seed of
    its own, and is that of every example. Its expectation over eps is -J(x) for M1, and lies
    between -U(x) and log p(x) for models of classes, whose y is summed. Grey x under a Bernoulli
    likelihood enter as they are. Behind a preprocessor the density is of what it puts out; of a
    row with missing entries it is that of the others.

    A score alone says little: a model of complex data gives simple data of another kind higher ones
    (Nalisnick et al., 2019). The percentile among validation data has two ends, and what lies
    beyond either is strange.

    Args:
        model: a `DeepGenerativeModel` with `joint_log_weights`.

    Attributes:
        quantiles: of the scores of validation data, float32 [1001]; None: it has seen none.
        num_examples: how many examples these were.

    References:
        Nalisnick, Matsukawa, Teh, Gorur and Lakshminarayanan (2019), arXiv 1810.09136; Nalisnick,
        Matsukawa, Teh and Lakshminarayanan (2019), arXiv 1906.02994.

    Examples:
        >>> import numpy as np
        >>> import keras_dgm as dgm
        >>> m1 = dgm.M1(latent_dim=2, hidden_units=(16,), seed=0)
        >>> m1.build((None, 8))
        >>> x = np.random.default_rng(0).random((100, 8), dtype="float32")
        >>> m1.score(x).shape
        (100,)
        >>> m1.score.rank_among(x[:50])
        >>> percentiles = m1.score.percentiles(x[50:])
        >>> bool(np.all((percentiles >= 0) & (percentiles <= 100)))
        True
    """

    def __init__(self, model: Any):
        self._model = model
        self.quantiles: np.ndarray | None = None
        self.num_examples = 0

    def __call__(self, x: npt.ArrayLike, batch_size: int = 100) -> np.ndarray:
        """The bound, a NumPy array [N], of an array x [N, D] or [N, ...].

        Raises:
            ValueError: as of `fit`.
            Unsupported: if log p(x) is not estimated of the model.
        """
        bound = tf.function(self.bound, autograph=False)
        x = self._model.check_features(x)
        return self._model.in_batches(bound, x, batch_size=batch_size)

    def bound(self, x: tf.Tensor) -> tf.Tensor:
        """The same of a tensor [B, D], [B]."""
        bottom = next(iter(self._model.latents().values()))
        x = bottom.observe(x).location
        log_w = self._model.joint_log_weights(x, self._noise(tf.shape(x)[0]))  # [B, S, K]
        return tf.reduce_mean(tf.reduce_logsumexp(log_w, axis=-1), axis=-1)

    def _noise(self, count):
        """eps of the latent variables for so many examples; the same in every class."""
        dtype = self._model.variable_dtype

        def of_variable(shape):
            half = [NUM_SAMPLES // 2, *[1] * (shape.rank - 1), shape[-1]]
            with tf.init_scope():  # A constant of the graph: not every engine draws.
                eps = tf.random.stateless_normal(half, SEED, dtype=dtype, alg="philox").numpy()
            pairs = np.concatenate([eps, -eps])
            return tf.broadcast_to(pairs, tf.concat([[count, NUM_SAMPLES], shape], axis=0))

        return tf.nest.map_structure(of_variable, self._model.noise_shape)

    def endpoint(self) -> Endpoint:
        """`score` of raw data, and its `percentile` where there is validation data."""
        ranked = self.quantiles is not None

        def answer(x):
            score = self.bound(x)
            return {"score": score, **({"percentile": self.percentile(score)} if ranked else {})}

        def reference(x):
            score = self(x)
            return {"score": score, **({"percentile": self.rank(score)} if ranked else {})}

        return Endpoint(answer, (self._model.features_input(),), reference, portable=False)

    # Among validation data.

    def rank_among(self, x: npt.ArrayLike) -> None:
        """Take the scores of validation data x [N, D] for those that percentiles are of.

        Raises:
            ValueError: if there is no example, or none has a finite score.
        """
        scores = self(x)
        scores = scores[np.isfinite(scores)]
        if not len(scores):
            raise ValueError(f"`x` must hold examples with a finite score, got {checks.shown(x)}")
        self.quantiles = np.quantile(scores, np.linspace(0, 1, NUM_QUANTILES)).astype(np.float32)
        self.num_examples = len(scores)

    def percentiles(self, x: npt.ArrayLike, batch_size: int = 100) -> np.ndarray:
        """100 times the part of the validation data with a lower score, [N], of x [N, D].

        Raises:
            ValueError: if no validation data has been seen.
        """
        return self.rank(self(x, batch_size))

    def rank(self, scores: np.ndarray) -> np.ndarray:
        """The same of scores [N]."""
        if self.quantiles is None:
            raise ValueError("`rank_among` must be called with validation data first")
        start, length = self._ways()
        way = np.clip((np.asarray(scores)[:, None] - start) / length, 0, 1)  # [N, 1000]
        return (100 * way.mean(axis=-1)).astype(np.float32)

    def percentile(self, score: tf.Tensor) -> tf.Tensor:
        """As `rank`, of a tensor [B]: the mean of the way past each gap between quantiles."""
        start, length = self._ways()
        way = tf.clip_by_value((score[:, None] - start) / length, 0, 1)  # [B, 1000]
        return 100 * tf.reduce_mean(way, axis=-1)

    def _ways(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the ways from each quantile to the next begin, and how long they are, [1000]."""
        quantiles = np.asarray(self.quantiles)
        lower, upper = quantiles[:-1], quantiles[1:]
        length = np.maximum(upper - lower, TIE)
        return (lower + upper - length) / 2, length
