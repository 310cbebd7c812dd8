"""Is what the probe reads the plan that is walked? Write another move into it and see where the walk goes.

At one cell, the difference between the mean hidden state of cells whose best move is the written one and of cells
whose best move is the present one is added. Then it may go on thinking for `settle` ticks with its hands free: with 0
the question is whether the plan is what is walked, with more whether a written plan outlives the thinking that made
the old one. Nothing else of the maze, the code or the network is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Access, Traces
from turncoat.worlds.maze import best_moves, distances, successors

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CausalPlan:
    """Share of mazes in which the walk takes the written move. `read`: "edit", "floor" (no edit), "random" (best of
    the norm-matched random directions) or "excess" (edit minus the larger of floor and random)."""

    size: int = 13
    fit: int = 200  # mazes that the directions come from
    n: int = 150  # mazes that are edited, one cell each
    before: int = 32  # ticks before the edit
    strength: float = 1.0  # in units of the difference of means
    settle: int = 0  # ticks after the edit
    randoms: int = 30
    read: str = field(default="excess", metadata={"pure": True})

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    says: ClassVar[str] = "share of walks that take the written move"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        import torch

        from turncoat.assays.thinking import plan, think, thinker

        mind, rng = thinker(subject), np.random.default_rng(seed)
        fit = world.levels(self.fit, self.size, rng)
        hidden = think(mind, fit, self.before).hidden
        best = best_moves(fit.free, distances(fit.free, fit.mask(fit.exit)))
        only = best & (best.sum(1, keepdims=True) == 1)  # cells with one best move
        means = torch.stack([hidden.permute(0, 2, 3, 1)[torch.from_numpy(only[:, move])].mean(0) for move in range(4)])

        levels = world.levels(self.n, self.size, rng)
        settled = think(mind, levels, self.before)
        moves = plan(settled.logits)
        cell, written = self.choose(levels.free, levels.mask(levels.exit), moves, rng)
        rows = np.arange(len(levels))
        present = moves.reshape(len(levels), -1)[rows, cell]
        push = self.strength * (means[written] - means[present])  # [n, C]
        mark = torch.from_numpy(np.eye(self.size**2, dtype=np.float32)[cell]).view(-1, 1, self.size, self.size)
        noise = torch.Generator().manual_seed(seed)

        def taken(direction: Tensor) -> float:
            """Edit, settle, and ask the plan at the cell again."""
            edited = settled.hidden + mark * direction[:, :, None, None]
            with torch.no_grad():
                logits = think(mind, levels, self.settle, edited).logits if self.settle else mind.read(edited)
            after = plan(logits).reshape(len(levels), -1)
            return float((after[rows, cell] == written).mean())

        variants, shares = ["floor", "edit"], [taken(torch.zeros_like(push)), taken(push)]
        for draw in range(self.randoms):
            other = torch.randn(push.shape[1], generator=noise).expand_as(push)
            variants.append(f"random {draw}")
            shares.append(taken(other / other.norm(dim=1, keepdim=True) * push.norm(dim=1, keepdim=True)))
        return Traces({"variant": np.array(variants), "taken": np.array(shares)})

    @staticmethod
    def choose(
        free: np.ndarray, goal: np.ndarray, moves: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """A cell a maze, three steps or more from the goal, and an open move there that is neither best nor present."""
        n = len(free)
        distance = distances(free, goal)
        here = np.arange(free[0].size).reshape(1, 1, *free.shape[1:])
        other = moves[:, None] != np.arange(4)[:, None, None]
        wrong = (successors(free) != here) & ~best_moves(free, distance) & other
        wrong &= ((distance >= 3) & free)[:, None]
        scores = rng.random(wrong.shape) * wrong
        chosen = scores.reshape(n, -1).argmax(1)
        move, cell = np.divmod(chosen, free[0].size)
        return cell, move

    def estimate(self, traces: Traces) -> float:
        taken = dict(zip(traces["variant"].tolist(), traces["taken"].tolist(), strict=True))
        floor, edit = taken["floor"], taken["edit"]
        random = max(share for variant, share in taken.items() if variant.startswith("random"))
        return {"edit": edit, "floor": floor, "random": random, "excess": edit - max(floor, random)}[self.read]
