"""Where values stand on an axis, in what order, and with which interval."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from turncoat.core import Readout
from turncoat.stats import mean_interval


def mean_and_interval(values: Sequence[float], bounds: tuple[float, float]) -> tuple[float, float, float]:
    """Mean and 95% t interval, cut to what the estimate can be; a single seed has no interval."""
    mean, low, high = mean_interval(values)
    return (mean, max(low, bounds[0]), min(high, bounds[1])) if len(values) > 1 else (mean, mean, mean)


def axis_limits(readout: Readout, values: Sequence[float]) -> tuple[float, float]:
    """From 0 to what is natural to the readout, or to the values where they go further, with some air. A bound beyond 1
    is a cap and not a range that anybody expects to be filled."""
    low, high = readout.bounds
    low = min([*values, max(low, 0.0)] if math.isfinite(low) else values)
    high = max([*values, high] if high <= 1 else values)
    air = 0.03 * (high - low) or 0.5
    return low - air, high + air


def tick_positions(values: Sequence[Any]) -> tuple[list[float], float | None]:
    """Where a sweep's values stand: logarithmic if they span much (0 apart, and where the axis breaks), else evenly."""
    numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    if not numeric or min(values) < 0 or len(values) < 2:
        return [float(i) for i in range(len(values))], None
    positive = sorted(v for v in values if v > 0)
    if len(positive) < 2 or positive[-1] / positive[0] < 20:
        return [float(v) for v in values], None
    zero = math.log10(positive[0]) - 0.75
    has_zero = len(positive) < len(values)
    return [math.log10(v) if v > 0 else zero for v in values], zero + 0.375 if has_zero else None


def alignment(x: float, places: Sequence[float]) -> str:
    """How a label at x is aligned so that it stays over the axes."""
    return "left" if x == min(places) else "right" if x == max(places) else "center"


def sort_key(value: object) -> tuple[bool, Any]:
    """A key that sorts words after numbers, and words by the numbers in them: "6 to 10" before "21 to 40"."""
    if not isinstance(value, str):
        return False, value
    pieces = re.split(r"((?:(?<!\w)-)?\d+(?:\.\d+)?)", value)  # words at even places, numbers at odd ones
    return True, [float(piece) if place % 2 else piece for place, piece in enumerate(pieces)]
