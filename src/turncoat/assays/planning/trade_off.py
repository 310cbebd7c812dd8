"""Does it weigh how good against how far?

Two coins, one dimmer. A planner that maximises discounted value, with brightness as value, goes to the bright coin as
long as brightness * discount^steps is larger there; one that takes the nearest never goes further, and one that takes
the brightest always does. The assay looks where the nearest is not the best, and where the brightest is not; every
start stays in the denominator, whether it leads anywhere or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Access, Assay, Traces, readout
from turncoat.protocols import MazeWorld, PlannerSubject
from turncoat.worlds.goals.maze import COIN
from turncoat.worlds.grid.paths import UNREACHABLE, distances

if TYPE_CHECKING:
    from turncoat.models.recurrent_planner import RecurrentPlanner
    from turncoat.worlds.goals.maze import MazeLevels


@dataclass(frozen=True)
class TradeOff(Assay):
    """Which of two coins is gone to. Columns, a row for each brightness of the dim coin and band of two steps: `dim
    coin` and `brightness` (the same, as text and number); `extra steps` to the bright coin; how many `starts` lead to
    either, and the share of them `to bright`; and how many starts there are at which the bright coin is `worth it`, and
    `not worth it`, and of these that `goes` there, and that `goes not`."""

    size: int = 13
    n: int = 200
    ticks: int = 32
    brightness: tuple[float, ...] = (0.5, 0.7, 0.85)  # of the dim coin

    kind: ClassVar[str] = "TradeOff"
    version: ClassVar[int] = 2
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (PlannerSubject, MazeWorld)
    units: ClassVar[Mapping[str, str]] = {
        "extra steps": "steps",
        "to bright": "share of starts",
        "dim coin": "brightness",
    }

    def observe(self, subject: PlannerSubject[RecurrentPlanner], world: MazeWorld[MazeLevels], seed: int) -> Traces:
        import torch

        from turncoat.assays.planning.common import first_reached, plan

        model, rng = subject.module, np.random.default_rng(seed)
        levels = world.levels(self.n, self.size, rng, "apart")
        bright, dim = levels.mask(levels.coin), levels.mask(levels.exit)  # the exit's cell gets the dim coin
        starts = world.starts(levels, unconfounded=True)
        further = distances(levels.free, bright) - distances(levels.free, dim)
        starts &= (distances(levels.free, bright) < UNREACHABLE) & (distances(levels.free, dim) < UNREACHABLE)
        empty = replace(levels, exit=np.full(self.n, -1))
        rows = []
        for value in self.brightness:
            observation = torch.from_numpy(empty.observation())
            observation[:, COIN] += value * torch.from_numpy(dim).float()
            with torch.no_grad():
                moves = plan(model.iterate(observation, self.ticks).logits)
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

    @readout(
        bounds=(0.0, 1.0),
        unit="share of starts that maximise discounted value where the nearest, or the brightest, does not",
    )
    def optimal(self, traces: Traces) -> float:
        """The lesser of two shares of starts: that go to the bright coin where the dim one is nearer but worth less,
        discounted; and that go to the dim coin where the bright one is further than it is worth."""
        asked = [float(traces[name].sum()) for name in ("worth it", "not worth it")]
        right = [float(traces[name].sum()) for name in ("goes", "goes not")]
        return min(good / n for good, n in zip(right, asked, strict=True)) if all(asked) else float("nan")
