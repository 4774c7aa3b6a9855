"""Sources that TensorFlow Datasets prepares: mnist, fashion_mnist, svhn_cropped, smallnorb, lfw."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_dgm.data.dataset import DataNotFoundError, Dataset, Examples, assemble

READ_BATCH = 1000
MAX_HELD_OUT = 10_000

Batch = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class TfdsSource:
    """How the examples of a TFDS data set become images.

    Attributes:
        images: maps a batch of examples to [B, height, width] or [B, height, width, channels], in
            0..255.
        label: the feature that holds the class; None where there is none.
        has_test: whether the data set has a test split.
    """

    images: Callable[[Batch], np.ndarray]
    label: str | None = "label"
    has_test: bool = True


def area_mean(images: np.ndarray, factor: int) -> np.ndarray:
    """Shrinks grey images [B, H, W] to float32 [B, H / factor, W / factor] by averaging areas."""
    batch, height, width = images.shape
    areas = images.reshape(batch, height // factor, factor, width // factor, factor)
    return areas.mean(axis=(2, 4), dtype=np.float32)


def stereo_pair(batch: Batch) -> np.ndarray:
    """The two cameras of small NORB, each 96 x 96, side by side as [B, 32, 64]."""
    cameras = [area_mean(batch[key][..., 0], 3) for key in ("image", "image2")]
    return np.concatenate(cameras, axis=2)


def small_grey_face(batch: Batch) -> np.ndarray:
    """The central 128 x 128 pixels of an LFW picture, in grey, as [B, 32, 32]."""
    face = batch["image"][:, 61:189, 61:189].astype(np.float32)
    # ITU-R BT.601 luma, in whole thousandths so that white stays 255.
    grey = face @ np.array([299, 587, 114], np.float32) / 1000
    return area_mean(grey, 4)


TFDS_SOURCES: dict[str, TfdsSource] = {
    "mnist": TfdsSource(lambda batch: batch["image"]),
    "fashion_mnist": TfdsSource(lambda batch: batch["image"]),
    "svhn_cropped": TfdsSource(lambda batch: batch["image"]),
    "smallnorb": TfdsSource(stereo_pair, label="label_category"),
    "lfw": TfdsSource(small_grey_face, label=None, has_test=False),
}


def load_tfds(
    name: str, seed: int, data_dir: str | os.PathLike[str] | None = None, download: bool = False
) -> Dataset:
    """Reads a data set that TFDS has prepared.

    The validation set is a random sixth of the train split, 10,000 at most: 10,000 of the 60,000
    for MNIST. Where there is no test split, a test set of the same size is held out too.

    Args:
        name: a key of `TFDS_SOURCES`.
        seed: fixes what is held out.
        data_dir: the TFDS folder; None means `TFDS_DATA_DIR`, or TFDS' default.
        download: whether to fetch and prepare data that is not in the folder.

    Raises:
        DataNotFoundError: if the data is not in the folder, and `download` is false.
        ImportError: if TensorFlow Datasets is not installed.
    """
    source = TFDS_SOURCES[name]
    builder = _builder(name, data_dir, download)
    train = _read(builder, "train", source)
    held_out = min(MAX_HELD_OUT, len(train.y) // 6)
    return assemble(
        name,
        train,
        valid=held_out,
        test=_read(builder, "test", source) if source.has_test else held_out,
        seed=seed,
        scale=255,
        class_names=builder.info.features[source.label].names if source.label else (),
    )


def _builder(name: str, data_dir: str | os.PathLike[str] | None, download: bool) -> Any:
    folder = os.path.expanduser(
        data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    )
    # A look at the files first: no network, and no seconds spent on importing TensorFlow.
    is_local = "://" not in folder
    if not download and is_local and not any(Path(folder, name).glob("*/dataset_info.json")):
        raise _not_prepared(name, folder)
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"{name} needs TensorFlow Datasets: pip install 'keras_dgm[data]' ({error})"
        ) from error
    builder = tfds.builder(name, data_dir=folder)
    if download:
        builder.download_and_prepare()
    elif not builder.is_prepared():
        raise _not_prepared(name, folder)
    return builder


def _not_prepared(name: str, folder: str) -> DataNotFoundError:
    return DataNotFoundError(
        f"{name} is not prepared in {folder}: set TFDS_DATA_DIR or `data_dir` to the TensorFlow "
        "Datasets folder that holds it, or pass `download=True` to fetch it"
    )


def _read(builder: Any, split: str, source: TfdsSource) -> Examples:
    import tensorflow_datasets as tfds

    examples = builder.as_dataset(
        split=split,
        batch_size=READ_BATCH,
        shuffle_files=False,
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    images, labels = [], []
    for batch in examples.as_numpy_iterator():
        images.append(source.images(batch))
        unknown = np.full(len(images[-1]), -1)
        labels.append(batch[source.label] if source.label else unknown)
    return Examples(np.concatenate(images), np.concatenate(labels).astype(np.int32))
