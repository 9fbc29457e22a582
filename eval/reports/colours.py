"""The colours of charts and maps: told apart by colour-blind eyes, on a light and on a dark page."""

from __future__ import annotations

import math
from typing import NamedTuple


class Colour(NamedTuple):
    """A colour as "#rrggbb", on a light and on a dark page."""

    light: str
    dark: str


LINES = (
    Colour("#0072b2", "#56b4e9"),
    Colour("#d55e00", "#e69f00"),
    Colour("#009e73", "#009e73"),
    Colour("#cc79a7", "#cc79a7"),
    Colour("#e69f00", "#f0e442"),
    Colour("#56b4e9", "#d55e00"),
)
"""Colours of lines (Okabe and Ito 2008)."""
VIRIDIS = ("#440154", "#482878", "#3e4a89", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6dcd59", "#b4de2c", "#fde725")
"""From dark to light, in order for colour-blind eyes and in grey too."""
BEST = 7
"""Index in VIRIDIS of the shade for 100%. Lighter shades are not seen on a light page."""
NO_FIGURE = "#808080"


def line_colour(index: int) -> Colour:
    """Return the colour of a line; colours repeat after the last."""
    return LINES[index % len(LINES)]


def shade(index: int, count: int) -> Colour:
    """Return one of `count` shades in their order, without those that a light or a dark page would swallow."""
    share = index / max(count - 1, 1)
    return Colour(VIRIDIS[round(BEST * share)], VIRIDIS[3 + round(6 * share)])


def map_colour(share: float) -> tuple[str, bool]:
    """Return the background of a map's cell as "#rrggbb", and whether its text must be light.

    Args:
        share: From 0 to 1; nan gives grey.
    """
    if math.isnan(share):
        return NO_FIGURE, True
    at = share * BEST
    low, high = (channels(VIRIDIS[index]) for index in (math.floor(at), math.ceil(at)))
    red, green, blue = (round(one + (other - one) * (at % 1)) for one, other in zip(low, high, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}", 0.299 * red + 0.587 * green + 0.114 * blue < 128


def channels(colour: str) -> list[int]:
    """Split "#rrggbb" into red, green and blue, from 0 to 255."""
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
