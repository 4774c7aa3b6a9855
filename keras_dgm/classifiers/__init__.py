"""Classifiers for features: the transductive support vector machine of M1+TSVM."""

from keras_dgm.classifiers.tsvm import TransductiveSVM

__all__ = ["TransductiveSVM"]
