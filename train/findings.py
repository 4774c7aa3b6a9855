"""What pictures say of their run: sentences, with numbers of its model and its data."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

MOST_COMPARED = 5000


def recognised(model, images, labels):
    """How often q(y|x) takes images [N, D] for the classes that they were made of."""
    probs = model.predict(images, batch_size=500, verbose=0)
    right = int(np.sum(probs.argmax(-1) == labels))
    return (
        f"q(y|x) takes {right} of these {len(images)} for the class that they were made of "
        f"({right / len(images):.0%}; by chance {1 / probs.shape[-1]:.0%})."
    )


def distances(made, data):
    """How far made-up examples [N, D] are from training examples, and those of the test set."""
    train, test = (x[~np.isnan(x).any(axis=1)] for x in (data.x_train, data.x_test))
    train, test = train[:MOST_COMPARED], test[: len(made)]
    if not len(train) or not len(test):
        return ""
    known = NearestNeighbors(n_neighbors=1).fit(train)
    of_made, of_test = (known.kneighbors(x)[0].mean() for x in (made, test))
    return (
        f"On average they are {of_made:.2f} away from the nearest of {len(train)} training "
        f"examples, test examples {of_test:.2f}; copies would be 0 away."
    )


def apart(codes, labels):
    """How often the nearest code is one of another class, for codes [N, Z]; "" without labels."""
    codes, labels = codes[labels >= 0], labels[labels >= 0]
    if len(labels) < 2:
        return ""
    found = NearestNeighbors(n_neighbors=1).fit(codes).kneighbors(return_distance=False)[:, 0]
    others = np.mean(labels[found] != labels)
    return (
        f"In all {codes.shape[1]} dimensions, {others:.1%} of these examples have a nearest "
        "neighbour of another class."
    )


def course(history):
    """Where the bound began, where it ended and where it was best on validation data."""
    if "elbo" not in history:
        return ""
    bound = np.asarray(history["elbo"], float)
    said = f"The bound went from {bound[0]:.1f} to {bound[-1]:.1f} nats in {len(bound)} epochs."
    validation = np.asarray(history.get("val_elbo", []), float)
    if np.isfinite(validation).any():
        best, last = np.nanmax(validation), validation[np.isfinite(validation)][-1]
        epoch = int(np.nanargmax(validation)) + 1
        said += (
            f" On validation data it was best in epoch {epoch}, {best:.1f} nats, and ended at "
            f"{last:.1f}."
        )
    return said
