"""`python -m train predict`: a run's classifier on the rows of another table."""

import dataclasses
from pathlib import Path
from typing import Annotated

import keras
import tyro

from keras_dgm.data.readers import read_table
from keras_dgm.data.schema import TableSchema
from keras_dgm.runs import files, run_folder


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Write the class and the probabilities of each row of a table beside it."""

    run: Annotated[Path, tyro.conf.Positional]
    """The folder of a run on a table."""
    table: Annotated[Path, tyro.conf.Positional]
    """A .csv, .tsv or .parquet file with the columns of the table that the run was trained on."""
    output: Path
    """The .csv file to write; one that is there is replaced."""


def write(config):
    """Predict, write the file, and return how many rows it has.

    Raises:
        ValueError: if the run is not one on a table, or the table has other columns; nothing is
            written.
    """
    run = run_folder.read(config.run)
    if run.schema is None:
        raise ValueError(f"`run` must be that of a table, got {config.run}")
    if config.output.suffix != ".csv":
        raise ValueError(f"`output` must be a .csv file, got {config.output}")
    if config.output.exists() and config.output.samefile(config.table):
        raise ValueError(f"`output` must be another file than the table, got {config.output}")
    schema = TableSchema.from_config(run.schema)
    frame = read_table(config.table, schema.header)
    x = schema.encode(frame)
    files.check_model_file(run.model, "run")
    model = keras.models.load_model(run.model, compile=False)
    model.check_num_classes()
    probs = model.predict(x, batch_size=1000, verbose=0)
    names = run.class_names or []
    frame["class"] = [names[label] for label in probs.argmax(axis=1)]
    for name, values in zip(names, probs.T, strict=True):
        frame[f"probability of {name}"] = values.round(6)
    with files.atomic(config.output) as temporary:
        frame.to_csv(temporary, index=False, header=schema.header is not False)
    return len(frame)
