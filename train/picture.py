"""A picture of a run, and what is said of it."""

from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

# By the ending of a file; of a chart, the same lines are the same file.
METADATA = {".png": {}, ".svg": {"Date": None}}


def save(figure, file, dpi=80):
    """Write a figure into a file that ends in .svg, or .png at so many pixels per inch."""
    with matplotlib.rc_context({"svg.hashsalt": "keras_dgm"}):
        figure.savefig(file, dpi=dpi, metadata=METADATA[file.suffix])


class Picture(NamedTuple):
    """A picture, and what is said of it.

    Attributes:
        figure: what is drawn.
        caption: what a picture of this kind shows.
        finding: what this one says of the run, from numbers of the run.
        alt: what it looks like, for those who cannot see it.
        is_chart: whether it is made of lines and text, which stay sharp at any size.
    """

    figure: Figure
    caption: str
    finding: str
    alt: str
    is_chart: bool = False

    @property
    def suffix(self):
        """Of its file."""
        return ".svg" if self.is_chart else ".png"
