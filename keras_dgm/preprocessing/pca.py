"""Layers that are fitted to the data before a model is trained."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks


@keras.saving.register_keras_serializable(package="keras_dgm")
class PCA(keras.layers.Layer):
    """Principal components of the data: z = (x - mean) W^T, divided by the deviations to whiten.

    Fitted once with `adapt`, then constant: the mean, the components and the scales are
    non-trainable weights, part of a saved or exported model. `inverse` maps back, to draw pictures.
    Kingma et al. put the SVHN and NORB images through PCA before M1 models them with a Gaussian
    likelihood.

    Computes in float32 also under a mixed-precision policy, unless another `dtype` is given.

    Args:
        num_components: P, the number of leading components to keep.
        whiten: whether to scale every component to unit variance over the data of `adapt`.

    Call arguments:
        inputs: [B, D].

    Returns:
        [B, P].

    Raises:
        ValueError: if `num_components` is not positive or larger than N or D, or if the layer is
            used before `adapt`.

    References:
        Kingma, Rezende, Mohamed, Welling, "Semi-supervised Learning with Deep Generative Models",
        NIPS 2014, arXiv 1406.5298, section 4.1.
    """

    def __init__(self, num_components: int, whiten: bool = False, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "dtype": kwargs.get("dtype") or "float32"})
        self.num_components = checks.check_positive_integer(
            num_components, argument="num_components"
        )
        self.whiten = whiten
        self._adapted = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = input_shape[-1]
        if len(input_shape) != 2 or width is None:
            raise ValueError(
                f"PCA needs inputs of shape [B, D] with a known D, got {tuple(input_shape)}"
            )
        self._check_num_components(width, "features")

        def constant(name: str, shape: tuple[int, ...], initializer: str) -> Any:
            return self.add_weight(
                name=name, shape=shape, initializer=initializer, trainable=False, autocast=False
            )

        self.mean = constant("mean", (width,), "zeros")
        self.components = constant("components", (self.num_components, width), "zeros")
        self.scale = constant("scale", (self.num_components,), "ones")

    def adapt(self, x: npt.ArrayLike) -> None:
        """Fits the layer to data, with scikit-learn's PCA; a repeated call starts afresh.

        Args:
            x: [N, D].

        Raises:
            ValueError: if N or D is smaller than `num_components`, D is not that of an earlier
                call, or `x` is empty or not finite.
        """
        from sklearn import decomposition

        x = checks.check_features(x, width=self.mean.shape[0] if self.built else None)
        self._check_num_components(len(x), "examples")
        if not self.built:
            self.build(x.shape)
        # scikit-learn subtracts the mean from float32 second moments, which far from 0 cancel.
        mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
        pca = decomposition.PCA(self.num_components, copy=False, random_state=0).fit(x - mean)
        self.mean.assign(mean)
        self.components.assign(pca.components_)
        if self.whiten:
            deviations = np.sqrt(pca.explained_variance_)
            self.scale.assign(np.maximum(deviations, np.finfo(np.float32).eps))
        self._adapted = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        self._assert_adapted()
        centered = inputs - self._weight(self.mean)  # [B, D]
        return keras.ops.matmul(centered, self._projection()) / self._weight(self.scale)

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """The point of data space that has components `z`: [..., P] -> [..., D].

        Raises:
            ValueError: if the layer is used before `adapt`.
        """
        self._assert_adapted()
        z = keras.ops.cast(z, self.compute_dtype) * self._weight(self.scale)
        return keras.ops.matmul(z, self._weight(self.components)) + self._weight(self.mean)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_components)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_components": self.num_components,
            "whiten": self.whiten,
        }

    def _weight(self, weight: Any) -> tf.Tensor:
        return keras.ops.cast(weight, self.compute_dtype)

    def _projection(self) -> tf.Tensor:
        return keras.ops.transpose(self._weight(self.components))  # [D, P]

    def _check_num_components(self, available: int, of_what: str) -> None:
        if self.num_components > available:
            raise ValueError(
                f"`num_components` must be at most the number of {of_what}, {available}, "
                f"got {self.num_components}"
            )

    def _assert_adapted(self) -> None:
        if self._adapted or _is_symbolic():
            return
        # Weights also arrive by loading. No fitted component is zero throughout.
        with tf.init_scope():
            self._adapted = self.built and bool(np.any(self.components.numpy()))
        if not self._adapted:
            raise ValueError(f"`adapt` the PCA layer {self.name!r} to data before using it")


def _is_symbolic() -> bool:
    """Whether Keras only infers shapes, as it does to build a model before it loads its weights."""
    with keras.SymbolicScope() as scope:
        return scope.original_scope is not None
