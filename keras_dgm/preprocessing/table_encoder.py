"""The columns of a table as numbers for a network and a likelihood."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy import stats

from keras_dgm.data.columns import Column
from keras_dgm.preprocessing import piecewise
from keras_dgm.preprocessing.base import Preprocessor, check_rows
from keras_dgm.preprocessing.standardize import rank_knots, standard_moments

COUNTS = ("real", "poisson", "negative_binomial")

# Of the deviation of a column, the least that its noise has.
FLOOR = 0.1

# The kurtosis of a Laplace distribution; that of a normal one is 3.
HEAVY_TAILS = 6.0


@keras.saving.register_keras_serializable(package="keras_dgm")
class TableEncoder(Preprocessor):
    """The raw columns of a table, side by side by kind, on scales that one network can read.

    | columns | become | likelihood |
    |---|---|---|
    | real, and count unless `counts` says otherwise | standardised | Gaussian |
    | count, as `counts` says | as they are | Poisson or NegativeBinomial |
    | binary | 0 and 1 | Bernoulli |
    | categorical | one-hot groups | Categorical |

    in this order. A column is standardised by its mean and deviation, or, where its kurtosis is
    above 6 (a Laplace distribution's), by ranks: `Standardize` tells both. Counts are put there too
    since most counts in tables, of years or of money, are far from a Poisson distribution.

    `inverse` gives raw columns: counts rounded, binary columns 1 from 0.5 on, the largest entry of
    a group for a category; NaN only where it is given NaN. A missing entry, NaN, is NaN in all of
    its group. What was fitted are non-trainable weights, part of a saved or exported model.
    Computes in float32 also under a mixed-precision policy, unless another `dtype` is given.

    Args:
        columns: the C columns, `keras_dgm.data.Column`, in the order of the raw features;
            `Dataset.columns` of a table.
        counts: "real" to standardise counts, "poisson" or "negative_binomial" to model them as they
            are.

    Call arguments:
        inputs: [B, C], numbers as they are and categories as codes from 0; NaN where missing.

    Returns:
        [B, D].

    Raises:
        ValueError: if `columns` is empty or `counts` is another, or the layer is used before
            `adapt`.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.data import Column
        >>> from keras_dgm.preprocessing import TableEncoder
        >>> columns = [Column("size", "real"), Column("colour", "categorical", ("blue", "red"))]
        >>> x = np.array([[1.5, 0], [2.5, 1], [3.5, 1]], "float32")
        >>> encoder = TableEncoder(columns)
        >>> encoder.adapt(x)
        >>> encoder.width, encoder(x).numpy()[0, 1:].tolist()
        (3, [1.0, 0.0])
        >>> encoder.likelihood().params_size(3)
        4
    """

    def __init__(self, columns: Sequence[Column], counts: str = "real", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns = tuple(columns)
        if not self.columns or not all(isinstance(column, Column) for column in self.columns):
            raise ValueError(
                f"`columns` must be one or more keras_dgm.data.Column, got {columns!r:.200}"
            )
        if counts not in COUNTS:
            raise ValueError(f"`counts` must be one of {', '.join(COUNTS)}, got {counts!r}")
        self.counts = counts
        scaled_kinds = ("real", "count") if counts == "real" else ("real",)
        self._scaled = self._of_kind(*scaled_kinds)
        self._counts = self._of_kind("count") if counts != "real" else []
        self._binary = self._of_kind("binary")
        self._categorical = self._of_kind("categorical")

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of categories of each categorical column."""
        return tuple(len(self.columns[index].categories) for index in self._categorical)

    @property
    def width(self) -> int:
        """D, the number of columns that come out."""
        others = len(self._scaled) + len(self._counts) + len(self._binary)
        return others + sum(self.sizes)

    def likelihood(self) -> Any:
        """The likelihood of the encoded columns, a `keras_dgm.likelihoods.Columns`."""
        from keras_dgm import likelihoods

        of_counts = {
            "poisson": likelihoods.Poisson,
            "negative_binomial": likelihoods.NegativeBinomial,
        }
        parts: list[tuple[Any, int]] = []
        if self._scaled:
            parts.append((likelihoods.Gaussian(floor=FLOOR), len(self._scaled)))
        if self._counts:
            parts.append((of_counts[self.counts](), len(self._counts)))
        if self._binary:
            parts.append((likelihoods.Bernoulli(binarize=False), len(self._binary)))
        if self._categorical:
            parts.append((likelihoods.Categorical(self.sizes), sum(self.sizes)))
        return likelihoods.Columns(parts)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = self._width(input_shape)
        if width != len(self.columns):
            raise ValueError(
                f"`x` must have the {len(self.columns)} columns of `columns`, got {width}"
            )
        self.pieces = self._constant("pieces", (6, piecewise.NUM_PIECES, len(self._scaled)))
        self.centers = self._constant("centers", (2, len(self._scaled)))
        self.is_adapted = self._constant("is_adapted", ())

    def adapt(self, x: npt.ArrayLike) -> None:
        """Fits the layer to raw columns; a repeated call starts afresh.

        Args:
            x: [N, C], NaN where an entry is missing.

        Raises:
            ValueError: if `x` is empty or infinite, of another width, or a column has no observed
                entry or holds what its kind does not allow.
        """
        x = check_rows(x, width=len(self.columns))
        for index, column in enumerate(self.columns):
            _check_kind(x[:, index], column)
        if not self.built:
            self.build(x.shape)
        knots = [_knots(x[:, index]) for index in self._scaled]
        *pieces, x_center, z_center = piecewise.stack(knots, piecewise.NUM_PIECES)
        self.pieces.assign(np.stack(pieces))
        self.centers.assign(np.stack([x_center, z_center]))
        self.is_adapted.assign(1.0)
        self._adapted = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        self._assert_adapted()
        parts = []
        if self._scaled:
            parts.append(self._map()(_take(inputs, self._scaled)))
        if self._counts:
            parts.append(_take(inputs, self._counts))
        if self._binary:
            parts.append(_take(inputs, self._binary))
        if self._categorical:
            parts.append(self._one_hot(inputs))
        return tf.concat(parts, axis=-1)

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """The raw columns that `z` encodes, or comes next to: [..., D] -> [..., C].

        Raises:
            ValueError: if the layer is used before `adapt`.
        """
        self._assert_adapted()
        z = tf.cast(z, self.compute_dtype)
        ends = np.cumsum([len(self._scaled), len(self._counts), len(self._binary)])
        scaled, counts, binary, one_hot = (
            z[..., start:end] for start, end in zip([0, *ends], [*ends, self.width], strict=True)
        )
        parts = []
        if self._scaled:
            parts.append(self._rounded(self._map().inverted(scaled)))
        if self._counts:
            parts.append(_rounded_count(counts))
        if self._binary:
            parts.append(_with_nan_of(binary, tf.cast(binary >= 0.5, z.dtype)))
        if self._categorical:
            parts.append(self._codes(one_hot))
        order = [*self._scaled, *self._counts, *self._binary, *self._categorical]
        return _take(tf.concat(parts, axis=-1), np.argsort(order))

    def log_abs_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        """log |det dz/dx| of the observed entries that are standardised: [..., C] -> [...].

        Added to a bound on z, it makes one on x.

        Raises:
            ValueError: if the layer is used before `adapt`.
        """
        self._assert_adapted()
        scaled = _take(tf.cast(x, self.compute_dtype), self._scaled)
        return tf.reduce_sum(self._map().log_slope(scaled), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.width)

    def get_config(self) -> dict[str, Any]:
        columns = [asdict(column) for column in self.columns]
        return {**super().get_config(), "columns": columns, "counts": self.counts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TableEncoder":
        return cls(**{**config, "columns": [Column(**column) for column in config["columns"]]})

    def _fitted_weight(self) -> Any:
        return self.is_adapted

    def _of_kind(self, *kinds: str) -> list[int]:
        return [index for index, column in enumerate(self.columns) if column.kind in kinds]

    def _map(self) -> piecewise.Pieces:
        return piecewise.Pieces(
            *tf.unstack(self._value(self.pieces)), *tf.unstack(self._value(self.centers))
        )

    def _rounded(self, x: tf.Tensor) -> tf.Tensor:
        is_count = [self.columns[index].kind == "count" for index in self._scaled]
        return tf.where(is_count, _rounded_count(x), x) if any(is_count) else x

    def _one_hot(self, inputs: tf.Tensor) -> tf.Tensor:
        columns = np.repeat(self._categorical, self.sizes)
        categories = np.concatenate([np.arange(size) for size in self.sizes])
        codes = _take(inputs, columns)
        return _with_nan_of(codes, tf.cast(codes == tf.cast(categories, codes.dtype), codes.dtype))

    def _codes(self, one_hot: tf.Tensor) -> tf.Tensor:
        groups = tf.split(one_hot, self.sizes, axis=-1)
        codes = tf.stack([tf.argmax(group, axis=-1) for group in groups], axis=-1)
        firsts = tf.stack([group[..., 0] for group in groups], axis=-1)
        return _with_nan_of(firsts, tf.cast(codes, one_hot.dtype))


def _take(x: tf.Tensor, columns: Sequence[int] | np.ndarray) -> tf.Tensor:
    return tf.gather(x, np.asarray(columns, np.int32), axis=-1)


def _with_nan_of(x: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_nan(x), x, values)


def _rounded_count(x: tf.Tensor) -> tf.Tensor:
    return _with_nan_of(x, tf.maximum(tf.round(x), 0.0))


def _knots(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = values[~np.isnan(values)]
    mean, scale = standard_moments(values)
    if values.min() < values.max() and stats.kurtosis(values, fisher=False) > HEAVY_TAILS:
        return rank_knots(values)
    return piecewise.linear(mean, scale)


def _check_kind(values: np.ndarray, column: Column) -> None:
    if column.kind == "real":
        return
    observed = values[~np.isnan(values)]
    whole = (observed >= 0) & (observed == np.round(observed))
    if column.kind != "count":
        whole &= observed < len(column.categories)
    if not whole.all():
        rule = {"count": "whole numbers of at least 0"}.get(
            column.kind, f"codes from 0 to {len(column.categories) - 1}"
        )
        received = observed[np.argmin(whole)]
        raise ValueError(f"`x` must hold {rule} in column {column.name!r}, got {received}")
