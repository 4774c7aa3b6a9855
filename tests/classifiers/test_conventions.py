"""The semi-supervised classifier keeps the conventions of scikit-learn."""

import pytest
import tensorflow as tf
from sklearn.utils.estimator_checks import parametrize_with_checks

from keras_dgm.classifiers import SemiSupervisedClassifier

pytestmark = pytest.mark.slow  # 50 checks, each of which fits it several times.

# Without its committee, whose members scikit-learn checks itself, and which takes most of the time.
TINY = SemiSupervisedClassifier(
    steps=2, labels_first=1, hidden_units=(4,), latent_dim=2, committee=False, random_state=0
)
EXPECTED_FAILURES = {
    "check_classifiers_classes": "it has a class -1, which means unlabelled here",
    "check_classifiers_train": "two steps teach it nothing, and an accuracy of 0.83 is asked for",
}


@pytest.fixture(autouse=True, scope="module")
def eagerly():
    """Two steps are not worth compiling."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")
@parametrize_with_checks([TINY], expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_conventions_of_scikit_learn(estimator, check):
    check(estimator)
