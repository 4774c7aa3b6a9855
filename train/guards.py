"""What shows that a model has not learned: scales, the bound, a collapse, contradicted labels."""

import numpy as np
import tensorflow as tf

COLLAPSED = (
    "M1 has collapsed: the mean of q(z|x) hardly varies over the data in any latent dimension, so "
    "its features say nothing; model x itself (--model m2), let the divergence warm up "
    "(--m1.kl-warmup 20) or train for longer (--m1.epochs)"
)
# Rows that scales and constants are computed of; beyond them nothing changes.
ROWS = 5000
NAMED = 5
# Labels of a class, at least, that say something of how q(y|x) takes it.
FEWEST = 5


def reasons(model, data, facts):
    """Lines on what went wrong with the model of x; none where nothing did.

    Args:
        model: of the run, trained.
        data: its `Dataset`.
        facts: what `fitting.fit` found.
    """
    of_x = next(iter(model.latents().values()))
    train, test = (observed(of_x, x) for x in (data.x_train, data.x_test))
    found = unfit_scales(of_x, train, data)
    bound = facts.get("m1_bound", facts.get("bound"))
    constant = bound_of_constant(of_x.likelihood, train, test)
    # What M2 pays for a label at worst.
    of_labels = 0.0
    if "m1_bound" not in facts and model.num_classes:
        rarest = -float(tf.reduce_min(model.py().logits_parameter()))
        of_labels = np.mean(data.y_test >= 0) * rarest
    if constant is not None and bound < constant - of_labels:
        found.append(
            f"the bound of x, {bound:.1f} nats on test data, is worse than the {constant:.1f} of a "
            "constant for each column: the model of x has not learned, or knows the training data "
            "by heart"
        )
    if facts.get("active_dims") == 0:
        found.append(COLLAPSED)
    if model.num_classes:
        found += contradicted_labels(model, data)
    return found


def contradicted_labels(model, data):
    """A line on the classes of whose training labels q(y|x) takes the most for others."""
    labeled = data.y_train >= 0
    x, y = data.x_train[labeled], data.y_train[labeled]
    wrong = y[model.predict(x, batch_size=1000, verbose=0).argmax(axis=-1) != y]
    counts, contradicted = (np.bincount(each, minlength=model.num_classes) for each in (y, wrong))
    classes = np.flatnonzero((counts >= FEWEST) & (contradicted > counts / 2))
    if not len(classes):
        return []
    names = ", ".join(repr(data.class_names[label]) for label in classes)
    return [
        f"q(y|x) takes {contradicted[classes].sum()} of {counts[classes].sum()} training labels of "
        f"class {names} for other classes: the labels are wrong, or it has settled in clusters of "
        "its own, from which --m2.restarts, --m2.labels-first or another --m2.alpha may keep it"
    ]


def observed(model, x):
    """What a model is over of some rows of x, float64 [N, W], NaN where missing."""
    rows = x[:: max(1, len(x) // ROWS)]
    return np.asarray(model.observe(rows).location, np.float64)


def unfit_scales(model, x, data):
    """A line on the columns of x, as modelled, that are of no scale that the likelihood fits."""
    wrong = np.flatnonzero(~model.likelihood.fits(x))
    if not len(wrong):
        return []
    by_name = model.preprocessor is None and data.schema is not None
    names = [repr(data.columns[i].name) if by_name else str(i) for i in wrong[:NAMED]]
    more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    first = x[:, wrong[0]]
    return [
        f"the scale of column {', '.join(names)}{more} is none that {model.likelihood!r:.80} fits "
        f"(the first has a mean of {np.nanmean(first):.3g} and a deviation of "
        f"{np.nanstd(first):.3g}); of a table, --likelihood columns standardises"
    ]


def bound_of_constant(likelihood, train, test):
    """log p(x) of test rows under the best constant for each column, in nats; None: not known."""
    if np.isnan(train).all(axis=0).any():
        return None
    params = likelihood.constant(train)
    if params is None:
        return None
    x = tf.constant(test, tf.float32)
    params = tf.tile(tf.constant(params, tf.float32)[None], [len(test), 1])
    missing = bool(np.isnan(test).any())
    return float(tf.reduce_mean(likelihood(params, x == x if missing else None).log_prob(x)))
