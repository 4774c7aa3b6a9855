"""p(y|x) by Bayes' rule."""

import builders
import numpy as np
import one_dimensional as models
import pytest
from scipy import special

from keras_dgm import evaluation


@pytest.mark.parametrize(
    ("make", "log_p_xy"),
    [
        (models.one_dimensional_m2, models.log_p_xy_of_m2),
        (models.one_dimensional_stack, models.log_p_xy_of_stack),
        (lambda: models.one_dimensional_auxiliary(builders.sdgm), models.log_p_xy_of_sdgm),
    ],
    ids=["m2", "m1+m2", "sdgm"],
)
def test_bayes_rule(make, log_p_xy):
    """Against quadrature, where q(y|x) is another distribution by far."""
    model, x = make(), models.binary()[:10]

    probs = evaluation.posterior_probs(model, x, models.SAMPLES, jit_compile=False, verbose=0)

    expected = special.softmax(log_p_xy(model, x), axis=-1)
    np.testing.assert_allclose(probs, expected, atol=0.02)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, rtol=1e-12)
    assert np.abs(model.predict(x, verbose=0) - expected).max() > 0.1


def test_m1_has_no_classes():
    with pytest.raises(ValueError, match="`model` must model classes; M1 models none"):
        evaluation.posterior_probs(models.one_dimensional_m1(), models.binary(), verbose=0)
