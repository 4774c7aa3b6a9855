"""`python -m train predict`: a run's classifier on the rows of another table, or on images."""

import dataclasses
from pathlib import Path
from typing import Annotated

import keras
import tyro

from keras_dgm.data.cells import require_pandas
from keras_dgm.data.image_files import read_images
from keras_dgm.data.readers import read_table
from keras_dgm.data.schema import TableSchema
from keras_dgm.runs import files, run_folder


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Write the class and the probabilities of each row of a table, or of each image, beside it."""

    run: Annotated[Path, tyro.conf.Positional]
    """The folder of a run on a table or on images."""
    data: Annotated[Path, tyro.conf.Positional]
    """A .csv, .tsv or .parquet file with the columns of the table that the run was trained on; or
    a folder of PNG and JPEG files."""
    output: Path
    """The .csv file to write; one that is there is replaced."""


def write(config):
    """Predict, write the file, and return how many rows it has.

    The class stands in a column `class`, or `predicted class` where the table has one of that name.

    Raises:
        ValueError: if the run is neither on a table nor on images, or the data is of another kind,
            has other columns, or misses an entry where training missed none; nothing is written.
    """
    run = run_folder.read(config.run)
    if config.output.suffix != ".csv":
        raise ValueError(f"`output` must be a .csv file, got {config.output}")
    if config.output.exists() and config.output.samefile(config.data):
        raise ValueError(f"`output` must be another file than the table, got {config.output}")
    frame, x, header = read(run, config.data)
    files.check_model_file(run.model, "run")
    model = keras.models.load_model(run.model, compile=False)
    model.check_num_classes()
    if run.schema is not None and not model.features_input().may_be_missing:
        TableSchema.from_config(run.schema).refuse_missing(frame, x)
    probs = model.predict(x, batch_size=1000, verbose=0)
    names = run.class_names or []
    title = "predicted class" if "class" in frame else "class"
    found = {title: [names[label] for label in probs.argmax(axis=1)]}
    found |= {f"probability of {n}": p.round(6) for n, p in zip(names, probs.T, strict=True)}
    frame = require_pandas().concat([frame, type(frame)(found, index=frame.index)], axis=1)
    with files.atomic(config.output) as temporary:
        frame.to_csv(temporary, index=False, header=header)
    return len(frame)


def read(run, path):
    """A frame to write predictions beside, the examples, and whether the frame has a header."""
    if run.schema is not None:
        schema = TableSchema.from_config(run.schema)
        frame = read_table(path, schema.header)
        return frame, schema.encode(frame), schema.header is not False
    if run.image_shape is None:
        raise ValueError(f"`run` must be that of a table or of images, got {run.path}")
    names, x = read_images(path, run.image_shape)
    return require_pandas().DataFrame({"image": names}), x, True
