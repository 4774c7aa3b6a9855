"""The commands of `python -m export`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tensorflow as tf
import tyro

from export import benchmark, bundle, hub, onnx_files, report, source, verify
from programs import commands

USAGE = """usage: python -m export COMMAND [options], each with --help

  bundle     write the TF Serving folder and the LiteRT files of a trained model, and verify them
  verify     verify a bundle again
  web        write the page that runs a bundle in a browser, or serve it on 127.0.0.1
  hub        write a trained model as a folder of the Hugging Face Hub, with its card
  benchmark  measure a bundle's speed against what the machine allows

to try first, with a run of `python -m train fit --run-dir runs/first`:

  python -m export bundle runs/first --output bundle
"""

EXAMPLES = {
    "bundle": """\
python -m export bundle runs/first --output bundle
python -m export bundle digits.keras --output bundle --dataset digits --name digits""",
    "verify": """\
python -m export verify bundle""",
    "web": """\
make web-deps
python -m export web bundle --output page --serve""",
    "hub": """\
python -m export hub runs/first --output hub    # then: hf upload USER/NAME hub""",
    "benchmark": """\
python -m export benchmark bundle""",
}


@dataclasses.dataclass(frozen=True)
class SourceConfig:
    """What is exported: a trained model, its names, and the data that it is tested on."""

    source: Annotated[Path, tyro.conf.Positional]
    """A run folder that `fit` wrote, or a .keras file."""
    name: str | None = None
    """Of what is written; by default that of the data set, or of the file."""
    class_names: tuple[str, ...] | None = None
    """K names; by default those of the data set."""
    image_shape: tuple[int, ...] | None = None
    """Height, width and, in colour, channels; by default those of the data set."""
    dataset: str | None = None
    """To calibrate with and to test on; by default that of the run."""
    seed: int | None = None
    """Of the split of the data; by default that of the run, or 0."""
    data_dir: Path | None = None
    """Where the data is; by default that of the run, or TFDS_DATA_DIR."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BundleConfig(SourceConfig):
    """Write the TF Serving folder and the LiteRT files of a trained model, and verify them.

    Without data (a .keras file and no --dataset), int8 is calibrated on images that the model
    generates, and no test error is reported.
    """

    output: Path
    """The bundle's folder: new or empty, or a bundle that gets another version. Edited settings
    of the latter stay, with the new ones beside them as NAME.new."""
    version: int | None = None
    """Of the servable; by default the next free integer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HubConfig(SourceConfig):
    """Write a trained model as a folder of the Hugging Face Hub, with its model card.

    The folder can be loaded by `keras.saving.load_model` as it is. Nothing is uploaded.
    """

    output: Path
    """A new or empty folder."""


def loaded(config):
    """The `Source` that a `SourceConfig` says."""
    options = {
        field.name: getattr(config, field.name) for field in dataclasses.fields(SourceConfig)
    }
    return source.load(options.pop("source"), **options)


@dataclasses.dataclass(frozen=True)
class VerifyConfig:
    """Run every artifact of a bundle again, and compare with the answers that Keras gave."""

    folder: Annotated[Path, tyro.conf.Positional]
    """Of the bundle."""


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Measure a classifier's speed on one thread, in units of what the machine allows.

    LiteRT at batch 1 against the time to read its weights from memory and, where it is installed,
    against OpenVINO; the SavedModel at batch 64 against bare matrix products.
    """

    folder: Annotated[Path, tyro.conf.Positional]
    """Of the bundle."""


def run_bundle(args):
    config = tyro.cli(BundleConfig, args=args, prog=commands.shown("python -m export bundle"))
    bundle_source = loaded(config)
    print(f"writing to {config.output}", flush=True)
    try:
        made = bundle.write(bundle_source, config.output, config.version)
    except (OSError, tf.errors.OpError) as error:
        raise ValueError(
            f"`output` could not be written, nothing of it is left: {error}"
        ) from error
    print(report.table(made))
    for name in made["kept"]:
        there = config.output / name
        print(f"\nkept the {there} that was there; the one of this export is {name}.new")
    if made["warnings"]:
        print("\nthe files answer as Keras does, which is not to say well: see the warnings")
    print(f"\nverified; docker compose -f {config.output}/docker-compose.yml up")


def run_verify(args):
    config = tyro.cli(VerifyConfig, args=args, prog=commands.shown("python -m export verify"))
    print(f"verified: at most {verify.bundle(config.folder):.1e} from Keras")
    if (config.folder / onnx_files.FOLDER).is_dir() and not onnx_files.can_be_run(config.folder):
        print(f"not run: {onnx_files.FOLDER}/, which needs ONNX Runtime: {onnx_files.INSTALL}")


def run_hub(args):
    config = tyro.cli(HubConfig, args=args, prog=commands.shown("python -m export hub"))
    hub.write(loaded(config), source.model_file(config.source), config.output)
    print(
        f"wrote {config.output}; read its {hub.README}, then: hf upload USER/NAME {config.output}"
    )


def run_benchmark(args):
    config = tyro.cli(BenchmarkConfig, args=args, prog=commands.shown("python -m export benchmark"))
    print(benchmark.table(benchmark.run(config.folder)))


def run_web(args):
    from export.web import run

    run(args)


COMMANDS = {
    "bundle": run_bundle,
    "verify": run_verify,
    "web": run_web,
    "hub": run_hub,
    "benchmark": run_benchmark,
}


def main(args):
    """The exit status of a command; see `commands.run`."""
    return commands.run(COMMANDS, USAGE, args, EXAMPLES)
