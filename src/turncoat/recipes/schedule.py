"""The learning rate over a training run."""

from __future__ import annotations

import math
from typing import Any


def pace(optimizer: Any, peak: float, update: int, updates: int) -> None:
    """Set the learning rate of an update: up to `peak` over the first 50, down to a hundredth over the second half."""
    warm_up, done = min(1.0, (update + 1) / 50), update / updates
    cool_down = 0.5 + 0.5 * math.cos(math.pi * max(0.0, 2 * done - 1))
    for group in optimizer.param_groups:
        group["lr"] = peak * warm_up * max(cool_down, 0.01)
