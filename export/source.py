"""What is exported: a trained model, its class names, and the data that calibrates and tests it."""

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import keras

import keras_dgm as dgm
from keras_dgm.models.base import registered
from keras_dgm.runs import files, run_folder
from keras_dgm.serving import saved_model


@dataclasses.dataclass(frozen=True)
class Source:
    """A trained model and what belongs to it.

    Attributes:
        model: an `M1`, `M2` or `StackedM1M2`.
        name: of the servable, a file name.
        class_names: K names; none for M1.
        image_shape: of an example; None for tables.
        columns: of a table; none of other data.
        data: a `Dataset`; None where there is none.
    """

    model: Any
    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    columns: tuple[dgm.data.Column, ...]
    data: dgm.data.Dataset | None


def load(
    path,
    *,
    name=None,
    class_names=None,
    image_shape=None,
    dataset=None,
    seed=None,
    data_dir=None,
):
    """Load a run folder of `python -m train fit`, or a `.keras` file.

    Args:
        path: the folder or the file.
        name: of the servable; None: that of the data set, or of the file.
        class_names: K names; None: those of the data set, of the model, or numbers.
        image_shape: None: that of the data set.
        dataset: a name or file for `keras_dgm.data.load`; None: the run's; a `.keras` file has
            none.
        seed: of the split; None: the run's, or 0.
        data_dir: where the data is; None: the run's.

    Raises:
        ValueError: naming the argument, the rule and the value received.
    """
    path = Path(path)
    run = run_folder.read(path, "source") if path.is_dir() else None
    options: dict[str, Any] = {}
    file = model_file(path)
    model = load_model(file)
    if run is not None:
        dataset = dataset or run.dataset
        data_dir = data_dir or run.data_dir
        seed = run.seed if seed is None else seed
        options = run.options
        if dataset == run.dataset:
            options = {"num_labeled": run.num_labeled, **options}
    data = None
    if dataset is not None:
        data = dgm.data.load(dataset, seed=seed or 0, data_dir=data_dir, **options)
        if data.num_features != model.input_dim:
            raise ValueError(
                f"`dataset` must have {model.input_dim} features, as the model, "
                f"got {data.num_features} in {dataset}"
            )
    if class_names is None:
        class_names = (run and run.class_names) or (data and data.class_names)
        class_names = class_names or model.class_names
    if image_shape is None:
        image_shape = (run and run.image_shape) or (data and data.image_shape)
    return Source(
        model=model,
        name=_check_name(name or (Path(dataset).stem if dataset else file.stem)),
        class_names=saved_model.check_class_names(class_names, model.num_classes),
        image_shape=saved_model.check_image_shape(image_shape, model.input_dim),
        columns=_columns(run, data),
        data=data,
    )


def model_file(path):
    """The .keras file of a run folder, or the file itself."""
    return Path(path, run_folder.MODEL) if Path(path).is_dir() else Path(path)


def load_model(file):
    """A model of this package from a `.keras` file, in Keras' safe mode.

    Raises:
        ValueError: if it is no `.keras` file, of another class, or cannot be loaded.
    """
    file = Path(file)
    if not file.is_file():
        raise ValueError(f"`source` must be a .keras file or a run folder that holds one: {file}")
    if file.suffix != ".keras" or not zipfile.is_zipfile(file):
        raise ValueError(f"`source` must be a .keras file, got {file}, which is none")
    files.check_model_file(file, "source")
    try:
        with zipfile.ZipFile(file) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
            config = json.loads(archive.read("config.json"))
            name = config.get("registered_name") or config.get("class_name")
    except Exception as error:  # zipfile fails in many ways on bytes that are not its own
        raise ValueError(f"`source` must be a .keras file, got {file}: {error}") from None
    try:
        registered(name)
    except ValueError as error:
        raise ValueError(f"`source` must be a model's file: {error} in {file}") from None
    if _numbers(str(version)) > _numbers(keras.__version__):
        raise ValueError(
            f"`source` must be saved by Keras {keras.__version__} or an older one, "
            f"got a file of Keras {version}: {file}"
        )
    try:
        model = keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its parts do
        raise ValueError(
            f"`source` cannot be loaded, it may be damaged or of a newer keras_dgm: {file}: {error}"
        ) from error
    return in_float32(model)


def in_float32(model):
    """The model, or a copy that computes in float32 of one trained in mixed precision."""
    if model.dtype_policy.name == "float32":
        return model
    config = _float32_config(keras.saving.serialize_keras_object(model))
    copy = keras.saving.deserialize_keras_object(config)
    copy.build((None, model.input_dim))
    copy.set_weights(model.get_weights())
    return copy


def _float32_config(config):
    """A config with every data type replaced by float32."""
    if isinstance(config, (list, tuple)):
        return [_float32_config(value) for value in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return {**config, "config": {"name": "float32"}}
    return {
        key: "float32" if key == "dtype" and isinstance(value, str) else _float32_config(value)
        for key, value in config.items()
    }


def _numbers(version):
    """The first two numbers of a version, for comparison."""
    parts = version.split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in parts)


def _columns(run, data):
    """Those of the table that a model was trained on, or of the data that it is given."""
    if run is not None and run.schema is not None:
        schema = dgm.data.TableSchema.from_config(run.schema)
        # Whoever sends columns by name would take the token for a value.
        return () if schema.missing_token is not None else schema.columns
    return () if data is None else data.columns


def _check_name(name):
    if not name or not all(c.isalnum() or c in "-_." for c in name) or name.startswith("."):
        raise ValueError(f"`name` must be letters, digits, '-', '_' and '.', got {name!r}")
    return name
