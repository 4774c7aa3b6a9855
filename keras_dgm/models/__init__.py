"""The models: M1, M2 and their stack."""

from keras_dgm.models.m1 import M1
from keras_dgm.models.m2 import M2
from keras_dgm.models.stacked import StackedM1M2

__all__ = ["M1", "M2", "StackedM1M2"]
