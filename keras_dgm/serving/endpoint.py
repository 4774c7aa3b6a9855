"""What a deployed model answers, and to what.

An `Endpoint` is a signature of the SavedModel, a signature of the LiteRT files, and a request that
verifies them. A model has a dict of them: its `endpoints`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_dgm.serving import inputs


@dataclasses.dataclass(frozen=True)
class Input:
    """A named tensor that a request holds; the first dimension is that of its rows.

    Attributes:
        name: of the tensor.
        shape: of a row; or, with `batched` False, of the tensor.
    """

    name: str
    shape: tuple[int, ...] = ()
    dtype: tf.DType = tf.float32
    batched: bool = True

    def spec(self, rows: int | None = None) -> tf.TensorSpec:
        """The tensor's, with so many rows; None: any number."""
        shape = [rows, *self.shape] if self.batched else self.shape
        return tf.TensorSpec(shape, self.dtype, self.name)

    @property
    def rule(self) -> str | None:
        """What its entries must be, in words; None of what may be anything."""
        return None

    @property
    def may_be_missing(self) -> bool:
        """Whether NaN is a missing entry, not a mistake."""
        return False

    def valid(self, tensor: tf.Tensor) -> tf.Tensor:
        """Which rows of a tensor keep the rules, booleans [B]."""
        return tf.ones(tf.shape(tensor)[:1], tf.bool)

    def examples(self, x: np.ndarray) -> np.ndarray:
        """Rows to verify with, as many as x [N, D] has."""
        raise NotImplementedError

    def broken(self, x: np.ndarray) -> list[np.ndarray]:
        """Tensors like `examples` of which every row breaks a rule."""
        return []

    def refused(self, x: np.ndarray) -> list[np.ndarray]:
        """Tensors that are not of its shape, which a server refuses."""
        return []

    def extreme(self, x: np.ndarray) -> list[np.ndarray]:
        """Tensors like `examples` that break none and lie far out."""
        return []


@dataclasses.dataclass(frozen=True)
class Features(Input):
    """Raw data, [B, D].

    Attributes:
        accepts: which entries are allowed, of a tensor.
        rule: what they must be, in words.
    """

    accepts: Callable[[Any], Any] = tf.math.is_finite
    rule: str = "be finite"

    @property
    def may_be_missing(self) -> bool:
        return bool(np.all(self.accepts(tf.fill([1, *self.shape], np.float32(np.nan)))))

    def valid(self, tensor):
        return tf.reduce_all(self.accepts(tensor), axis=-1)

    def examples(self, x):
        return x

    def broken(self, x):
        strange = [np.full_like(x, value) for value in (np.nan, np.inf)]
        return [rows for rows in strange if not np.any(self.valid(tf.constant(rows)))]

    def refused(self, x):
        return [x[:, :-1]]

    def extreme(self, x):
        values = np.array([-1e4, -1, 0, 1, 1e4], np.float32)
        far = np.random.default_rng(0).choice(values, x.shape)
        found = [self._accepted(rows, x) for rows in (np.zeros_like(x), np.ones_like(x), far)]
        return [rows for rows in found if np.all(self.accepts(tf.constant(rows)))]

    def _accepted(self, rows, x):
        """The rows, with those of x where a number is not allowed."""
        return np.where(self.accepts(tf.constant(rows)), rows, x)


@dataclasses.dataclass(frozen=True)
class ClassId(Input):
    """Classes, integers [B] from 0 to `num_classes` - 1."""

    dtype: tf.DType = tf.int32
    num_classes: int = 0

    @property
    def rule(self) -> str:
        """What they must be, in words."""
        return f"be integers from 0 to {self.num_classes - 1}"

    def valid(self, tensor):
        return (tensor >= 0) & (tensor < self.num_classes)

    def examples(self, x):
        return (np.arange(len(x)) % self.num_classes).astype(np.int32)

    def broken(self, x):
        return [np.full(len(x), y, np.int32) for y in (self.num_classes, -1)]


@dataclasses.dataclass(frozen=True)
class Latent(Input):
    """Latent variables, [B, Z]; N(0, I) is their prior."""

    rule: str = "be finite"

    def valid(self, tensor):
        return tf.reduce_all(tf.math.is_finite(tensor), axis=-1)

    def broken(self, x):
        return [np.full((len(x), *self.shape), np.nan, np.float32)]

    def examples(self, x):
        z = np.random.default_rng(0).standard_normal((len(x), *self.shape))
        return z.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Seed(Input):
    """Seeds of draws, int64 [B]; a row has its own draw, whatever the rest of the batch."""

    name: str = "seed"
    dtype: tf.DType = tf.int64

    def examples(self, x):
        return np.arange(len(x), dtype=np.int64)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A function of a deployed model.

    Attributes:
        function: of tensors, by position; returns a dict of named tensors.
        inputs: what it takes.
        reference: the same of NumPy arrays by the Keras model's own methods, which every artifact
            is held against; None: there is none.
        portable: whether LiteRT has the operations.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: tuple[Input, ...]
    reference: Callable[..., dict[str, np.ndarray]] | None = None
    portable: bool = True

    def specs(self, rows: int | None = None) -> list[tf.TensorSpec]:
        """Of the inputs."""
        return [each.spec(rows) for each in self.inputs]

    def guarded(self, *tensors: tf.Tensor, readable: Any = True) -> dict[str, tf.Tensor]:
        """The function, where its inputs keep their rules; and which rows do, `valid` [B].

        Elsewhere its outputs are NaN, -1 or empty: a row answers for itself alone. So they are of
        a row whose numbers are so large that an output is not finite.

        Args:
            tensors: the inputs, by position.
            readable: booleans [B], which rows were read at all.
        """
        pairs = zip(self.inputs, tensors, strict=True)
        kept = tf.stack([each.valid(tensor) for each, tensor in pairs])
        valid = tf.reduce_all(kept, axis=0) & readable
        outputs = self.function(*(inputs.keep_rows(tensor, valid) for tensor in tensors))
        for values in outputs.values():
            valid &= inputs.finite_rows(values)
        blanked = {name: inputs.blank_rows(values, valid) for name, values in outputs.items()}
        return {**blanked, "valid": valid}


def draw(seed: tf.Tensor, latent_dim: int) -> tf.Tensor:
    """z ~ N(0, I), [B, Z], each row from its own seed."""
    return tf.map_fn(
        lambda s: tf.random.stateless_normal([latent_dim], tf.stack([s, 0])),
        seed,
        fn_output_signature=tf.TensorSpec([latent_dim], tf.float32),
    )


def drawn(seed: np.ndarray, latent_dim: int) -> np.ndarray:
    """The same, eagerly."""
    return np.stack([tf.random.stateless_normal([latent_dim], [int(s), 0]) for s in seed])
