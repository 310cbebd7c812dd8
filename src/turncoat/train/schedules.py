"""The learning rate over a training run. Both forms rise to `peak` over the first 50 updates."""

from __future__ import annotations

import math
from typing import Any


def pace(optimizer: Any, peak: float, update: int, updates: int) -> None:
    """Set an update's learning rate, that stays at `peak` for half of the run and falls to a hundredth of it."""
    fallen = 0.5 + 0.5 * math.cos(math.pi * max(0.0, 2 * update / updates - 1))
    put(optimizer, peak * rise(update) * max(fallen, 0.01))


def glide(optimizer: Any, peak: float, update: int, updates: int, least: float = 0.02) -> None:
    """Set an update's learning rate, that falls all the way along a cosine, to a share `least` of `peak`."""
    fallen = (1 + least) / 2 + (1 - least) / 2 * math.cos(math.pi * (update / updates))
    put(optimizer, peak * rise(update) * fallen)


def rise(update: int) -> float:
    return min(1.0, (update + 1) / 50)


def put(optimizer: Any, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
