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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Access, Traces
from turncoat.worlds.goals.maze import best_moves, distances, leads_away, successors

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CausalPlan:
    """Share of mazes in which the walk was a shortest way and now takes the written move. `read`: "edit", "floor" (no
    edit), "random" (best of the norm-matched random directions) or "excess" (edit minus the larger of the two)."""

    size: int = 13
    fit: int = 200  # mazes that the directions come from
    n: int = 150  # mazes that are edited, one cell each
    before: int = 32  # ticks before the edit
    strength: float = 1.0  # in units of the difference of means
    settle: int = 0  # ticks after the edit
    randoms: int = 30
    read: str = field(default="excess", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 2
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "share of mazes whose planned walk takes the written move"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch

        from turncoat.assays.planning.common import plan, think, thinker, walks_optimally

        mind, rng = thinker(subject), np.random.default_rng(seed)
        fit = world.levels(self.fit, self.size, rng)
        hidden = think(mind, fit, self.before).hidden
        best = best_moves(fit.free, distances(fit.free, fit.mask(fit.exit)))
        only = best & (best.sum(1, keepdims=True) == 1)  # cells with one best move
        means = torch.stack([hidden.permute(0, 2, 3, 1)[torch.from_numpy(only[:, move])].mean(0) for move in range(4)])

        levels = world.levels(self.n, self.size, rng)
        cell, written = self.choose(levels.free, levels.mask(levels.exit), rng)
        levels, cell, written = levels[cell >= 0], cell[cell >= 0], written[cell >= 0]
        settled = think(mind, levels, self.before)
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
                logits = think(mind, levels, self.settle, edited).logits if self.settle else mind.read(edited)
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
        wrong &= (leads_away(free, distance, goal) & (distance >= 3))[:, None]
        scores = (rng.random(wrong.shape) * wrong).reshape(n, -1)
        move, cell = np.divmod(scores.argmax(1), free[0].size)
        return np.where(scores.any(1), cell, -1), np.where(scores.any(1), move, -1)

    def estimate(self, traces: Traces) -> float:
        taken = dict(zip(traces["variant"].tolist(), traces["taken"].tolist(), strict=True))
        floor, edit = taken["floor"], taken["edit"]
        random = max(share for variant, share in taken.items() if variant.startswith("random"))
        return {"edit": edit, "floor": floor, "random": random, "excess": edit - max(floor, random)}[self.read]
