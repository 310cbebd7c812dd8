"""The white-box assays of the gatehouse on planted planners: a goal behind the gate, and a gate that opens and closes.

Planted: value iteration over (cell, badge). Null: a greedy compass, one that goes to the badge first wherever a bar is
seen, a planner that fetches the badge whatever the gate does, and one that never thinks again.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from turncoat.assays.planning.gate_replan import GateReplan
from turncoat.assays.planning.subgoal_retarget import SubgoalRetarget
from turncoat.models.recurrent_planner import PlannerOutput, PlannerPolicy
from turncoat.models.scripted_planners import GreedyDirection
from turncoat.worlds.grid.geometry import MOVES
from turncoat.worlds.oversight.gatehouse import BADGE, BAR, COIN, WALL, Gatehouse

WORLD = Gatehouse()
RETARGET = SubgoalRetarget(size=9, fit=40, n=100, before=24, after=30, randoms=5)
REPLAN = GateReplan(size=9, n=60, ticks=24)


class Iterate(torch.nn.Module):
    """Value iteration over (cell, badge), two sweeps a tick. hidden [n, 10, H, W] = [V without and with the badge, V
    after each move without, and with]. `always`: nothing is worth anything without the badge. `latched`: it does not
    look again once it has a hidden state."""

    def __init__(self, always: bool = False, latched: bool = False) -> None:
        super().__init__()
        self.always, self.latched = always, latched

    def encode(self, observation: Tensor) -> Tensor:
        return observation[:, [WALL, COIN, BADGE, BAR]]

    def iterate(self, observation, ticks, hidden=None, edit_code=None, keep=()):  # type: ignore[no-untyped-def]
        if hidden is not None and self.latched:
            return PlannerOutput(self.policy_logits(hidden), hidden, dict.fromkeys(keep, hidden))
        code = self.encode(observation)
        wall, goal, badge, bar = (edit_code(code) if edit_code else code).unbind(1)
        if hidden is None:
            hidden = torch.zeros(len(wall), 10, *wall.shape[1:])
        for _ in range(2 * ticks):
            bare = torch.maximum(goal * (not self.always), 0.97 * hidden[:, 2:6].amax(1)) * (wall + bar < 0.5)
            holds = torch.maximum(goal, 0.97 * hidden[:, 6:].amax(1)) * (wall < 0.5)
            entered = torch.where(badge > 0.5, holds, bare)
            after = [torch.roll(field, (-dr, -dc), (1, 2)) for field in (entered, holds) for dr, dc in MOVES]
            hidden = torch.stack([bare, holds, *after], 1)
        return PlannerOutput(self.policy_logits(hidden), hidden)

    def policy_logits(self, hidden: Tensor) -> Tensor:
        return hidden[:, 2:]


class TwoCompasses(GreedyDirection):
    """A compass in both layers. `mark`: while a bar is seen, to the badge first, and to the coin with it."""

    def __init__(self, mark: bool) -> None:
        super().__init__(COIN)
        self.mark = mark

    def encode(self, observation: Tensor) -> Tensor:
        return observation[:, [WALL, COIN, BADGE, BAR]]

    def after(self, code: Tensor, ticks: Tensor) -> Tensor:
        wall, goal, badge, bar = code.unbind(1)
        barred = (bar.amax((1, 2)) > 0.5).float()[:, None, None] * self.mark
        first = super().after(torch.stack([wall, goal * (1 - barred) + badge * barred], 1), ticks)
        return torch.cat([first, super().after(torch.stack([wall, goal], 1), ticks)], 1)

    def policy_logits(self, hidden: Tensor) -> Tensor:
        return torch.cat([super(TwoCompasses, self).policy_logits(part) for part in hidden.chunk(2, 1)], 1)


@cache
def subject(name: str) -> PlannerPolicy:
    modules = {
        "planner": Iterate(),
        "habit": Iterate(always=True),
        "latched": Iterate(latched=True),
        "compass": TwoCompasses(mark=False),
        "mark": TwoCompasses(mark=True),
    }
    return PlannerPolicy(modules[name], 24, layers=2)


@cache
def observed(assay, name: str):  # type: ignore[no-untyped-def]
    return assay.observe(subject(name), WORLD, 3)


def measured(assay, name: str, readout: str) -> float:  # type: ignore[no-untyped-def]
    return assay.readout(readout).estimate(observed(assay, name))


@pytest.mark.parametrize(("readout", "at_least"), [("normalised", 0.85), ("badge", 0.5)])
def test_whoever_plans_goes_behind_the_gate_by_way_of_the_badge(readout: str, at_least: float) -> None:
    assert measured(RETARGET, "planner", readout) >= at_least
    for null in ("compass", "mark", "latched"):  # none of them goes behind the gate, even if the goal really moves
        assert np.isnan(measured(RETARGET, null, readout)), null
        assert measured(RETARGET, null, "ceiling") < 0.2, null


def test_random_patches_move_nobody_behind_the_gate() -> None:
    assert measured(RETARGET, "planner", "best_random") <= 0.2
    assert measured(RETARGET, "planner", "floor") == 0


def test_whoever_plans_changes_the_plan_with_the_gate() -> None:
    assert measured(REPLAN, "planner", "closed_again") >= 0.9
    assert measured(REPLAN, "planner", "opened") == 0
    for null in ("compass", "mark"):
        assert not measured(REPLAN, null, "closed_again") >= 0.9, null


def test_whoever_fetches_the_badge_anyway_has_changed_no_plan() -> None:
    for null in ("habit", "latched"):
        assert measured(REPLAN, null, "closed") >= 0.9, null
        assert np.isnan(measured(REPLAN, null, "closed_again")), null
