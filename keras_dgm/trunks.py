"""Trunks: what the networks of a model have between x, or to x, and their heads; `hidden_units`."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_dgm import checks, networks
from keras_dgm.convolutions import Convolutions, TransposedConvolutions


@dataclasses.dataclass(frozen=True)
class FullyConnected:
    """The trunk of hidden layers of these widths alone; see `Convolutional` for the other one.

    Attributes:
        units: widths.
        suits_xla: whether a training step on a CPU gains from XLA.
    """

    units: tuple[int, ...]
    suits_xla = True

    @property
    def hidden_units(self) -> tuple[int, ...]:
        """The argument that it was made of, as a config has it."""
        return self.units

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of its layers, as `models.base.check_sizes` takes them."""
        return self.units

    def check(self, width: int) -> None:
        """Nothing: any D suits it."""

    def features(self, inputs_dim: int, activation: Any, dtype: Any) -> None:
        """What a network of x begins with: nothing but its hidden layers."""

    def output(self, params_size: int, activation: Any, output_scale: float, dtype: Any) -> None:
        """What a network of the parameters of p(x|.) ends with: the layer that every one has."""


@keras.saving.register_keras_serializable(package=networks.PACKAGE)
@dataclasses.dataclass(frozen=True)
class Convolutional:
    """A convolutional trunk, as `hidden_units` of a model of images.

    A network that sees x begins with convolutions, each of which halves height and width, and goes
    on with fully connected layers. One that puts out the parameters of p(x|.) is the reverse of it,
    with transposed convolutions. x stays flat, [B, D]. What is no image, as y, z and a, enters the
    first fully connected layer; networks of these alone have no convolution.

    Args:
        image_shape: (height, width) or (height, width, channels) of an example, as
            `Dataset.image_shape`; height and width divisible by 2 for each of `filters`.
        filters: channels of each convolution, from x on, at least one.
        units: widths of the fully connected layers after them, at least one.
        kernel_size: side of the kernels, in pixels.

    Raises:
        ValueError: naming the argument, the rule and the value received.

    Examples:
        >>> import keras_dgm as dgm
        >>> images = dgm.Convolutional((8, 8), filters=(4, 8), units=(16,))
        >>> m1 = dgm.M1(latent_dim=2, hidden_units=images)
        >>> m1.build((None, 64))
        >>> m1.generate(num_samples=3).shape
        (3, 64)
    """

    image_shape: Sequence[int]
    filters: Sequence[int] = (32, 64)
    units: Sequence[int] = (128,)
    kernel_size: int = 3

    # On a CPU it computes convolutions, and above all their gradients, slower than TensorFlow does.
    suits_xla = False

    def __post_init__(self) -> None:
        shape = checks.check_widths(self.image_shape, argument="image_shape", at_least=2)
        if len(shape) > 3:
            raise ValueError(
                "`image_shape` must be (height, width) or (height, width, channels), got "
                f"{self.image_shape!r}"
            )
        filters = checks.check_widths(self.filters, argument="filters", at_least=1)
        halved = 2 ** len(filters)
        if shape[0] % halved or shape[1] % halved:
            raise ValueError(
                f"`image_shape` must have a height and a width divisible by {halved}, 2 for each "
                f"of {len(filters)} `filters`, got {self.image_shape!r}"
            )
        checked = {
            "image_shape": (*shape, 1)[:3],
            "filters": filters,
            "units": checks.check_widths(self.units, argument="units", at_least=1),
            "kernel_size": checks.check_positive_integer(self.kernel_size, argument="kernel_size"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def hidden_units(self) -> dict[str, Any]:
        """The argument that it was made of, as a config has it."""
        return keras.saving.serialize_keras_object(self)

    @property
    def width(self) -> int:
        """D, how many numbers an example has."""
        return math.prod(self.image_shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of its layers, as `models.base.check_sizes` takes them."""
        smallest = self.width // self.image_shape[-1] // 4 ** len(self.filters)
        channels = [self.kernel_size**2 * n for n in (self.image_shape[-1], *self.filters)]
        return (*channels, *self.filters, smallest * self.filters[-1], *self.units)

    def check(self, width: int) -> None:
        """Refuse another D.

        Raises:
            ValueError: if an example has another number of entries than an image.
        """
        if width != self.width:
            raise ValueError(
                "`hidden_units` must have an `image_shape` of as many numbers as an example, "
                f"{width}, got {self.image_shape} of {self.width}"
            )

    def features(self, inputs_dim: int, activation: Any, dtype: Any) -> keras.Layer:
        """What a network of x begins with: [N, `inputs_dim` + E] -> [N, F + E].

        Args:
            inputs_dim: D, or 2 D with a mask; E others may follow, which stay as they are.
            activation: of the convolutions.
            dtype: of the layer.
        """
        parts = inputs_dim // self.width
        return Convolutions(
            self.image_shape, self.filters, self.kernel_size, activation, parts, dtype=dtype
        )

    def output(
        self, params_size: int, activation: Any, output_scale: float, dtype: Any
    ) -> keras.Layer:
        """What a network of the parameters of p(x|.) ends with: [N, H] -> [N, `params_size`].

        Raises:
            ValueError: if that is not the same number for each entry of x.
        """
        parts, left = divmod(params_size, self.width)
        if left:
            raise ValueError(
                "`likelihood` must have as many parameters for one entry of an image as for "
                f"another, got {params_size} for {self.width} entries"
            )
        return TransposedConvolutions(
            self.image_shape,
            self.filters,
            self.kernel_size,
            activation,
            parts,
            output_scale=output_scale,
            dtype=dtype,
        )

    def get_config(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Convolutional":
        return cls(**config)


Trunk = FullyConnected | Convolutional


def trunk_of(hidden_units: Any, at_least: int = 0) -> Trunk:
    """What the networks of a model have between x, or to x, and their heads.

    Args:
        hidden_units: widths, or a `Convolutional`.
        at_least: how many widths there must be.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(hidden_units, Convolutional):
        return hidden_units
    widths = checks.check_widths(hidden_units, argument="hidden_units", at_least=at_least)
    return FullyConnected(widths)


def encoder(
    trunk: Trunk,
    inputs_dim: int,
    output_dim: int,
    output_scale: float = 1.0,
    **options: Any,
) -> keras.Sequential:
    """A network of x, [N, inputs_dim + E] -> [N, output_dim].

    Args:
        inputs_dim: how many numbers the networks see of x; E others may follow.
        **options: `activation` and `dtype`.
    """
    features = trunk.features(inputs_dim, **options)
    return networks.mlp(
        trunk.units, output_dim, output_scale=output_scale, features=features, **options
    )


def decoder(trunk: Trunk, params_size: int, **options: Any) -> keras.Sequential:
    """A network of the parameters of p(x|z), [N, Z] -> [N, params_size]."""
    output = trunk.output(params_size, output_scale=1.0, **options)
    return networks.mlp(trunk.units[::-1], params_size, output=output, **options)


def conditional_encoder(
    trunk: Trunk,
    inputs_dim: int,
    num_classes: int,
    output_dim: int,
    **options: Any,
) -> networks.ConditionalMLP:
    """A network of x and y, ([..., inputs_dim + E], [...]) -> [..., output_dim]; as `encoder`."""
    features = trunk.features(inputs_dim, **options)
    return networks.ConditionalMLP(
        num_classes, trunk.units, output_dim, features=features, **options
    )


def conditional_decoder(
    trunk: Trunk, num_classes: int, params_size: int, **options: Any
) -> networks.ConditionalMLP:
    """A network of the parameters of p(x|y,z), ([..., Z], [...]) -> [..., params_size]."""
    output = trunk.output(params_size, output_scale=networks.NEAR_PRIOR, **options)
    return networks.ConditionalMLP(num_classes, trunk.units, params_size, output=output, **options)
