"""The models: M1 (the VAE), M2, their stack, ADGM and SDGM, and M1 given a part of x."""

from keras_dgm.models.auxiliary import ADGM, SDGM
from keras_dgm.models.base import Unsupported
from keras_dgm.models.conditional import ConditionalM1
from keras_dgm.models.m1 import M1
from keras_dgm.models.m2 import M2
from keras_dgm.models.stacked import StackedM1M2

VAE = M1

__all__ = ["ADGM", "M1", "M2", "SDGM", "VAE", "ConditionalM1", "StackedM1M2", "Unsupported"]
