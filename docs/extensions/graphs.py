"""The graphical models of the user guide, drawn with matplotlib.

Solid arrows are the generative model p, dashed ones the inference model q. Grey nodes are observed,
half grey ones where there is a label. The rectangle is repeated for each of N examples.
"""

from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "guide" / "graphs"
COLOURS = {
    "light": {"line": "#1f2328", "fill": "#c9ced6", "ground": "#ffffff"},
    "dark": {"line": "#e6e8eb", "fill": "#5b626d", "ground": "#131416"},
}
RADIUS = 0.3


class Graph(NamedTuple):
    """A model: nodes by their text, with place and how much is observed, and two kinds of edges."""

    nodes: dict[str, tuple[float, float, float]]
    p: list[tuple[str, str]]
    q: list[tuple[str, str]]


GRAPHS = {
    "m1": Graph(
        {"z": (0, 1.5, 0), "x": (0, 0, 1)},
        p=[("z", "x")],
        q=[("x", "z")],
    ),
    "m2": Graph(
        {"y": (-0.9, 1.5, 0.5), "z": (0.9, 1.5, 0), "x": (0, 0, 1)},
        p=[("y", "x"), ("z", "x")],
        q=[("x", "y"), ("x", "z"), ("y", "z")],
    ),
    "m1m2": Graph(
        {"y": (-0.9, 3, 0.5), "z_2": (0.9, 3, 0), "z_1": (0, 1.5, 0), "x": (0, 0, 1)},
        p=[("y", "z_1"), ("z_2", "z_1"), ("z_1", "x")],
        q=[("x", "z_1"), ("z_1", "y"), ("z_1", "z_2"), ("y", "z_2")],
    ),
    "adgm": Graph(
        {"y": (-0.9, 1.5, 0.5), "z": (0.9, 1.5, 0), "x": (-0.9, 0, 1), "a": (0.9, 0, 0)},
        p=[("y", "x"), ("z", "x"), ("x", "a"), ("y", "a"), ("z", "a")],
        q=[("x", "a"), ("a", "y"), ("x", "y"), ("a", "z"), ("x", "z"), ("y", "z")],
    ),
    "sdgm": Graph(
        {"y": (-0.9, 1.5, 0.5), "z": (0.9, 1.5, 0), "x": (-0.9, 0, 1), "a": (0.9, 0, 0)},
        p=[("y", "a"), ("z", "a"), ("a", "x"), ("y", "x"), ("z", "x")],
        q=[("x", "a"), ("a", "y"), ("x", "y"), ("a", "z"), ("x", "z"), ("y", "z")],
    ),
    "conditional": Graph(
        {"c": (-0.9, 1.5, 1), "z": (0.9, 1.5, 0), "x'": (0, 0, 1)},
        p=[("c", "x'"), ("z", "x'")],
        q=[("c", "z"), ("x'", "z")],
    ),
}


def draw(graph, colours):
    """The figure of a graph."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Wedge

    places = {name: (x, y) for name, (x, y, _) in graph.nodes.items()}
    left, right = (f(x for x, _ in places.values()) for f in (min, max))
    height = max(y for _, y in places.values())
    box = (left - 0.8, -0.75, right - left + 1.6, height + 1.4)
    figure = Figure(figsize=(box[2] * 0.95, box[3] * 0.95))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(box[0] - 0.05, box[0] + box[2] + 0.05), aspect="equal")
    axes.set(ylim=(box[1] - 0.05, box[1] + box[3] + 0.05))
    axes.axis("off")
    line = colours["line"]
    plate = FancyBboxPatch(box[:2], *box[2:], boxstyle="round,pad=0,rounding_size=0.15", fill=False)
    plate.set(edgecolor=line, linewidth=1)
    axes.add_patch(plate)
    axes.text(box[0] + box[2] - 0.15, box[1] + 0.12, "$N$", color=line, ha="right", fontsize=13)
    for edges, style, bend in ((graph.p, "-", 0.0), (graph.q, "--", 0.28)):
        for start, end in edges:
            arrow = FancyArrowPatch(
                places[start],
                places[end],
                connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>,head_length=6,head_width=3",
                shrinkA=21,
                shrinkB=21,
                linestyle=style,
                color=line,
                linewidth=1.2,
            )
            axes.add_patch(arrow)
    for name, (x, y, observed) in graph.nodes.items():
        axes.add_patch(Circle((x, y), RADIUS, facecolor=colours["ground"], edgecolor=line))
        if observed:
            half = Wedge((x, y), RADIUS, 90 if observed < 1 else 0, 270 if observed < 1 else 360)
            half.set(facecolor=colours["fill"], edgecolor="none")
            axes.add_patch(half)
        axes.add_patch(Circle((x, y), RADIUS, fill=False, edgecolor=line, linewidth=1.4))
        axes.text(x, y, f"${name}$", color=line, ha="center", va="center", fontsize=15)
    return figure


def write(app=None):
    """Write NAME-light.svg and NAME-dark.svg of every graph."""
    import matplotlib

    FOLDER.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "keras_dgm", "mathtext.fontset": "cm"}):
        for name, graph in GRAPHS.items():
            for theme, colours in COLOURS.items():
                figure = draw(graph, colours)
                file = FOLDER / f"{name}-{theme}.svg"
                figure.savefig(file, transparent=True, metadata={"Date": None})


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
