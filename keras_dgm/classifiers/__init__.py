"""scikit-learn estimators: the semi-supervised classifier, the transductive SVM; and a splitter."""

from keras_dgm.classifiers.semi_supervised import SemiSupervisedClassifier
from keras_dgm.classifiers.splitter import LabeledStratifiedKFold
from keras_dgm.classifiers.tsvm import TransductiveSVM

__all__ = ["LabeledStratifiedKFold", "SemiSupervisedClassifier", "TransductiveSVM"]
