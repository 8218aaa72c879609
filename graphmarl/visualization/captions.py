"""Captions below pictures."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from graphmarl.results.figures import figure_of
from graphmarl.visualization.scales import FONT_SIZE

# Mean width of a character, as a share of the size of the font.
CHARACTER = 0.56


def draw_caption(axes: Axes, text: str, width: float | None = None, first: str = "") -> None:
    """Write a caption below some axes.

    Args:
        axes: the axes.
        text: the caption.
        width: of its lines, in inches; that of the axes without it.
        first: what stands in a line of its own before it.
    """
    if width is None:
        width = figure_of(axes).get_figwidth() * axes.get_position().width
    options = {"fontsize": FONT_SIZE, "loc": "left", "linespacing": 1.25}
    axes.set_xlabel(first + "\n" * bool(first) + wrapped(text, width), **options)  # type: ignore[arg-type]


def draw_figure_caption(figure: Figure, text: str) -> None:
    """Write a caption below a whole figure.

    Args:
        figure: a figure with the layout `constrained`.
        text: the caption.
    """
    options = {"fontsize": FONT_SIZE, "x": 0.02, "ha": "left", "linespacing": 1.25}
    figure.supxlabel(wrapped(text, 0.96 * figure.get_figwidth()), **options)


def wrapped(text: str, width: float) -> str:
    """A text in lines.

    Args:
        text: the text.
        width: of a line, in inches.
    """
    return textwrap.fill(text, max(20, int(72 * width / (CHARACTER * FONT_SIZE))))


def sentences(*parts: str) -> str:
    """Parts of a caption as sentences, without the empty ones.

    Args:
        parts: the parts, without full stops.
    """
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)
