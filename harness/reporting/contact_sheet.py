"""Contact sheets: images side by side, each with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.reporting.charts import BELOW, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Tile:
    """An image of a contact sheet."""

    image: Any
    """A PIL image in RGB, or None where the input is no image."""
    caption: str
    wrong: bool = False
    """Whether the prediction is known to be wrong, which a frame tells."""


def contact_sheet(tiles: Sequence[Tile], *, columns: int = 6, axes: Axes | None = None) -> Axes:
    """Images side by side, each with its caption below.

    Args:
        tiles: in the order to show.
        columns: images a row.
        axes: where to draw; a new figure when None.
    """
    from matplotlib.patches import Rectangle
    from PIL import Image

    rows = max(1, math.ceil(len(tiles) / columns))
    axes = axes or new_axes(7.5, 0.5 + 1.55 * rows)
    for number, tile in enumerate(tiles):
        x, y = number % columns, number // columns
        if tile.image is not None:
            small = tile.image if max(tile.image.size) <= 256 else tile.image.copy()
            small.thumbnail((256, 256), Image.Resampling.LANCZOS)
            # As wide as high: what is longer takes the room there is.
            w, h = (size / max(small.size) * 0.88 for size in small.size)
            left, top = x + (1 - w) / 2, y * 1.3 + (0.88 - h) / 2
            axes.imshow(np.asarray(small), extent=(left, left + w, top + h, top), interpolation="nearest")
            if tile.wrong:
                axes.add_patch(Rectangle((left, top), w, h, fill=False, edgecolor=BELOW, linewidth=3))
        else:
            axes.text(x + 0.5, y * 1.3 + 0.44, "no image", ha="center", va="center", fontsize=8, color="#666666")
        axes.text(x + 0.5, y * 1.3 + 0.92, tile.caption, ha="center", va="top", fontsize=8)
    axes.set_xlim(0, columns)
    axes.set_ylim(1.3 * rows, -0.05)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(f"The {len(tiles)} least confident images" if len(tiles) != 1 else "The least confident image")
    return axes
