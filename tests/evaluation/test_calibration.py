"""Calibration and confusion, counted by hand."""

import numpy as np
import pytest

from keras_dgm import evaluation


def predictions(confidences, right):
    """q(y|x) of two classes, and true labels that make an answer right or wrong."""
    probs = np.stack([confidences, 1 - np.asarray(confidences)], axis=1)
    return np.where(right, 0, 1), probs


def test_a_calibrated_classifier():
    """Of ten answers of confidence 0.8, eight are right."""
    measured = evaluation.calibration(*predictions(np.full(10, 0.8), np.arange(10) < 8))

    np.testing.assert_allclose(measured.confidence, [0.8], atol=1e-6)
    np.testing.assert_allclose(measured.accuracy, [0.8])
    assert measured.error == pytest.approx(0, abs=1e-6)


def test_the_error_is_weighed_by_examples():
    """Six answers of confidence 0.95, three right; two of 0.65, both right."""
    confidences = [0.95] * 6 + [0.65] * 2
    right = np.array([True] * 3 + [False] * 3 + [True] * 2)

    measured = evaluation.calibration(*predictions(confidences, right))

    np.testing.assert_allclose(measured.confidence, [0.65, 0.95], rtol=1e-6)
    np.testing.assert_allclose(measured.accuracy, [1.0, 0.5])
    assert measured.error == pytest.approx((6 * 0.45 + 2 * 0.35) / 8, abs=1e-6)


def test_certain_answers():
    measured = evaluation.calibration([0, 1, 1], np.eye(2)[[0, 1, 0]])

    np.testing.assert_allclose(measured.accuracy, [2 / 3])
    assert measured.error == pytest.approx(1 / 3, abs=1e-6)


def test_confusion_counts_true_classes_in_rows():
    probs = np.eye(3)[[0, 0, 2, 1, 1]]

    matrix = evaluation.confusion([0, 1, 2, 1, -1], probs)

    np.testing.assert_array_equal(matrix, [[1, 0, 0], [1, 1, 0], [0, 0, 1]])


PROBS = np.full([4, 2], 0.5)


@pytest.mark.parametrize(
    ("y", "probs", "options", "message"),
    [
        ([0, 1, 2, 0], PROBS, {}, "`y` must hold integers from -1 .* to 1, got 2 at index 2"),
        ([0, 1], PROBS, {}, "`y` must have one label for each of the 4 examples, got 2"),
        ([-1] * 4, PROBS, {}, "`y` must hold at least one label from 0 up, got -1"),
        ([0] * 4, 3 * PROBS, {}, "`probs` must hold rows that sum to 1.* sums from 3.0 to 3.0"),
        ([0] * 4, PROBS - [2, -2], {}, "`probs` must .* none .* negative, .* value of -1.5"),
        ([0] * 4, PROBS, {"num_bins": 0}, "`num_bins` must be an integer of at least 1, got 0"),
    ],
)
def test_bad_input(y, probs, options, message):
    with pytest.raises(ValueError, match=message):
        evaluation.calibration(y, probs, **options)
