"""Writes a bundle: everything is made and verified in a temporary folder, then moved into place."""

import errno
import shutil
from pathlib import Path

from export import (
    browser,
    card,
    hub,
    litert,
    litert_files,
    measure,
    onnx_files,
    reference,
    report,
    servable,
    verify,
)
from export.workplace import ATTIC, Moves, Workplace, content
from keras_dgm.runs.files import read_json, sha256, write_json
from keras_dgm.serving.signatures import SCORE

FORMAT = 1
NUM_PERSONALISE = 200
# Of the validation data, among which scores have percentiles.
NUM_RANKED = 5000


def write(source, output, version=None):
    """Write and verify the bundle of a `Source`, and return its report.

        servable/NAME/VERSION/   for TF Serving, beside the versions that are there
        litert/                  LiteRT files, card.json, labels.txt, browser/
        onnx/                    ONNX files, where the extra `onnx` is installed
        examples/                requests, and the answers that a server has to give
        models.config, batching.config, monitoring.config, docker-compose.yml, kubernetes.yml
                                 what was edited of them stays, with the new one beside it as
                                 NAME.new
        report.json, report.md   sizes, errors, differences, latencies
        model_card.json, .md     data, labels, error, inputs, signatures, checksums
        bundle.json              marks the folder as a bundle

    Args:
        source: a `Source`.
        output: a new or empty folder, or one that holds a bundle of the same name.
        version: of the servable; None: the next free one.

    Raises:
        ValueError: if an argument is at fault, or an artifact fails its verification; what was at
            `output` is untouched.
        OSError: if the disk is full, say; the same holds.
    """
    output = Path(output)
    check_output(output, source.name)
    models = output / "servable" / source.name
    version = servable.next_version(models, version)
    work = Workplace(output)
    with work as folder:
        earlier = [v for v in servable.versions(models) if v < version]
        made = make(source, folder, version, max(earlier, default=None))
        with work.uninterrupted():
            made["kept"] = place(folder, output, source.name, version)
    return made


def make(source, folder, version, stable=None):
    """Write everything into `folder` and verify it; `stable` is the version before."""
    left_out = rank_scores(source)
    cases = reference.cases(source)
    model = folder / "servable" / source.name / str(version)
    model.parent.mkdir(parents=True)
    servable.write_model(model, source, cases)
    servable.write_configuration(folder, source, cases, version, stable)
    differences = {"saved_model": verify.saved_model(model, cases)}

    files = folder / "litert"
    files.mkdir()
    litert_files.write(files, source, calibration(source))
    x, y = reference.examples(source, NUM_PERSONALISE)
    differences["litert"], rate = verify.litert_folder(files, cases, x, y)
    if source.model.page():
        (files / "browser").mkdir()
        browser.write(files / "browser", source, x, y, rate)
        differences["browser"] = browser.verify(files / "browser")

    interchange = folder / onnx_files.FOLDER
    interchange.mkdir()
    left_out += onnx_files.write(interchange, source)
    if onnx_files.can_be_run(folder):
        difference, disagreeing = onnx_files.sift(interchange, cases)
        left_out += disagreeing
        if difference is not None:
            differences["onnx"] = difference
    if not any(interchange.iterdir()):
        interchange.rmdir()

    test = measure.test_set(source, x)
    x, y, expected = test
    rows = [measure.saved_model(model, source, x, y, expected)]
    of_files, too_inaccurate = measured(files, source, x, y, expected)
    rows += of_files
    left_out += too_inaccurate
    default, _ = measure.default(source)
    if (file := interchange / f"{default}.onnx").exists():
        rows.append(measure.onnx_file(file, source, x, y, expected))
    if source.class_names and not (files / litert_files.PERSONALISE).exists():
        reason = "the classifier is no stack of layers that ends in a linear Dense one"
        left_out.append(f"left out: {litert_files.PERSONALISE}: {reason}")
    made = report.make(source, version, rows, differences, len(x), y, expected, left_out)
    write_json(folder / "report.json", made)
    (folder / "report.md").write_text(report.table(made) + "\n", encoding="utf-8")
    write_json(files / "card.json", card.litert_files(files, rows, source, rate))
    described = card.make(folder, source, version, made, test, rate)
    write_json(folder / card.JSON, described)
    text = hub.header(described, source) + card.markdown(described) + "\n"
    (folder / card.MARKDOWN).write_text(text, encoding="utf-8")
    marker = {
        "format": FORMAT,
        "name": source.name,
        "version": version,
        "settings": {name: sha256(folder / name) for name in servable.SETTINGS},
    }
    write_json(folder / verify.MARKER, marker)
    return made


def rank_scores(source):
    """Let the model's scores have percentiles; lines that say where they have none."""
    if SCORE not in source.model.endpoints():
        return []
    if source.data is not None and len(source.data.x_valid):
        source.model.score.rank_among(source.data.x_valid[:NUM_RANKED])
    if source.model.score.quantiles is None:
        return ["left out: the percentile of a score: there are no validation data"]
    return []


def measured(folder, source, x, y, expected):
    """Rows on the LiteRT files in a folder; and lines on those of few bits that are too inaccurate.

    The latter are removed: raw columns of a table may have scales that so few bits cannot hold.
    """
    rows, left_out = [], []
    for file in sorted(folder.glob("*.tflite"), key=report_order):
        try:
            rows.append(measure.litert_file(file, source, x, y, expected))
        except measure.TooInaccurate as reason:
            if file.stem.rpartition("_")[2] not in (*litert.FORMATS[1:], litert.INTEGERS):
                raise
            file.unlink()
            left_out.append(f"left out: {reason}")
    return rows, left_out


def report_order(file):
    """The kind of a LiteRT file, then its precision, as `litert.FORMATS` has them."""
    stem, _, precision = file.stem.partition("_")
    order = (*litert.FORMATS, litert.INTEGERS)
    return stem, order.index(precision) if precision in order else 0


def calibration(source):
    """Inputs that calibrate int8: of the training set, or what the model generates."""
    count = litert_files.NUM_CALIBRATION
    if source.data is None:
        return reference.generated(source.model, count)
    x = source.data.x_train
    return x[:: max(1, len(x) // count)][:count]


def check_output(output, name):
    """Refuse a folder that is not new, empty, or a bundle of that name.

    Raises:
        ValueError: naming what stands there.
    """
    if output.exists() and not output.is_dir():
        raise ValueError(f"`output` must be a folder, got the file {output}")
    found = content(output)
    if not found:
        return
    marked = verify.read_marker(output)
    if marked is None:
        raise ValueError(
            f"`output` must be a new or empty folder, or hold a bundle, got {output}, "
            f"which holds {', '.join(found[:5])}"
        )
    if marked.get("format") != FORMAT:
        raise ValueError(f"`output` holds a bundle of another format: {marked}")
    if marked.get("name") != name:
        raise ValueError(f"`output` holds the bundle of {marked.get('name')!r}, not of {name!r}")


def place(folder, output, name, version):
    """Move a finished bundle to `output`; each part appears there whole, or none does.

    A new version of the servable appears before the settings that name it. The other parts replace
    the earlier ones, but for settings that were edited, and files that no export made. Returns the
    names of the former.

    Raises:
        ValueError: if the version is there; `output` is as it was.
        OSError: if a part cannot be moved; the same holds.
    """
    marked = verify.read_marker(output) or {}
    carry_over(output, folder)
    kept = []
    with Moves(folder.parent / ATTIC) as moves:
        # The marker first: who is killed here leaves a bundle, which the next export completes.
        moves.put(folder / verify.MARKER, output / verify.MARKER)
        place_version(moves, folder, output, Path("servable", name, str(version)))
        for part in sorted(path for path in folder.iterdir() if path.name != "servable"):
            there = output / part.name
            if part.name in servable.SETTINGS and edited(there, part, marked):
                kept.append(part.name)
                there = output / f"{part.name}.new"
            elif part.name in servable.SETTINGS:
                moves.take_away(output / f"{part.name}.new")
            moves.put(part, there)
    return kept


def carry_over(output, folder):
    """Copy what is not of the bundle from its folders of files into the new ones.

    Of the bundle are the files whose sums its model card has; without a card, all.
    """
    described = read_json(output / card.JSON, missing_ok=True)
    if described is None:
        return
    for name in ("litert", "examples", onnx_files.FOLDER):
        for path in sorted((output / name).rglob("*")):
            target = folder / path.relative_to(output)
            of_bundle = path.relative_to(output).as_posix() in described["sha256"]
            is_file = path.is_symlink() or not path.is_dir()
            if is_file and not of_bundle and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target, follow_symlinks=False)


def place_version(moves, folder, output, model):
    """Move the new version, or the uppermost folder above it that `output` lacks."""
    lineage = (*reversed(model.parents[:-1]), model)
    missing = [part for part in lineage if not (output / part).exists()]
    if not missing:
        raise taken(output / model)
    try:
        moves.rename(folder / missing[0], output / missing[0])
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another export was faster
            raise taken(output / model) from None
        raise


def taken(model):
    return ValueError(f"`version` must be free, got {model.name}: {model} exists")


def edited(there, new, marked):
    """Whether a file of settings is neither as an export left it nor as this one would."""
    if not there.exists():
        return False
    written = (marked.get("settings") or {}).get(there.name)
    return sha256(there) not in (written, sha256(new))
