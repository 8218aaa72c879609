"""Colour scales of the pictures: sequential for amounts, diverging for signed numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap, Normalize
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from numpy.typing import NDArray

from graphmarl.results.figures import figure_of

FONT_SIZE = 7.0
# The brightest yellow of viridis is hard to see on white.
AMOUNTS = ListedColormap(colormaps["viridis_r"](np.linspace(0.08, 1, 256)), "amounts")
# Grey in the middle: white would hide an arrow.
SIGNED = LinearSegmentedColormap.from_list("signed", ["#1b5fa8", "#dcdcdc", "#b5301d"])
NAMES = {
    "attention": "attention of the receiver to the sender",
    "gate": "gate (1: the message is sent, 0: it is not)",
    "norm": "norm of the message",
    "bits": "bits of the message",
    "importance": "importance of the edge, the effect of its removal",
}


@dataclass(frozen=True)
class Scale:
    """A colour scale.

    Args:
        low: smallest value.
        high: largest value.
        signed: whether colours diverge from zero.
    """

    low: float
    high: float
    signed: bool = False

    @property
    def colours(self) -> Colormap:
        """The colour map: dark is large; of signed numbers, blue is negative and red positive."""
        return SIGNED if self.signed else AMOUNTS

    def of(self, values: NDArray[Any]) -> NDArray[Any]:
        """Colours of some values, those outside the scale as its ends.

        Args:
            values: the values.
        """
        return self.colours(Normalize(self.low, self.high, clip=True)(values))

    def size(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sizes of some values in [0, 1]; of signed numbers, the distance from zero.

        Args:
            values: the values.
        """
        if self.signed:
            return np.clip(np.abs(values) / max(-self.low, self.high), 0, 1)
        return np.clip((values - self.low) / (self.high - self.low), 0, 1)


def scale_of(values: NDArray[Any], limits: Sequence[float] | None = None) -> Scale:
    """The scale from the smallest to the largest of some values.

    Negative values make it symmetric about zero. One value alone is the upper end of a scale that
    begins at zero.

    Args:
        values: the values; those that are not finite are left out.
        limits: smallest and largest value of the scale, instead of those of the values.

    Raises:
        ValueError: the limits are not in order.
    """
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"limits are {limits[0]}, {limits[1]}; the first must be the smaller")
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if limits is not None:
        low, high = map(float, limits)
    if low < 0:
        most = max(-low, high)
        low, high = (-most, most) if limits is None else (low, high)
    elif low == high:
        low, high = 0.0, high or 1.0
    return Scale(low, high, low < 0)


def draw_colour_bar(
    axes: Axes | Sequence[Axes], scale: Scale, name: str, values: NDArray[Any] | None = None
) -> Colorbar:
    """Add the colour bar of a scale beside some axes.

    Args:
        axes: the axes.
        scale: the scale.
        name: what it shows.
        values: what is drawn; the bar has a pointed end where some lie outside the scale.
    """
    colours = ScalarMappable(Normalize(scale.low, scale.high), scale.colours)
    shown = np.empty(0) if values is None else values[np.isfinite(values)]
    under, over = bool((shown < scale.low).any()), bool((shown > scale.high).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[under, over]
    figure = figure_of(axes if isinstance(axes, Axes) else axes[0])
    options: dict[str, Any] = {"extend": extend, "ticks": MaxNLocator(5)}
    options["format"] = ScalarFormatter(useOffset=False)
    if isinstance(axes, Axes) and figure.get_layout_engine() is not None:
        # As high as the axes, whatever their aspect.
        bar = figure.colorbar(colours, cax=axes.inset_axes((1.03, 0, 0.045, 1)), **options)
    else:
        beside = axes if isinstance(axes, Axes) else list(axes)
        options |= {"shrink": 0.8, "aspect": 22, "pad": 0.02}
        bar = figure.colorbar(colours, ax=beside, **options)
    bar.set_label(name, fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE, width=0.5, length=2)
    bar.ax.yaxis.get_offset_text().set_fontsize(FONT_SIZE)
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]
    return bar


def long_name(column: str) -> str:
    """What a column of edges holds, in words.

    Args:
        column: the column.
    """
    head = re.fullmatch(r"attention_(\d+)", column)
    if head:
        return f"{NAMES['attention']}, head {head[1]}"
    return NAMES.get(column, column.replace("_", " "))
