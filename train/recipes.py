"""Recipes: every setting of a training run, as frozen dataclasses with named defaults."""

import dataclasses
import difflib
from typing import Literal

from train.settings import (
    Activation,
    Fraction,
    NonNegative,
    NonNegativeReal,
    Positive,
    PositiveReal,
    Widths,
)

LikelihoodName = Literal["bernoulli", "gaussian", "bounded_gaussian"]
Optimizer = Literal["adam", "adagrad"]


@dataclasses.dataclass(frozen=True)
class M1Recipe:
    """How M1, the variational autoencoder, is built and trained."""

    latent_dim: Positive = 50
    """Size of z (z1 in the stack)."""
    hidden_units: Widths = (600, 600)
    """Widths of the encoder's hidden layers; the decoder's are the reverse."""
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
    """Widths of the hidden layers of each of the three networks."""
    activation: Activation = "softplus"
    """Of the hidden layers."""
    alpha: NonNegativeReal = 0.1
    """Weight of the classification loss, in units of the number of training examples."""
    class_sum: Literal["exact", "adaptive"] | Positive = "adaptive"
    """The sum over classes: exact, the k likeliest and a drawn one, or adaptive."""
    epochs: Positive = 280
    """Passes over the training data."""
    batch_size: Positive = 200
    """Examples a step, labelled ones in proportion."""
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
    """p(x|.): bernoulli or bounded_gaussian for x in [0, 1], gaussian for real x."""
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


RECIPES = {
    # Kingma et al. (2014), section 4.1, with ReLU, a smaller z2 and 300 units, as the paper's code
    # has at 100 labels. Chosen on validation data, one run each of M2 on one M1 and draw of labels,
    # with softplus but for the last comparison: batches of 200 err 4.9 % after 60 epochs, of 500
    # 5.4 %; z2 of 5 errs 7.0 %, of 10 4.6 %, on 13 dimensions of z1; embeddings of y that start ten
    # times smaller 6.2 % instead of 4.6 %. The exact and the adaptive class sum keep together (94.9
    # % accuracy each after 50 epochs). The warm-up of M1 leaves 19 to 24 dimensions of z1 in use,
    # all of them strongly (a standard deviation above 0.5; 13 or 14 without), at a bound of -93.0
    # instead of -93.7 nats: 3.6 % after 200 epochs instead of 4.7 %. A warm-up of 20 epochs leaves
    # 28, which M2 learns more slowly. On so many dimensions M2 may settle with a part of one class
    # taken for another: at alpha = 0.1 one of two draws ended at 9.5 %. Of 0.1, 0.3 and 1, two
    # draws each after 60 epochs: about 5 and 12 %, 5.3 and 4.1 %, 6.8 and 5.1 %. With softplus, M1
    # takes 60 epochs to where M2 errs 3.42 % after 280; with ReLU in M1 40, 3.31 %; in both 3.44 %,
    # in a quarter less time, and 4.2 instead of 6.4 % after 40 epochs.
    "mnist": mnist(m1_epochs=50),
    # The same with a longer M1. On validation data of draw 0, M2 then errs 2.36 instead of 2.65 %
    # at 1000 labels (2.78 with the shorter M1 and alpha = 1) and 1.10 instead of 1.28 % at all.
    "mnist-long": mnist(m1_epochs=120),
    # M2 on pixels, with the paper's one hidden layer of 500. Chosen on validation data of one draw
    # of 100 labels that is not in the table, before the learning rate decays: after 18 epochs it
    # errs 64 % at alpha = 0.1, and 10 % at 3.
    "mnist-m2": Recipe(m2=M2Recipe(hidden_units=(500,), alpha=3.0, epochs=60)),
    # 8x8 images in 17 grey levels, which a draw of binary pixels would destroy. 50 labels are a
    # larger part of 1,197 examples than 100 of 50,000: at alpha = 2 each weighs as much as one of
    # these at 0.1.
    # Error on validation data and on the training examples whose labels were hidden, over draws
    # that are not those of `make demo-draws`. What decides is the activation: on two draws 8.0 %
    # with softplus in both models and 100 units in M2, 6.4 % with ReLU in M2, 5.5 % in M1 too,
    # whose bound on validation data is then 37 nats instead of 31, and 5.0 % with 32 dimensions of
    # z1, 24 to 27 of them in use, instead of 16. 300 units in M2, or a prior over M1's weights: no
    # better. With softplus, a z2 of 5 errs 0.3 points more, a prior over M2's weights 0.7, a
    # warm-up of M1 0.6; 600 epochs instead of 200, 1.4 less. Over twelve draws 6.3 %, label
    # spreading 6.7 %; over five of them 6.9 %, softplus with 300 units and 16 dimensions 8.7 %.
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
            class_sum="exact",
            epochs=300,
            batch_size=50,
        ),
    ),
    # The paper's other data, section 4.1: PCA first.
    "svhn_cropped": Recipe(likelihood="gaussian", pca=100),
    "smallnorb": Recipe(likelihood="gaussian", pca=100),
    "lfw": Recipe(),
    # Continuous pixels; the AEVB paper's networks and likelihood.
    "frey_face": Recipe(
        likelihood="bounded_gaussian",
        m1=M1Recipe(
            latent_dim=2, hidden_units=(200,), activation="tanh", epochs=500, batch_size=100
        ),
    ),
    # Burda et al. (2016): one stochastic layer of 50 below two of 200 tanh units, batches of 20,
    # k = 50 and the paper's 3280 epochs, which take days: --m1.epochs for fewer. Its VAE is
    # --m1.num-samples 1.
    "mnist-iwae": Recipe(
        m1=M1Recipe(
            hidden_units=(200, 200), activation="tanh", num_samples=50, epochs=3280, batch_size=20
        ),
    ),
    # Kingma and Welling (2014), section 5: Adagrad, batches of 100, one sample of z, a N(0, 1)
    # prior over the weights. Adagrad's steps shrink by themselves.
    "mnist-aevb": Recipe(m1=aevb(latent_dim=20, hidden_units=(500,), epochs=200)),
    "frey-aevb": Recipe(
        likelihood="bounded_gaussian", m1=aevb(latent_dim=10, hidden_units=(200,), epochs=2000)
    ),
    # A file of one's own, of any scale: real numbers, learned noise.
    "default": Recipe(likelihood="gaussian"),
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
    return dataset if dataset in RECIPES else "default"
