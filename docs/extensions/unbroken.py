"""A number in a table and its error stay on one line: 3.07 ± 0.13 (10) is not broken on a phone."""

import re

from docutils import nodes

# The spaces around ±, and before a count in brackets.
SPACES = re.compile(r"(?<=\d) (?=± ?\d)|(?<=±) (?=\d)|(?<=\d) (?=\(\d+\))")


def keep_together(app, doctree):
    """Put non-breaking spaces into the cells of all tables."""
    for entry in doctree.findall(nodes.entry):
        for text in list(entry.findall(nodes.Text)):
            text.parent.replace(text, nodes.Text(SPACES.sub("\u00a0", text)))


def setup(app):
    app.connect("doctree-read", keep_together)
    return {"parallel_read_safe": True}
