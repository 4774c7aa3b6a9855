"""Docstrings are read in an editor first: what reStructuredText would take for markup is text here.

Bars, as in q(z|x), and asterisks stand for themselves; a table is written as in Markdown.
"""

import inspect
import re

from sphinx.util.inspect import stringify_signature

# Code between backticks, an example, or a character that reStructuredText gives a meaning.
SPECIAL = re.compile(r"(`[^`]*`)|([|*])")


def escape(line):
    """The line with its bars and asterisks as text, but for those in code."""
    return SPECIAL.sub(lambda found: found[1] or "\\" + found[2], line)


def table(rows):
    """A table of Markdown, lines that begin with a bar, as reStructuredText."""
    indent = rows[0][: len(rows[0]) - len(rows[0].lstrip())]
    cells = [[c.strip() for c in row.strip().strip("|").split("|")] for row in rows]
    head, _, *body = cells
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *body):
        lines += [f"   {'* -' if i == 0 else '  -'} {text}" for i, text in enumerate(row)]
    return [f"{indent}{line}" for line in ["", *lines, ""]]


def process(app, what, name, obj, options, lines):
    """Rewrite the lines of a docstring in place."""
    result, rows, in_example = [], [], False
    for line in [*lines, ""]:
        text = line.strip()
        if text.startswith("|") and text.endswith("|") and len(text) > 1:
            rows.append(line)
            continue
        if rows:
            result += table(rows)
            rows = []
        in_example = text.startswith(">>>") or (in_example and bool(text))
        result.append(line if in_example else escape(line))
    lines[:] = result


def signature(app, what, name, obj, options, text, returned):
    """Of a class, the arguments of `__init__`: the `__new__` of Keras layers takes any."""
    if what != "class" or "__init__" not in vars(obj):
        return None
    found = inspect.signature(obj.__init__)
    _, *own = found.parameters.values()  # Without self.
    return stringify_signature(found.replace(parameters=own), show_annotation=False), None


def setup(app):
    app.connect("autodoc-process-docstring", process, priority=400)  # Before napoleon's.
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True}
