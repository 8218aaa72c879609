"""Figures that show themselves in notebooks, and pictures of figures as files and texts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

TEXT_AS_TEXT = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none"}
DOTS_IN_NOTEBOOKS = 144


class NotebookFigure(Figure):
    """A figure without a window, which notebooks show as a picture."""

    def _repr_png_(self) -> bytes:
        return _png(self)


class NotebookAxes(Axes):
    """Axes that notebooks show as a picture of their figure."""

    def _repr_png_(self) -> bytes:
        return _png(figure_of(self))


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DOTS_IN_NOTEBOOKS)
    return file.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """A figure that a notebook shows as a picture, with the layout `constrained`.

    Args:
        width: in inches.
        height: in inches.
    """
    return NotebookFigure(figsize=(width, height), layout="constrained")


def new_axes(width: float, height: float) -> Axes:
    """Axes of a figure of their own, which a notebook shows as a picture.

    Args:
        width: of the figure, in inches.
        height: of the figure, in inches.
    """
    return new_figure(width, height).add_subplot(axes_class=NotebookAxes)


def grid_of(figure: Figure, rows: int, columns: int, sharex: bool = False) -> list[Axes]:
    """Axes in rows and columns, each of which a notebook shows as a picture of the figure.

    Args:
        figure: the figure.
        rows: number of rows.
        columns: number of columns.
        sharex: whether they have one horizontal scale.
    """
    options: dict[str, Any] = {"squeeze": False, "subplot_kw": {"axes_class": NotebookAxes}}
    return list(figure.subplots(rows, columns, sharex=sharex, **options).flat)


def figure_of(picture: Axes | Figure) -> Figure:
    """The figure of some axes, or a figure itself.

    Args:
        picture: any axes of a figure, or the figure.
    """
    figure = picture.get_figure(root=True)
    assert isinstance(figure, Figure), "axes belong to a figure"
    return figure


def save_picture(axes: Axes | Figure, path: str | Path, dpi: int = 150) -> None:
    """Save the figure of some axes; PDF and SVG keep text as text.

    Args:
        axes: any axes of the figure, or the figure.
        path: the file, whose suffix is the format.
        dpi: pixels per inch.
    """
    with rc_context(rc=_options()):
        figure_of(axes).savefig(path, dpi=dpi)


def svg_of(axes: Axes | Figure) -> str:
    """The figure of some axes as an SVG element, for a page of HTML.

    Args:
        axes: any axes of the figure, or the figure.
    """
    file = io.StringIO()
    with rc_context(rc=_options()):
        figure_of(axes).savefig(file, format="svg")
    text = file.getvalue()
    return text[text.index("<svg") :]


def _options() -> Any:
    """Options of matplotlib, whose names its types list one by one."""
    return TEXT_AS_TEXT
