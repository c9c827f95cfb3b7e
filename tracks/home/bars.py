"""Bars as numbers for an SVG of 100 by 100: pure, so that a table of cases tests them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tracks.home.figures import Part

GAP = 4.0  # between columns


@dataclass(frozen=True, slots=True)
class Bar:
    """A part with its place in the drawing, in hundredths."""

    part: Part
    x: float
    y: float
    width: float
    height: float


def stacked(parts: Sequence[Part]) -> list[Bar]:
    """Return the parts beside each other, as wide as their share; what is nothing has no bar."""
    total = sum(part.number for part in parts)
    bars, x = [], 0.0
    for part in parts:
        width = 100 * part.number / total if total else 0.0
        if width:
            bars.append(Bar(part, round(x, 2), 0.0, round(width, 2), 100.0))
        x += width
    return bars


def columns(parts: Sequence[Part]) -> list[Bar]:
    """Return the parts as columns, the largest of which is as high as the drawing."""
    most = max((part.number for part in parts), default=0)
    room = 100 / len(parts) if parts else 0.0
    bars = []
    for place, part in enumerate(parts):
        height = 100 * part.number / most if most else 0.0
        x = place * room + GAP / 2
        bars.append(Bar(part, round(x, 2), round(100 - height, 2), room - GAP, round(height, 2)))
    return bars
