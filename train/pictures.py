"""The pictures of a run: when each applies, and what to say of it."""

import numpy as np

from keras_dgm import generation
from keras_dgm.generation import figures, masks
from train import charts, findings
from train.picture import Picture
from train.runs import DoesNotApply

MOST_IMPUTED = 500
STEPS = (1, 2, 5, 10, 100)
STYLE_LIMIT = 5.0


def manifold(run):
    m1, shape = run.m1(latent_dim=2), run.image_shape
    grid = generation.manifold(m1, size=15)
    return Picture(
        figures.manifold(grid, shape),
        "The learned manifold: the mean of p(x|z) over the plane of z, through the inverse "
        "Gaussian CDF, so that each step is of equal probability.",
        findings.distances(grid.reshape(-1, run.data.num_features), run.data),
        "A square grid of images that change smoothly from one to the next.",
    )


def samples_of_m1(run):
    m1, shape = run.m1(), run.image_shape
    (made,) = generation.samples(m1, 100)
    return Picture(
        figures.samples(made, shape, title="Samples of M1"),
        f"Means of p(x|z) at 100 draws of z from the prior, {m1.latent_dim} dimensions.",
        findings.distances(made, run.data),
        "A square of 100 images that M1 made up.",
    )


def samples_by_class(run):
    m2, shape = run.m2(), run.image_shape
    made = generation.samples(m2)
    return Picture(
        figures.samples(made, shape, run.data.class_names, "Samples by class"),
        "Means of p(x|y,z), a class a row, at draws of z from the prior.",
        findings.recognised(m2, *with_classes(made)),
        "Rows of images, each row of one class in different styles.",
    )


def styles(run):
    m2, shape = run.m2(latent_dim=2), run.image_shape
    shown = np.unique(np.linspace(0, m2.num_classes - 1, 3).round().astype(int))
    names = [run.data.class_names[label] for label in shown]
    grids = generation.styles(m2, shown, size=11, limit=STYLE_LIMIT)
    return Picture(
        figures.styles(grids, shape, names, STYLE_LIMIT),
        "Style and content apart: in each grid the class is fixed and z varies from -5 to 5; "
        "a place in the grids is the same style in all of them.",
        findings.recognised(m2, *with_classes(grids, shown)),
        f"Square grids of images, of class {', '.join(names)}; the style changes smoothly.",
    )


def analogies(run):
    m2, shape = run.m2(), run.image_shape
    x = run.few()
    made = m2.analogies(x)
    return Picture(
        figures.analogies(x, made, shape, run.data.class_names),
        "Analogies: a test image on the left, then the mean of q(z|x,y) decoded with each class.",
        findings.recognised(m2, *with_classes(made.swapaxes(0, 1))),
        "Rows of images: an example, then its slant and weight of stroke in every class.",
    )


def with_classes(made, classes=None):
    """Examples [K, ..., D] of K classes as [N, D], and their classes [N]."""
    classes = range(len(made)) if classes is None else classes
    flat = made.reshape(len(made), -1, made.shape[-1])
    return flat.reshape(-1, made.shape[-1]), np.repeat(classes, flat.shape[1])


def imputation_of_half(run):
    shape = run.image_shape
    return _imputation(run, masks.left_half(shape), "the left half")


def imputation_of_random_pixels(run):
    shape = run.image_shape
    observed = np.random.default_rng(0).uniform(size=np.prod(shape)) < 0.2
    return _imputation(run, observed, "a random fifth of the pixels")


def _imputation(run, observed, given):
    m1 = run.m1()
    if m1.preprocessor is not None:
        raise DoesNotApply("it needs a likelihood over pixels; M1 models components of them")
    few, many = run.few(), run.data.x_test[:MOST_IMPUTED]
    chain = list(generation.imputations(m1, few, observed, max(STEPS)))
    columns = {"given": figures.hide(few, observed)}
    columns |= {f"step {step}": chain[step - 1] for step in STEPS}
    columns |= {"mean": generation.impute(m1, few, observed), "true": few}
    filled = generation.impute(m1, many, observed)
    plain = generation.fill_with_mean(many, observed, run.data.x_train.mean(axis=0))
    errors = [generation.error_of_missing(x, many, observed) for x in (filled, plain)]
    return Picture(
        figures.completions(columns, run.image_shape, f"Imputation by M1 from {given}"),
        f"Missing pixels by a Markov chain between x and z that sees {given}: steps of it, the "
        "mean over its second half, and the truth.",
        f"Mean squared error over the missing pixels of {len(many)} test images: {errors[0]:.4f}; "
        f"filled with the training mean: {errors[1]:.4f}.",
        "Rows of images: what was given, the missing part as it takes form, the true image.",
    )


def completion(run):
    model = run.model
    few, many = run.few(), run.data.x_test[:MOST_IMPUTED]
    z = np.random.default_rng(0).standard_normal([100, model.latent_dim])
    drawn = model.complete(few, z=z[:6]).swapaxes(0, 1)
    observed = np.isin(np.arange(run.data.num_features), model.condition)
    columns = {"given": figures.hide(few, observed)}
    columns |= {f"draw {i}": images for i, images in enumerate(drawn, 1)}
    columns["true"] = few
    filled = model.complete(many, z=z).mean(axis=1)
    plain = generation.fill_with_mean(many, observed, run.data.x_train.mean(axis=0))
    errors = [generation.error_of_missing(x, many, observed) for x in (filled, plain)]
    return Picture(
        figures.completions(columns, run.image_shape, "Whole images from their middle"),
        "Conditional generation: the middle is given, the rest is the mean of p(x'|c,z) at draws "
        "of z.",
        f"Mean squared error over the other pixels of {len(many)} test images, averaged over 100 "
        f"draws: {errors[0]:.4f}; filled with the training mean: {errors[1]:.4f}.",
        "Rows of images: the middle alone, several ways to complete it, the true image.",
    )


PICTURES = {
    "samples-by-class": samples_by_class,
    "analogies": analogies,
    "styles": styles,
    "manifold": manifold,
    "samples-m1": samples_of_m1,
    "completion": completion,
    "imputation-half": imputation_of_half,
    "imputation-random": imputation_of_random_pixels,
    "component-collapse": charts.component_collapse,
    "latent-space": charts.latent_space,
    "confusion": charts.confusion,
    "calibration": charts.calibration,
    "training": charts.training_curves,
    "training-m1": charts.training_curves_of_m1,
}
