"""A trained model as a folder in the layout of the Hugging Face Hub.

`keras.saving.load_model` reads the folder, and once it is uploaded its "hf://" address: the parts
of a .keras file, unpacked, and README.md, the model card, with its metadata in a YAML header.
"""

import json
import zipfile
from pathlib import Path

from export import card, measure, reference, report
from export.workplace import ATTIC, Moves, Workplace, content

README = "README.md"
TAGS = ("keras_dgm", "semi-supervised-learning", "deep-generative-model")
USE = """\
## Use it

```python
import keras
import keras_dgm  # whose classes the model is made of

model = keras.saving.load_model("hf://USER/NAME")  # or the path of a copy of this folder
{call}
```

"""
CALLS = {
    False: "model.embed(x)  # the means of q(z|x), [N, Z]",
    True: "model.predict(x)  # q(y|x), [N, K], of x [N, D]",
}


def write(source, file, output):
    """Write the folder of a `Source`.

    Args:
        source: a `Source`.
        file: the .keras file that it was loaded from.
        output: a new or empty folder.

    Raises:
        ValueError: if `output` is another one; it is untouched.
        OSError: if it cannot be written; nothing is left of it.
    """
    output = Path(output)
    if content(output) or (output.exists() and not output.is_dir()):
        raise ValueError(f"`output` must be a new or empty folder, got {output}")
    work = Workplace(output)
    with work as folder:
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
        (folder / README).write_text(readme(facts(source), source), encoding="utf-8")
        with work.uninterrupted(), Moves(folder.parent / ATTIC) as moves:
            for part in sorted(folder.iterdir()):
                moves.put(part, output / part.name)


def facts(source):
    """What the card says, as `card.make` has it."""
    generated = None if source.data else reference.generated(source.model, 1)
    _, y, expected = measure.test_set(source, generated)
    return {
        **card.facts(source, y, expected),
        "warnings": measure.warnings(expected, y, source.class_names),
        "versions": report.versions(),
    }


def readme(described, source):
    """The card for people and for the Hub."""
    lines = [f"# {described['name']}", "", *card.about(described), ""]
    use = USE.format(call=CALLS[bool(described["labels"])])
    made_by = ", ".join(f"{name} {each}" for name, each in described["versions"].items() if each)
    parts = ["\n".join(lines), use, "\n".join(card.taken(described)), f"Made by {made_by}."]
    return header(described, source) + "\n".join(parts) + "\n"


def header(described, source):
    """The metadata of a card; each value is JSON, which YAML contains.

    A licence, and whose data it was, are for the model's authors to add.
    """
    task = pipeline_tag(source)
    metadata = {
        "library_name": "keras",
        "tags": [*TAGS, described["model"]],
        "pipeline_tag": task,
        "model-index": model_index(described, task),
    }
    lines = [f"{key}: {json.dumps(value)}" for key, value in metadata.items() if value]
    return "\n".join(["---", *lines, "---", ""])


def pipeline_tag(source):
    """What the Hub calls the task; None where it has no name for it."""
    if not source.class_names:
        return "feature-extraction"
    if source.image_shape is not None:
        return "image-classification"
    return "tabular-classification" if source.columns else None


def model_index(described, task):
    """The accuracy on the test set, as the Hub lists it; None where it is not known."""
    if described["error"] is None or task is None:
        return None
    found = {
        "task": {"type": task},
        "dataset": {"name": described["data"]["name"], "type": "other", "split": "test"},
        "metrics": [{"type": "accuracy", "value": 1 - described["error"]["error"]}],
    }
    return [{"name": described["name"], "results": [found]}]
