"""The pictures of a run: when each applies, and what to say of it."""

import csv
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from keras_dgm import evaluation, generation
from keras_dgm.generation import figures, masks
from train.runs import DoesNotApply

MOST_PROJECTED = 2000
MOST_IMPUTED = 500
STEPS = (1, 2, 5, 10, 100)
STYLE_LIMIT = 5.0
# Nats from which a latent dimension is called in use.
IN_USE = 0.1


class Picture(NamedTuple):
    """A picture, what it shows, and what it looks like to those who cannot see it."""

    figure: Figure
    caption: str
    alt: str


def manifold(run):
    m1, shape = run.m1(latent_dim=2), run.image_shape
    return Picture(
        figures.manifold(generation.manifold(m1, size=15), shape),
        "The learned manifold: the mean of p(x|z) over the plane of z, through the inverse "
        "Gaussian CDF, so that each step is of equal probability.",
        "A square grid of images that change smoothly from one to the next.",
    )


def samples_of_m1(run):
    m1, shape = run.m1(), run.image_shape
    return Picture(
        figures.samples(generation.samples(m1, 100)[0], shape, title="Samples of M1"),
        f"Means of p(x|z) at 100 draws of z from the prior, {m1.latent_dim} dimensions.",
        "A square of 100 images that M1 made up.",
    )


def samples_by_class(run):
    m2, shape = run.m2(), run.image_shape
    return Picture(
        figures.samples(generation.samples(m2), shape, run.data.class_names, "Samples by class"),
        "Means of p(x|y,z), a class a row, at draws of z from the prior.",
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
        f"Square grids of images, of class {', '.join(names)}; the style changes smoothly.",
    )


def analogies(run):
    m2, shape = run.m2(), run.image_shape
    x = run.few()
    return Picture(
        figures.analogies(x, m2.analogies(x), shape, run.data.class_names),
        "Analogies: a test image on the left, then the mean of q(z|x,y) decoded with each class.",
        "Rows of images: an example, then its slant and weight of stroke in every class.",
    )


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
        "mean over its second half, and the truth. Mean squared error over the missing pixels of "
        f"{len(many)} test images: {errors[0]:.4f}; filled with the training mean: "
        f"{errors[1]:.4f}.",
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
        f"of z. Mean squared error over the other pixels of {len(many)} test images, averaged "
        f"over 100 draws: {errors[0]:.4f}; filled with the training mean: {errors[1]:.4f}.",
        "Rows of images: the middle alone, several ways to complete it, the true image.",
    )


def component_collapse(run):
    x = run.data.x_test
    kl = {
        f"{model.title}, {name}": evaluation.kl_per_dimension(model, x)
        for name, model in run.model.latents().items()
    }
    used = "; ".join(
        f"{name}: {values.sum():.1f} nats in all, {np.sum(values > IN_USE)} of {len(values)} "
        f"dimensions of more than {IN_USE}"
        for name, values in kl.items()
    )
    return Picture(
        figures.component_collapse(kl),
        f"KL[q(z|x) || p(z)] of each latent dimension over the test set. {used}. Dimensions at 0 "
        "have collapsed onto the prior.",
        "A falling curve of nats over latent dimensions.",
    )


def latent_space(run):
    model = next(iter(run.model.latents().values()))
    if model.latent_dim < 2:
        raise DoesNotApply("it needs at least 2 latent dimensions")
    x, y = run.data.x_test[:MOST_PROJECTED], run.data.y_test[:MOST_PROJECTED]
    codes, how = model.embed(x), "as they are"
    if model.latent_dim > 2:
        codes, how = generation.project(codes), "by t-SNE"
    name = model.title
    return Picture(
        figures.projection(codes, y, run.data.class_names, f"Latent space of {name}"),
        f"The posterior means of {len(x)} test examples under {name}, {how}"
        + (", by class." if run.data.num_classes else "."),
        "A scatter plot of points" + (", marked by class." if run.data.num_classes else "."),
    )


def training_curves(run):
    return _training(run.folder.history, run.model.title)


def training_curves_of_m1(run):
    if run.folder.m1_history is None:
        raise DoesNotApply("no M1 was trained under the model")
    return _training(run.folder.m1_history, "M1")


def _training(path, name):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    history = {key: [_number(row[key]) for row in rows] for key in rows[0]}
    ends = ""
    if "elbo" in history:
        first, last = history["elbo"][0], history["elbo"][-1]
        ends = f" The bound went from {first:.1f} to {last:.1f} nats in {len(rows)} epochs."
    return Picture(
        figures.training_curves(history, f"Training of {name}"),
        "What was reported after each epoch: the bound and its terms, and accuracy where there "
        f"are classes.{ends}",
        "Curves over epochs, of training and validation data.",
    )


def _number(text):
    try:
        return float(text)
    except ValueError:  # An epoch without validation.
        return float("nan")


def confusion(run):
    probs, y = _predictions(run)
    counts, names = evaluation.confusion(y, probs), run.data.class_names
    wrong = counts - np.diag(np.diag(counts))
    worst = ""
    if wrong.any():
        true, taken = np.unravel_index(wrong.argmax(), wrong.shape)
        worst = f" Most often, {names[true]} is taken for {names[taken]}: {wrong.max()} times."
    return Picture(
        figures.confusion(counts, names),
        f"Test examples by true and predicted class; "
        f"{100 * np.mean(probs.argmax(-1)[y >= 0] != y[y >= 0]):.2f} % are wrong.{worst}",
        "A square table of counts, most of them on its diagonal if the classifier is good.",
    )


def calibration(run):
    probs, y = _predictions(run)
    measured = evaluation.calibration(y, probs)
    known = y >= 0
    right = np.mean(probs[known].argmax(-1) == y[known])
    surer = 100 * (np.mean(probs[known].max(-1)) - right)
    how = "surer than it is right" if surer > 0 else "right more often than it is sure"
    return Picture(
        figures.calibration(measured),
        "Accuracy of test predictions by their confidence; expected calibration error "
        f"{100 * measured.error:.1f} %. On average it is {how}, by {abs(surer):.1f} points.",
        "A curve of accuracy over confidence, beside the diagonal of a calibrated classifier.",
    )


def _predictions(run):
    return run.m2().predict(run.data.x_test, batch_size=500, verbose=0), run.data.y_test


PICTURES = {
    "samples-by-class": samples_by_class,
    "analogies": analogies,
    "styles": styles,
    "manifold": manifold,
    "samples-m1": samples_of_m1,
    "completion": completion,
    "imputation-half": imputation_of_half,
    "imputation-random": imputation_of_random_pixels,
    "component-collapse": component_collapse,
    "latent-space": latent_space,
    "confusion": confusion,
    "calibration": calibration,
    "training": training_curves,
    "training-m1": training_curves_of_m1,
}
