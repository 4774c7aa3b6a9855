"""What classifiers of several kinds say together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_dgm.classifiers import committee, members
from keras_dgm.classifiers.committee import Member, Opinion


def rings(count=300, seed=0):
    """Two rings, one in the other, six labels each: no line parts them."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    angle = rng.uniform(0, 2 * np.pi, count)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 2 * y)[:, None]
    labels = np.full(count, -1)
    labels[:12] = y[:12]
    return x + rng.normal(scale=0.1, size=x.shape), y, labels


def test_neighbours_are_believed_where_no_line_parts_the_classes():
    x, y, labels = rings()
    line = Member(members.logistic_regression(x, 2), [{"C": 1.0}])
    graph = Member(members.label_spreading(x, 2), [{"n_neighbors": 5, "alpha": 0.9}])
    opinions = [member.opinion(labels, 2, seed=0) for member in (line, graph)]

    probs, weights = committee.pooled(opinions, np.array([6, 6]))

    assert opinions[0].error > opinions[1].error == 0 and weights[1] > weights[0]
    assert np.mean(opinions[0].probs.argmax(axis=1) != y) > 0.3
    assert np.mean(probs.argmax(axis=1) != y) < 0.02
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-6)


def test_without_cross_validation_all_have_their_prior_say():
    one, other = np.eye(2)[[0, 0]], np.eye(2)[[1, 1]]

    probs, weights = committee.pooled(
        [Opinion(one, None, 3.0), Opinion(other, None, 1.0)], np.ones(2)
    )

    np.testing.assert_allclose(weights, [0.75, 0.25])
    np.testing.assert_allclose(probs, [[0.75, 0.25]] * 2)


def test_who_is_no_better_than_the_most_frequent_class_has_no_say():
    trivial, skilled = np.eye(2)[[0, 0, 0]], np.eye(2)[[0, 1, 1]]
    counts = np.array([7, 3])

    _, weights = committee.pooled([Opinion(trivial, 0.3), Opinion(skilled, 0.2)], counts)
    _, of_equals = committee.pooled([Opinion(trivial, 0.3), Opinion(trivial, 0.3)], counts)

    np.testing.assert_array_equal(weights, [0, 1])
    np.testing.assert_allclose(of_equals, [0.5, 0.5])


def test_labels_drawn_by_class_do_not_tell_the_proportions():
    probs = np.array([[1, 0], [0, 1], [0, 1], [0.9, 0.1], [0.7, 0.3]])

    assert members.balance_of(np.array([0, 1, 1, 1, -1]), probs, None) is None
    assert members.balance_of(np.array([0, 1, 0, 1, 0]), probs, None) is None
    for y in ([0, 1, 1, -1, -1], [0, 1, -1, -1, -1]):
        rest = probs[np.array(y) < 0]
        balance = members.balance_of(np.array(y), probs, None)
        np.testing.assert_allclose(balance, rest.mean(axis=0))


def test_an_opinion_under_other_proportions():
    # p(x|y) stays: of the same odds of x, half as much of the first class.
    opinion = members.shifted(Opinion(np.array([[0.5, 0.5], [0.8, 0.2]]), 0.1), np.array([0.5, 1]))
    np.testing.assert_allclose(opinion.probs, [[1 / 3, 2 / 3], [2 / 3, 1 / 3]])
    assert opinion.error == 0.1


def test_a_given_prior_is_the_balance():
    y, prior = np.array([0, 2, 2, 2, -1]), np.array([0.6, 0.2, 0.2])
    balance = members.balance_of(y, np.ones((5, 3)), prior)
    np.testing.assert_allclose(balance, [0.75, 0.25])  # Of the classes that have a label.


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 1000), confidence=st.floats(0.45, 0.95), scale=st.floats(0.5, 5.0))
def test_probabilities_become_as_sure_as_they_are_told(seed, confidence, scale):
    logits = np.random.default_rng(seed).normal(scale=scale, size=(200, 3))
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    changed = committee.as_sure(probs, confidence)

    assert changed.max(axis=1).mean() == pytest.approx(confidence, abs=0.01)
    np.testing.assert_array_equal(changed.argmax(axis=1), probs.argmax(axis=1))
