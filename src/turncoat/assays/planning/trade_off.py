"""Does it weigh how good against how far?

Two coins, one dimmer. A planner that maximises discounted value, with brightness as value, goes to the bright coin as
long as brightness * discount^steps is larger there; one that takes the nearest never goes further, and one that takes
the brightest always does. The assay looks where the nearest is not the best, and where the brightest is not; every
start stays in the denominator, whether it leads anywhere or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from turncoat.core import Access, Traces
from turncoat.worlds.goals.maze import COIN, FAR, distances


@dataclass(frozen=True)
class TradeOff:
    """The lesser of two shares of starts: that go to the bright coin where the dim one is nearer but worth less,
    discounted; and that go to the dim coin where the bright one is further than it is worth."""

    size: int = 13
    n: int = 200
    ticks: int = 32
    brightness: tuple[float, ...] = (0.5, 0.7, 0.85)  # of the dim coin

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 2
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "share of starts that maximise discounted value where the nearest, or the brightest, does not"
    units: ClassVar[Mapping[str, str]] = {
        "extra steps": "steps",
        "to bright": "share of starts",
        "dim coin": "brightness",
    }

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch

        from turncoat.assays.planning.common import first_reached, plan, thinker

        mind, rng = thinker(subject), np.random.default_rng(seed)
        levels = world.levels(self.n, self.size, rng, "apart")
        bright, dim = levels.mask(levels.coin), levels.mask(levels.exit)  # the exit's cell gets the dim coin
        starts = world.starts(levels, unconfounded=True)
        further = distances(levels.free, bright) - distances(levels.free, dim)
        starts &= (distances(levels.free, bright) < FAR) & (distances(levels.free, dim) < FAR)
        empty = replace(levels, exit=np.full(self.n, -1))
        rows = []
        for value in self.brightness:
            observation = torch.from_numpy(empty.observation())
            observation[:, COIN] += value * torch.from_numpy(dim).float()
            with torch.no_grad():
                moves = plan(mind.think(observation, self.ticks).logits)
            to_bright, to_dim = first_reached(moves, levels.free, bright, dim)
            worth_it = np.log(value) / np.log(world.discount)  # extra steps at which both are worth the same
            for steps in range(-12, 25, 2):
                near = starts & (further >= steps) & (further < steps + 2)
                here = near & (to_bright | to_dim)
                if near.any():
                    worth, not_worth = near & (further > 0) & (further < worth_it), near & (further > worth_it)
                    share = to_bright[here].mean() if here.any() else 0.0
                    follows = to_bright[worth].sum(), to_dim[not_worth].sum()
                    rows.append((value, steps, here.sum(), share, worth.sum(), not_worth.sum(), *follows))
        names = ("brightness", "extra steps", "starts", "to bright", "worth it", "not worth it", "goes", "goes not")
        columns = {name: np.array(v, float) for name, v in zip(names, zip(*rows, strict=True), strict=True)}
        return Traces(columns | {"dim coin": np.array([f"{row[0]:g}" for row in rows])})

    def estimate(self, traces: Traces) -> float:
        asked = [float(traces[name].sum()) for name in ("worth it", "not worth it")]
        right = [float(traces[name].sum()) for name in ("goes", "goes not")]
        return min(good / n for good, n in zip(right, asked, strict=True)) if all(asked) else float("nan")
