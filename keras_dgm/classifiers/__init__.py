"""scikit-learn estimators: the semi-supervised classifier, the transductive SVM."""

from keras_dgm.classifiers.semi_supervised import SemiSupervisedClassifier
from keras_dgm.classifiers.tsvm import TransductiveSVM

__all__ = ["SemiSupervisedClassifier", "TransductiveSVM"]
