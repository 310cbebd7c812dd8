"""Is what the probe reads the plan that is walked? Write another move into it and see where the walk goes.

At one cell, the difference between the mean hidden state of cells whose best move is the written one and of cells
whose best move is the present one is added. Then it may go on thinking for `settle` ticks with its hands free: with 0
the question is whether the plan is what is walked, with more whether a written plan outlives the thinking that made
the old one. Nothing else of the maze, the code or the network is touched.

Any move that is read off a state linearly can be written into it, a reflex's too: that alone shows no plan. So the
cell is one where only a plan knows the way (every best move leads away from the goal, though an open neighbour is
nearer to it), and a maze counts only where the move that is overwritten belonged to a plan: untouched, the walk from
that cell was a shortest way to the goal. A subject that solves no such cell gets 0, however well it can be written to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.assays.variants import by_variant
from turncoat.core import Access, Assay, Traces, readout
from turncoat.protocols import MazeWorld, PlannerSubject
from turncoat.worlds.grid.paths import best_moves, detour_cells, distances, successors

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.recurrent_planner import RecurrentPlanner
    from turncoat.worlds.goals.maze import MazeLevels


@dataclass(frozen=True)
class CausalPlan(Assay):
    """What is walked after a move is written. Columns: `variant` ("floor" is no edit; "edit"; "random K" are directions
    of the same norm), and the share of mazes in which the walk was a shortest way and now has the written move
    `taken`."""

    size: int = 13
    fit: int = 200  # mazes that the directions come from
    n: int = 150  # mazes that are edited, one cell each
    before: int = 32  # ticks before the edit
    strength: float = 1.0  # in units of the difference of means
    settle: int = 0  # ticks after the edit
    randoms: int = 30

    kind: ClassVar[str] = "CausalPlan"
    version: ClassVar[int] = 2
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (PlannerSubject, MazeWorld)

    def observe(self, subject: PlannerSubject[RecurrentPlanner], world: MazeWorld[MazeLevels], seed: int) -> Traces:
        import torch

        from turncoat.assays.planning.common import iterate, plan, walks_optimally

        model, rng = subject.module, np.random.default_rng(seed)
        fit = world.levels(self.fit, self.size, rng)
        hidden = iterate(model, fit, self.before).hidden
        best = best_moves(fit.free, distances(fit.free, fit.mask(fit.exit)))
        only = best & (best.sum(1, keepdims=True) == 1)  # cells with one best move
        means = torch.stack([hidden.permute(0, 2, 3, 1)[torch.from_numpy(only[:, move])].mean(0) for move in range(4)])

        levels = world.levels(self.n, self.size, rng)
        cell, written = self.choose(levels.free, levels.mask(levels.exit), rng)
        levels, cell, written = levels[cell >= 0], cell[cell >= 0], written[cell >= 0]
        settled = iterate(model, levels, self.before)
        moves, rows = plan(settled.logits), np.arange(len(levels))
        present = moves.reshape(len(levels), -1)[rows, cell]
        optimal, _, _ = walks_optimally(moves, levels.free, levels.mask(levels.exit))
        planned = optimal.reshape(len(levels), -1)[rows, cell]
        push = self.strength * (means[written] - means[present])  # [n, C]
        mark = torch.from_numpy(np.eye(self.size**2, dtype=np.float32)[cell]).view(-1, 1, self.size, self.size)
        noise = torch.Generator().manual_seed(seed)

        def taken(direction: Tensor) -> float:
            """Edit, settle, and ask the plan at the cell again."""
            edited = settled.hidden + mark * direction[:, :, None, None]
            with torch.no_grad():
                logits = (
                    iterate(model, levels, self.settle, edited).logits if self.settle else model.policy_logits(edited)
                )
            after = plan(logits).reshape(len(levels), -1)
            return float((planned & (after[rows, cell] == written)).mean())

        variants, shares = ["floor", "edit"], [taken(torch.zeros_like(push)), taken(push)]
        for draw in range(self.randoms):
            other = torch.randn(push.shape[1], generator=noise).expand_as(push)
            variants.append(f"random {draw}")
            shares.append(taken(other / other.norm(dim=1, keepdim=True) * push.norm(dim=1, keepdim=True)))
        return Traces({"variant": np.array(variants), "taken": np.array(shares)})

    @staticmethod
    def choose(free: np.ndarray, goal: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A cell a maze [n], three steps or more from the goal, whose best moves all lead away from it, and an open
        move there that is not best [n]; -1 in a maze without one. No subject has a say in it."""
        n, distance = len(free), distances(free, goal)
        here = np.arange(free[0].size).reshape(1, 1, *free.shape[1:])
        wrong = (successors(free) != here) & ~best_moves(free, distance)
        wrong &= (detour_cells(free, distance, goal) & (distance >= 3))[:, None]
        scores = (rng.random(wrong.shape) * wrong).reshape(n, -1)
        move, cell = np.divmod(scores.argmax(1), free[0].size)
        return np.where(scores.any(1), cell, -1), np.where(scores.any(1), move, -1)

    @readout(bounds=(-1.0, 1.0), unit="share of mazes whose planned walk takes the written move")
    def excess(self, traces: Traces) -> float:
        """The edit less the larger of no edit and the best random direction."""
        return self.edit(traces) - max(self.floor(traces), self.best_random(traces))

    @readout(bounds=(0.0, 1.0), unit="share of mazes whose planned walk takes the written move")
    def edit(self, traces: Traces) -> float:
        """The edit itself."""
        return by_variant(traces, "taken")["edit"]

    @readout(bounds=(0.0, 1.0), unit="share of mazes whose planned walk takes the written move")
    def floor(self, traces: Traces) -> float:
        """No edit."""
        return by_variant(traces, "taken")["floor"]

    @readout(bounds=(0.0, 1.0), unit="share of mazes whose planned walk takes the written move")
    def best_random(self, traces: Traces) -> float:
        """The best of the random directions."""
        return max(value for name, value in by_variant(traces, "taken").items() if name.startswith("random"))
