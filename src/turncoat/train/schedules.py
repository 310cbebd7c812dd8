"""Learning rates and coefficients over a training run. Learning rates rise linearly over the first WARMUP updates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer

WARMUP = 50  # updates


def cosine(optimizer: Optimizer, peak: float, update: int, updates: int, floor: float = 0.02) -> None:
    """Set the rate of one of `updates` updates: from `peak` along a cosine all the way to a share `floor` of it
    (Loshchilov & Hutter 2017, without restarts)."""
    share = (1 + floor) / 2 + (1 - floor) / 2 * math.cos(math.pi * (update / updates))
    set_lr(optimizer, peak * warmup(update) * share)


def constant_then_cosine(optimizer: Optimizer, peak: float, update: int, updates: int) -> None:
    """Set the rate of one of `updates` updates: `peak` for half of the run, then along a cosine to a hundredth."""
    share = 0.5 + 0.5 * math.cos(math.pi * max(0.0, 2 * update / updates - 1))
    set_lr(optimizer, peak * warmup(update) * max(share, 0.01))


def fade_out(peak: float, update: int, updates: int, by: float = 0.7) -> float:
    """A coefficient that falls linearly from `peak` to nothing over a share `by` of a run."""
    return peak * max(0.0, 1 - update / updates / by)


def warmup(update: int) -> float:
    """The share of the peak rate that an update has, from 1 / WARMUP to 1."""
    return min(1.0, (update + 1) / WARMUP)


def set_lr(optimizer: Optimizer, rate: float) -> None:
    """Give all of an optimizer's parameter groups one learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
