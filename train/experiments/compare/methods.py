"""The methods of the comparison, by name.

A method is a function of x_labeled, y_labeled, x_unlabeled, x_test, seed and num_classes, arrays as
in `problems.Draw`, that returns an `Answer`; it has a `title`, and `settings` for JSON that decide
its results.
"""

from typing import Any

import keras
import numpy as np

from keras_dgm.classifiers import SemiSupervisedClassifier, members
from keras_dgm.classifiers.tuning import UNLABELED
from train.experiments.compare import baselines
from train.experiments.compare.baselines import Answer, Classifier, Spreading, grid

OURS = "keras-dgm"
# To be raised where the inside of the classifier changes: its cells are run again.
VERSION = 2


class Ours:
    """This package's classifier, as it is without arguments."""

    title = "keras_dgm"

    @property
    def settings(self):
        """What decides its results."""
        params = SemiSupervisedClassifier(random_state=None).get_params()
        return {"version": VERSION, "parameters": {name: str(v) for name, v in params.items()}}

    def __call__(self, x_labeled, y_labeled, x_unlabeled, x_test, seed, num_classes):
        """An `Answer`; arrays as in `problems.Draw`."""
        keras.backend.clear_session()
        y = np.concatenate([y_labeled, np.full(len(x_unlabeled), UNLABELED)])
        classifier = SemiSupervisedClassifier(random_state=seed)
        classifier.fit(np.concatenate([x_labeled, x_unlabeled]), y)
        probs = np.zeros((len(x_test), num_classes))
        probs[:, classifier.classes_] = classifier.predict_proba(x_test)
        return Answer(probs, classifier.members_)


# The fast ones first.
METHODS: dict[str, Any] = {
    "logistic-regression": Classifier(
        "logistic regression",
        baselines.logistic_regression,
        grid(C=[1.0, 0.001, 0.01, 0.1, 10.0, 100.0]),
    ),
    "k-nn": Classifier(
        "k-NN", baselines.k_nn, grid(n_neighbors=[1, 3, 5], weights=["uniform", "distance"])
    ),
    "rbf-svm": Classifier(
        "RBF SVM",
        baselines.rbf_svm,
        grid(C=[10.0, 1.0, 100.0], gamma=[1.0, 0.01, 0.1, 0.3, 3.0]),
        logits=True,
    ),
    "extra-trees": Classifier(
        "extra trees",
        baselines.extra_trees,
        (
            *grid(max_features=["sqrt"], min_samples_leaf=[1, 3]),
            *grid(max_features=[0.3], min_samples_leaf=[1]),
        ),
    ),
    "label-spreading": Spreading(
        "label spreading", grid(n_neighbors=[7, 3, 15], alpha=[0.2, 0.8, 0.99])
    ),
    "self-training": Classifier(
        "self-training",
        baselines.self_training,
        grid(C=[1.0, 0.1, 10.0], threshold=[0.9]),
        semi_supervised=True,
        max_work=5e5,
    ),
    "gradient-boosting": Classifier(
        "gradient boosting",
        baselines.gradient_boosting,
        grid(min_samples_leaf=[2, 5]),
        max_work=1e5,
    ),
    "tsvm": Classifier(
        "TSVM",
        members.transductive_svm,
        members.MARGINS,
        semi_supervised=True,
        logits=True,
    ),
    OURS: Ours(),
}
