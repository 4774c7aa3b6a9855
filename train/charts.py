"""How a run's model sees data, and how it was trained: charts, and what to say of them."""

import csv

import numpy as np

from keras_dgm import evaluation, generation
from keras_dgm.generation import figures
from train import findings
from train.picture import Picture
from train.runs import DoesNotApply

MOST_PROJECTED = 2000
# Nats from which a latent dimension is called in use.
IN_USE = 0.1


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
        "KL[q(z|x) || p(z)] of each latent dimension over the test set. Dimensions at 0 have "
        "collapsed onto the prior.",
        f"{used}.",
        "A falling curve of nats over latent dimensions.",
        is_chart=True,
    )


def latent_space(run):
    model = next(iter(run.model.latents().values()))
    if model.latent_dim < 2:
        raise DoesNotApply("it needs at least 2 latent dimensions")
    x, y = run.data.x_test[:MOST_PROJECTED], run.data.y_test[:MOST_PROJECTED]
    codes = plane = model.embed(x)
    how = "as they are"
    if model.latent_dim > 2:
        plane, how = generation.project(codes), "by t-SNE"
    name = model.title
    return Picture(
        figures.projection(plane, y, run.data.class_names, f"Latent space of {name}"),
        f"The posterior means of {len(x)} test examples under {name}, {how}"
        + (", by class." if run.data.num_classes else "."),
        findings.apart(codes, y),
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
    return Picture(
        figures.training_curves(history, f"Training of {name}"),
        "What was reported after each epoch: the bound and its terms, and accuracy where there "
        "are classes.",
        findings.course(history),
        "Curves over epochs, of training and validation data.",
        is_chart=True,
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
        "Test examples by true and predicted class.",
        f"{100 * np.mean(probs.argmax(-1)[y >= 0] != y[y >= 0]):.2f} % are wrong.{worst}",
        "A square table of counts, most of them on its diagonal if the classifier is good.",
        is_chart=True,
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
        "Accuracy of test predictions by their confidence.",
        f"The expected calibration error is {100 * measured.error:.1f} %. On average the "
        f"classifier is {how}, by {abs(surer):.1f} points.",
        "A curve of accuracy over confidence, beside the diagonal of a calibrated classifier.",
        is_chart=True,
    )


def _predictions(run):
    return run.m2().predict(run.data.x_test, batch_size=500, verbose=0), run.data.y_test
