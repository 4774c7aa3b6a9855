"""Principal components."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_dgm import checks
from keras_dgm.preprocessing.base import Preprocessor


@keras.saving.register_keras_serializable(package="keras_dgm")
class PCA(Preprocessor):
    """Principal components of the data: z = (x - mean) W^T, divided by the deviations to whiten.

    Fitted once with `adapt`, in float64, then constant: the mean, the components and the scales are
    non-trainable weights, part of a saved or exported model. `inverse` maps back, to draw pictures.
    Kingma et al. put the SVHN and NORB images through PCA before M1 models them with a Gaussian
    likelihood.

    A bound of a model of components is one on the density of the components, not of x: it depends
    on how many are kept and whether they are whitened. Where all D are kept,
    `log_abs_det_jacobian` turns it into one on x, as `evaluation.log_likelihood` with `raw=True`.

    Computes in float32 also under a mixed-precision policy, unless another `dtype` is given.

    Args:
        num_components: P, the number of leading components to keep.
        whiten: whether to scale every component to unit variance over the data of `adapt`.

    Call arguments:
        inputs: [B, D].

    Returns:
        [B, P].

    Raises:
        ValueError: if `num_components` is not positive or larger than D, N - 1 or the number of
            components that vary, or if the layer is used before `adapt`.

    References:
        Kingma, Rezende, Mohamed, Welling, "Semi-supervised Learning with Deep Generative Models",
        NIPS 2014, arXiv 1406.5298, section 4.1.

    Examples:
        >>> import numpy as np
        >>> from keras_dgm.preprocessing import PCA
        >>> x = np.random.default_rng(0).normal(size=(50, 5)).astype("float32")
        >>> layer = PCA(2)
        >>> layer.adapt(x)
        >>> layer(x).shape, layer.inverse(layer(x)).shape
        (TensorShape([50, 2]), TensorShape([50, 5]))
    """

    def __init__(self, num_components: int, whiten: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_components = checks.check_positive_integer(
            num_components, argument="num_components"
        )
        self.whiten = whiten

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = self._width(input_shape)
        self._check_num_components(width, "the number of features")
        self.mean = self._constant("mean", (width,))
        self.components = self._constant("components", (self.num_components, width))
        self.scale = self._constant("scale", (self.num_components,), "ones")

    def adapt(self, x: npt.ArrayLike) -> None:
        """Fits the layer to data, with scikit-learn's PCA; a repeated call starts afresh.

        Args:
            x: [N, D].

        Raises:
            ValueError: if D, N - 1 or the number of components of `x` that vary is smaller than
                `num_components`, D is not that of an earlier call, or `x` is empty or not finite.
        """
        from sklearn import decomposition

        x = checks.check_features(x, width=self.mean.shape[0] if self.built else None)
        self._check_num_components(x.shape[1], "the number of features")
        self._check_num_components(len(x) - 1, "the number of examples less one")
        pca = decomposition.PCA(self.num_components, random_state=0).fit(x.astype(np.float64))
        deviations = np.sqrt(pca.explained_variance_)
        self._check_num_components(
            int(np.count_nonzero(deviations > _rounding(x, pca.components_, deviations[0]))),
            "the number of components of `x` that vary by more than rounding does",
        )
        if not self.built:
            self.build(x.shape)
        self.mean.assign(pca.mean_)
        self.components.assign(pca.components_)
        self.scale.assign(deviations if self.whiten else np.ones_like(deviations))
        self._adapted = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        self._assert_adapted()
        centered = inputs - self._value(self.mean)  # [B, D]
        projection = keras.ops.transpose(self._value(self.components))  # [D, P]
        return keras.ops.matmul(centered, projection) / self._value(self.scale)

    def inverse(self, z: tf.Tensor) -> tf.Tensor:
        """The point of data space that has components `z`: [..., P] -> [..., D].

        Raises:
            ValueError: if the layer is used before `adapt`.
        """
        self._assert_adapted()
        z = keras.ops.cast(z, self.compute_dtype) * self._value(self.scale)
        return keras.ops.matmul(z, self._value(self.components)) + self._value(self.mean)

    def log_abs_det_jacobian(self, x: tf.Tensor) -> tf.Tensor:
        """log |det dz/dx|: added to a bound on z, it makes one on x. [..., D] -> [...].

        Raises:
            ValueError: if fewer than D components are kept, for then x has no density, or the layer
                is used before `adapt`.
        """
        self._assert_adapted()
        width = self.mean.shape[0]
        if self.num_components < width:
            raise ValueError(
                f"a density of x needs `num_components` to be that of the features, {width}, "
                f"got {self.num_components}"
            )
        value = -keras.ops.sum(keras.ops.log(self._value(self.scale)))
        return keras.ops.broadcast_to(value, keras.ops.shape(x)[:-1])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_components)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_components": self.num_components,
            "whiten": self.whiten,
        }

    def _fitted_weight(self) -> Any:
        return self.components

    def _check_num_components(self, available: int, of_what: str) -> None:
        if self.num_components > available:
            raise ValueError(
                f"`num_components` must be at most {of_what}, {available}, "
                f"got {self.num_components}"
            )


def _rounding(x: np.ndarray, components: np.ndarray, largest: float) -> np.ndarray:
    """The deviation that rounding alone lets each component have.

    That of x to float32, and that of the second moments in float64, where the largest deviation is
    `largest`.
    """
    of_x = np.finfo(np.float32).eps * np.abs(x).max(axis=0).astype(np.float64)
    of_moments = 2 * np.sqrt(np.finfo(np.float64).eps) * largest
    return np.maximum(np.hypot.reduce(components * of_x, axis=1), of_moments)
