"""Recipes: every setting of a training run, as frozen dataclasses with named defaults.

Why they are what they are: docs/recipes.md.
"""

import dataclasses
import difflib
from typing import Literal

from keras_dgm.runs import files
from train.settings import (
    Activation,
    Fraction,
    NonNegative,
    NonNegativeReal,
    Positive,
    PositiveReal,
    Widths,
)

ClassPrior = Literal["uniform", "empirical"] | tuple[PositiveReal, ...]
LikelihoodName = Literal["bernoulli", "gaussian", "bounded_gaussian", "columns"]
Optimizer = Literal["adam", "adagrad"]


@dataclasses.dataclass(frozen=True)
class M1Recipe:
    """How M1, the variational autoencoder, is built and trained."""

    latent_dim: Positive = 50
    """Size of z (z1 in the stack)."""
    hidden_units: Widths = (600, 600)
    """Widths of the encoder's hidden layers; the decoder's are the reverse."""
    filters: tuple[Positive, ...] = ()
    """Of images, filters of the convolutions before them, each of which halves height and width,
    and which the decoder reverses; empty: there are none."""
    activation: Activation = "softplus"
    """Of the hidden layers."""
    num_samples: Positive = 1
    """Samples of z for an example at each step: 1, the ELBO; k, the IWAE's bound L_k."""
    epochs: Positive = 60
    """Passes over the training data."""
    batch_size: Positive = 250
    """Examples a step."""
    optimizer: Optimizer = "adam"
    """What descends the gradient."""
    learning_rate: PositiveReal = 1e-3
    """Of the optimizer, before it decays."""
    constant_fraction: Fraction = 0.5
    """Part of the epochs before the learning rate falls linearly towards 0."""
    kl_warmup: NonNegative = 0
    """How many epochs, before the last, KL[q(z|x) || p(z)] weighs less than in the bound."""
    weight_prior: bool = False
    """Add a N(0, 1) prior over the weights."""


@dataclasses.dataclass(frozen=True)
class M2Recipe:
    """How M2 is built and trained, on x itself or on the z1 of an M1."""

    latent_dim: Positive = 10
    """Size of z (z2 in the stack)."""
    hidden_units: Widths = (300,)
    """Widths of the hidden layers of each of its networks."""
    filters: tuple[Positive, ...] = ()
    """Of a model on images, not on z1: as of M1."""
    auxiliary_dim: Positive = 50
    """Of adgm and sdgm, alone or stacked, the size of a."""
    num_samples: Positive = 1
    """Of adgm and sdgm, how many a are drawn for an example at each step."""
    activation: Activation = "softplus"
    """Of the hidden layers."""
    alpha: NonNegativeReal = 0.1
    """Weight of the classification loss, in units of the number of training examples."""
    classifier_l2: NonNegativeReal = 0.0
    """Weight of the squares of the weights of q(y|x)."""
    adversarial_weight: NonNegativeReal = 0.0
    """Weight of virtual adversarial training, which keeps q(y|x) smooth; no part of the bound."""
    adversarial_radius: PositiveReal = 0.06
    """How far it looks, in units of the data's root mean square distance from their mean."""
    class_prior: ClassPrior = "uniform"
    """p(y): uniform, empirical (as frequent as the labels), or a number for each class in the
    order of their names."""
    class_sum: Literal["exact", "adaptive"] | Positive = "adaptive"
    """The sum over classes: exact, the k likeliest and a drawn one, or adaptive."""
    epochs: Positive = 280
    """Passes over the training data."""
    steps: Positive | None = None
    """So many steps instead, however few examples there are; None: `epochs` passes."""
    restarts: NonNegative = 0
    """Start so many times more, from other initial weights, for a fifth of the epochs each, and
    train to the end from those with which the bound of the validation examples, with the labels
    that they have, was best."""
    labels_first: NonNegative = 0
    """Steps on the labelled examples alone, before the others."""
    committee: bool = False
    """Refit q(y|x) in the end, without the adversarial loss, to what a committee says, of which M2
    is a member: logistic regression, extra trees, label spreading, a transductive SVM, each as far
    as cross-validation on the labels says. Beyond 5,000 labels there is none."""
    batch_size: Positive = 200
    """Examples a step, labelled ones in proportion."""
    labels_per_batch: Positive | None = None
    """With `steps`, of these examples at least so many have a label, and weigh as much less."""
    optimizer: Optimizer = "adam"
    """What descends the gradient."""
    learning_rate: PositiveReal = 3e-3
    """Of the optimizer, before it decays."""
    constant_fraction: Fraction = 0.4
    """Part of the epochs before the learning rate falls linearly towards 0."""
    weight_prior: bool = False
    """Add a N(0, 1) prior over the weights."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The settings of a run that do not say what it is run on."""

    likelihood: LikelihoodName = "bernoulli"
    """p(x|.): bernoulli or bounded_gaussian for x in [0, 1], gaussian for real x; columns for
    tables: they are typed and standardised, each has the likelihood of its kind, NaN is missing."""
    likelihood_scale: PositiveReal | None = None
    """A fixed standard deviation of the gaussian likelihoods; None: learned."""
    binarize: bool = True
    """Under bernoulli, draw x in {0, 1} with probability x afresh at each step."""
    pca: Positive | None = None
    """Model this many principal components of x instead of x; needs the gaussian likelihood."""
    m1: M1Recipe = dataclasses.field(default_factory=M1Recipe)
    m2: M2Recipe = dataclasses.field(default_factory=M2Recipe)


# Of the paper's 0.01, 0.02 and 0.1.
AEVB_LEARNING_RATE = 0.02


def aevb(**settings):
    """The optimiser's setting of Kingma and Welling (2014), section 5."""
    return M1Recipe(
        activation="tanh",
        batch_size=100,
        optimizer="adagrad",
        learning_rate=AEVB_LEARNING_RATE,
        constant_fraction=0.9,
        weight_prior=True,
        **settings,
    )


def mnist(m1_epochs):
    """M1+M2 on MNIST."""
    return Recipe(
        m1=M1Recipe(activation="relu", epochs=m1_epochs, kl_warmup=5),
        m2=M2Recipe(activation="relu", alpha=0.3),
    )


# With a smooth q(y|z1); chosen on few draws of MNIST.
SMOOTH = M2Recipe(
    activation="relu",
    alpha=0.3,
    epochs=120,
    adversarial_weight=10.0,
    adversarial_radius=0.065,
)


def images(filters=(32, 64), m2=SMOOTH, **observation):
    """M1+M2 with a convolutional M1."""
    return Recipe(
        m1=M1Recipe(
            hidden_units=(128,), filters=filters, activation="relu", epochs=30, kl_warmup=5
        ),
        m2=m2,
        **observation,
    )


def pixels(labels_first=200, **settings):
    """M2 on pixels, with a smooth q(y|x)."""
    return Recipe(
        m2=M2Recipe(
            activation="relu",
            alpha=3.0,
            adversarial_weight=10.0,
            adversarial_radius=0.2,
            labels_first=labels_first,
            **settings,
        )
    )


RECIPES = {
    # Kingma et al. (2014), section 4.1, with ReLU and a smaller z2.
    "mnist": mnist(m1_epochs=50),
    # The same with a longer M1.
    "mnist-long": mnist(m1_epochs=120),
    # Shorter than either; what `--dataset mnist` gets.
    "mnist-smooth": Recipe(m1=M1Recipe(activation="relu", epochs=30, kl_warmup=5), m2=SMOOTH),
    # As mnist-smooth, on an M1 of images.
    "mnist-conv": images(likelihood="bernoulli"),
    # M2 on pixels, all of its networks convolutional.
    "mnist-conv-m2": pixels(hidden_units=(128,), filters=(32, 64), epochs=20, learning_rate=1e-3),
    # Grey clothes, which a draw of binary pixels would destroy.
    "fashion_mnist": images(likelihood="bernoulli", binarize=False),
    # Rows of 16 x 16 grey levels from -1 to 1.
    "usps": images(
        m2=dataclasses.replace(SMOOTH, alpha=3.0, batch_size=50),
        likelihood="gaussian",
        likelihood_scale=0.2,
    ),
    # Digits in colour, of any part of SVHN.
    "svhn": images(
        filters=(32, 64, 128),
        m2=M2Recipe(activation="relu", alpha=3.0, epochs=100),
        likelihood="bounded_gaussian",
        likelihood_scale=0.1,
    ),
    # M2 on pixels, with the paper's one hidden layer.
    "mnist-m2": Recipe(m2=M2Recipe(hidden_units=(500,), alpha=3.0, epochs=60)),
    # Deeper, with a smooth q(y|x).
    "mnist-m2-smooth": pixels(hidden_units=(500, 500), epochs=30, restarts=2),
    # The same after a teacher's lesson, in the place of labels first and restarts.
    "mnist-m2-taught": pixels(hidden_units=(500, 500), epochs=30, labels_first=0),
    # Maaløe et al. (2016), section 4; alpha is their 0.1 N / N_l at 100 of 50,000 labels.
    "mnist-sdgm": Recipe(
        m2=M2Recipe(
            latent_dim=100,
            hidden_units=(500, 500),
            auxiliary_dim=100,
            activation="relu",
            alpha=50.0,
            steps=25_000,
            labels_per_batch=100,
            learning_rate=3e-4,
        )
    ),
    # 17 grey levels, which a draw of binary pixels would destroy.
    "digits": Recipe(
        likelihood="gaussian",
        likelihood_scale=0.1,
        m1=M1Recipe(
            latent_dim=32, hidden_units=(300, 300), activation="relu", epochs=150, batch_size=50
        ),
        m2=M2Recipe(
            hidden_units=(100,),
            activation="relu",
            alpha=3.0,
            adversarial_weight=10.0,
            adversarial_radius=0.15,
            class_sum="exact",
            epochs=200,
            batch_size=50,
        ),
    ),
    # The paper's other data, section 4.1: PCA first.
    "svhn_cropped": Recipe(likelihood="gaussian", pca=100),
    "smallnorb": Recipe(likelihood="gaussian", pca=100),
    "lfw": Recipe(
        likelihood="bounded_gaussian", likelihood_scale=0.1, m1=M1Recipe(activation="relu")
    ),
    # The networks and the likelihood of Kingma and Welling (2014).
    "frey_face": Recipe(
        likelihood="bounded_gaussian",
        m1=M1Recipe(
            latent_dim=2, hidden_units=(200,), activation="tanh", epochs=500, batch_size=100
        ),
    ),
    # Burda et al. (2016), whose 3280 epochs take days; its VAE is --m1.num-samples 1.
    "mnist-iwae": Recipe(
        m1=M1Recipe(
            hidden_units=(200, 200), activation="tanh", num_samples=50, epochs=3280, batch_size=20
        ),
    ),
    # Kingma and Welling (2014), section 5.
    "mnist-aevb": Recipe(m1=aevb(latent_dim=20, hidden_units=(500,), epochs=200)),
    "frey-aevb": Recipe(
        likelihood="bounded_gaussian", m1=aevb(latent_dim=10, hidden_units=(200,), epochs=2000)
    ),
    # A table of one's own, of any scale and kind of columns.
    "default": Recipe(
        likelihood="columns",
        m1=M1Recipe(latent_dim=10, hidden_units=(100, 100), activation="relu", epochs=100),
        m2=M2Recipe(
            latent_dim=5,
            hidden_units=(96,),
            activation="relu",
            alpha=10.0,
            classifier_l2=0.05,
            class_sum="exact",
            steps=1000,
            labels_first=200,
            committee=True,
            batch_size=96,
            labels_per_batch=32,
        ),
    ),
}


def find(name):
    """The recipe of that name.

    Raises:
        ValueError: if there is none, with the names that there are.
    """
    if name in RECIPES:
        return RECIPES[name]
    close = difflib.get_close_matches(str(name), RECIPES, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ValueError(f"`recipe` must be one of {', '.join(RECIPES)}, got {name!r}{hint}")


def default_name(dataset):
    """The recipe that a data set gets where none is named."""
    if dataset == "mnist":
        return "mnist-smooth"
    return dataset if dataset in RECIPES else "default"


def default_dataset(recipe):
    """The data set that a recipe is for, where none is named; None: a file of one's own."""
    if recipe.partition("-")[0] == "mnist":
        return "mnist"
    others = {"frey-aevb": "frey_face", "default": "digits", "usps": None, "svhn": None}
    return others.get(recipe, recipe)


def default_model(recipe):
    """The model that a recipe is for, where none is named."""
    without_labels = ("lfw", "frey_face", "frey-aevb", "mnist-aevb", "mnist-iwae")
    on_x = ("default", "mnist-conv-m2", "mnist-m2-smooth", "mnist-m2-taught")
    others = {**dict.fromkeys(without_labels, "m1"), **dict.fromkeys(on_x, "m2")}
    return {**others, "mnist-sdgm": "sdgm"}.get(recipe, "m1+m2")


def completed(recipe):
    """The recipe of a file, the settings that it does not know yet at their defaults."""
    if "likelihood" not in recipe:  # The settings of a classifier.
        return recipe
    default = files.as_json(dataclasses.asdict(Recipe()))
    nested = {name: default.pop(name) for name in ("m1", "m2")}
    parts = {name: {**nested[name], **recipe[name]} for name in nested if name in recipe}
    return {**default, **recipe, **parts}
