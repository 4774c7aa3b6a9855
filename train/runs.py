"""A finished run, read back: its model, its data, its histories."""

import dataclasses
from typing import Any

import keras
import numpy as np

import keras_dgm as dgm
from keras_dgm.runs import files, run_folder


class DoesNotApply(Exception):
    """Why a picture is left out, in one line."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained model and what belongs to it.

    Attributes:
        model: the model of the run.
        data: its `Dataset`.
        folder: what its folder says.
    """

    model: Any
    data: dgm.data.Dataset
    folder: run_folder.RunFolder

    def m1(self, latent_dim=None):
        """The M1 of the run, or the one under the stack.

        Raises:
            Unsupported: if there is none, or it has another latent size.
        """
        m1 = self.model.as_m1()
        if latent_dim is not None:
            m1.check_latent_dim(latent_dim)
        return m1

    def m2(self, latent_dim=None):
        """The M2 of the run, or its stack; raises as `m1`."""
        self.model.check_num_classes()
        if latent_dim is not None:
            self.model.check_latent_dim(latent_dim)
        return self.model

    @property
    def image_shape(self):
        """Of an example; raises `DoesNotApply` for tables."""
        if self.data.image_shape is None:
            raise DoesNotApply("it needs images; the data are tables")
        return self.data.image_shape

    def few(self):
        """Test examples [N, D]: the first of each class, or ten spread over those of no class."""
        x, y = self.data.x_test, self.data.y_test
        classes, first = np.unique(y, return_index=True)
        known = first[classes >= 0][:10]
        return x[known] if len(known) else x[np.linspace(0, len(x) - 1, min(10, len(x)), dtype=int)]


def load(folder, data_dir=None):
    """The `Run` of a folder, its data from `data_dir` or where the run found it.

    Raises:
        ValueError: if it is not the folder of a finished run, its model cannot be loaded, or its
            data is not there.
    """
    found = run_folder.read(folder)
    if found.dataset is None:
        raise ValueError(f"`run` must name its data set in {run_folder.CONFIG}, got {folder}")
    try:
        files.check_model_file(found.model, "run")
        model = keras.models.load_model(found.model, compile=False)
    except Exception as error:  # Keras raises whatever its parts do
        raise ValueError(
            f"`run` must hold a model that loads, got {found.model}: {error}"
        ) from error
    data = dgm.data.load(
        found.dataset, found.num_labeled, found.seed, data_dir or found.data_dir, **found.options
    )
    return Run(model, data, found)
