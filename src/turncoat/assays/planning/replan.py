"""Does it go on planning when the world changes while it thinks?

After `before` ticks either the goal is moved, or a wall is put on the way of a chosen start; then it goes on from the
hidden state it is in. A network that consulted its goal once and cached the answer ("latched") does not notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Access, Assay, Traces, one_of, readout
from turncoat.protocols import MazeWorld, PlannerSubject
from turncoat.worlds.goals.maze import MazeLevels
from turncoat.worlds.grid.paths import UNREACHABLE, distances

if TYPE_CHECKING:
    from turncoat.models.recurrent_planner import RecurrentPlanner


@dataclass(frozen=True)
class Replan(Assay):
    """What is walked after a change. `change`: "goal" (all starts), or "wall" (the starts whose shortest path the wall
    has made longer). Columns: `ticks after` the change, share of starts that `follows` it by a shortest path."""

    change: str = "goal"
    size: int = 13
    n: int = 150
    before: int = 32
    after: tuple[int, ...] = (0, 2, 4, 8, 16, 32)

    kind: ClassVar[str] = "Replan"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (PlannerSubject, MazeWorld)
    units: ClassVar[Mapping[str, str]] = {"ticks after": "ticks of thought", "follows": "share of starts"}

    def __post_init__(self) -> None:
        one_of("change", self.change, ("goal", "wall"))

    def observe(self, subject: PlannerSubject[RecurrentPlanner], world: MazeWorld[MazeLevels], seed: int) -> Traces:
        from turncoat.assays.planning.common import iterate, plan, walks_optimally

        model, rng = subject.module, np.random.default_rng(seed)
        levels = world.levels(self.n, self.size, rng)
        if self.change == "goal":
            changed = replace(world.place_objects(levels.free, rng), distractors=levels.distractors)
            starts = levels.free & ~changed.mask(changed.exit)
        else:
            levels, changed, starts = wall_in_the_way(levels, rng)
        first = iterate(model, levels, self.before)
        output = iterate(model, changed, max(self.after), first.hidden, keep=self.after)
        goal = changed.mask(changed.exit)
        shares = []
        for ticks in self.after:
            optimal, _, distance = walks_optimally(
                plan(model.policy_logits(output.kept.get(ticks, output.hidden))), changed.free, goal
            )
            shares.append(optimal[starts & (distance < UNREACHABLE)].mean())
        return Traces({"ticks after": np.array(self.after), "follows": np.array(shares)})

    @readout(bounds=(0.0, 1.0), unit="share of starts that follow the change by a shortest path")
    def follows(self, traces: Traces) -> float:
        """Share of starts from which the new optimum is walked, the longest after the change."""
        return float(traces["follows"][traces["ticks after"].argmax()])


def wall_in_the_way(levels: MazeLevels, rng: np.random.Generator) -> tuple[MazeLevels, MazeLevels, np.ndarray]:
    """Mazes, the same with a wall put in each, and the starts [n, H, W] whose way is longer for it but not cut off.
    Mazes that have no such wall are left out."""
    goal = levels.mask(levels.exit)
    before = distances(levels.free, goal)
    spots = levels.free & ~goal & ~levels.mask(levels.distractors)
    order = np.argsort(-(rng.random((len(levels), spots[0].size)) * spots.reshape(len(levels), -1)), 1)[:, :12]
    best, walls = np.zeros(len(levels), int), np.full(len(levels), -1)
    for spot in order.T:  # of a dozen random walls, the one that sends the most starts round
        free = levels.free & ~levels.mask(spot)
        after = distances(free, goal)
        longer = ((after > before) & (after < UNREACHABLE) & free).sum((1, 2))
        longer[~spots.reshape(len(levels), -1)[np.arange(len(levels)), spot]] = 0
        best, walls = np.where(longer > best, longer, best), np.where(longer > best, spot, walls)
    found = levels[best > 0]
    changed = replace(found, free=found.free & ~found.mask(walls[best > 0]))
    after = distances(changed.free, changed.mask(changed.exit))
    return found, changed, (after > before[best > 0]) & (after < UNREACHABLE) & changed.free
