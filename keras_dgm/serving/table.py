"""The columns of a table, a tensor each, as a SavedModel takes them by name."""

import dataclasses
import re
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

import numpy as np
import tensorflow as tf

from keras_dgm.data.columns import Column
from keras_dgm.serving.endpoint import Features, Input

MISSING = ", or missing"
PREFIX = "column_"
RULES = {
    "real": "be finite",
    "count": "be whole numbers of at least 0",
    "binary": "be one of the entries seen in training",
    "categorical": "be one of the entries seen in training",
}


@dataclasses.dataclass(frozen=True)
class ColumnInput(Input):
    """The entries of a column as they stand in the table, [B].

    Numbers are floats, NaN where missing. Texts, and categories that are numbers, are missing where
    they are none of those of training; blanks around texts do not count.

    Attributes:
        column: what it is.
        index: its place among the features.
        missing: whether an entry may be missing.
    """

    column: Column = dataclasses.field(default_factory=lambda: Column("", "real"))
    index: int = 0
    missing: bool = False

    @property
    def argument(self) -> str:
        """The name of its tensor in a graph, where that of the column cannot be one."""
        usable = re.fullmatch("[A-Za-z][A-Za-z0-9_]*", self.name) and not iskeyword(self.name)
        return self.name if usable and not self.name.startswith(PREFIX) else f"{PREFIX}{self.index}"

    def spec(self, rows=None):
        return tf.TensorSpec([rows], self.dtype, self.argument)

    def encode(self, entries: tf.Tensor) -> tf.Tensor:
        """The entries as a model takes them: numbers, or the codes of categories; float32 [B]."""
        categories = self.column.categories
        if not categories:
            return entries
        if entries.dtype == tf.string:
            entries = tf.strings.strip(entries)
        same = entries[:, None] == tf.constant(categories, entries.dtype)[None]  # [B, K]
        code = tf.cast(tf.argmax(same, axis=-1), tf.float32)
        return tf.where(tf.reduce_any(same, axis=-1), code, np.nan)

    @property
    def rule(self) -> str:
        """What the entries must be, in words."""
        return RULES[self.column.kind] + (MISSING if self.missing else "")

    def valid(self, tensor):
        encoded = self.encode(tensor)
        there = tf.math.is_finite(encoded)
        if self.column.kind == "count":
            there &= (encoded >= 0) & (encoded == tf.round(encoded))
        return there | (encoded != encoded) if self.missing else there

    def examples(self, x):
        codes = x[:, self.index]
        if not self.column.categories:
            return codes
        of_text = self.dtype == tf.string
        categories: list[Any] = [*self.column.categories, "" if of_text else np.nan]
        entries = [str(c).encode() if of_text else c for c in categories]
        places = np.where(np.isnan(codes), len(entries) - 1, codes).astype(int)
        return np.array(entries, object if of_text else np.float32)[places]

    def broken(self, x):
        examples = self.examples(x)
        of_numbers: dict[str, list[Any]] = {"real": [np.inf], "count": [-1.0, 0.5, np.inf]}
        wrong = of_numbers.get(self.column.kind, [])
        if not self.missing:
            wrong = [*wrong, b"" if self.dtype == tf.string else np.nan]
        return [np.full_like(examples, entry) for entry in wrong]


def column_inputs(columns: Sequence[Column], features: Features) -> list[ColumnInput]:
    """An input for each column of a table.

    Args:
        columns: the D columns, in the order of the features.
        features: what the model takes, [B, D].

    Raises:
        ValueError: if there are not D.
    """
    if len(columns) not in (0, *features.shape):
        raise ValueError(
            f"`columns` must be the {features.shape[0]} of the model's features, got {len(columns)}"
        )
    return [
        ColumnInput(
            column.name,
            dtype=tf.string if any(isinstance(c, str) for c in column.categories) else tf.float32,
            column=column,
            index=index,
            missing=features.may_be_missing,
        )
        for index, column in enumerate(columns)
    ]


def encode(
    columns: Sequence[ColumnInput], tensors: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Features [B, D] of the entries of each column, [B]; and which rows are valid, [B]."""
    pairs = list(zip(columns, tensors, strict=True))
    valid = tf.stack([each.valid(entries) for each, entries in pairs])
    features = tf.stack([each.encode(entries) for each, entries in pairs], axis=1)
    return features, tf.reduce_all(valid, axis=0)
