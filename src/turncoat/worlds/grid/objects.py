"""Grids in which things are gathered, and things move: what four of the canonical worlds share.

A level is a layout of walls. An episode puts the agent and K objects on distinct cells of it; -1 stands for an object
that is gone. A subject is shown the walls, its own cell, the objects' cells, some marks of each object (what it is, and
what the world says of it) and some numbers about itself.

`ways` packs, for every pair of cells, how far it is and which moves shorten the way. Oracles use it; so do subjects
that are given a navigator's sense (`turncoat.models.object_attention`) and have only to learn where to go, not how to
get there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Factor, Traces, TurncoatError, one_of
from turncoat.worlds.goals.maze import carve, successors

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from turncoat.worlds.grid.engine import Stage

Tensors = dict[str, "Tensor"]
NO_WAY = 2047  # distance between cells that are not joined


def ways(free: np.ndarray) -> np.ndarray:
    """From every cell to every cell: [n, S (to), S (from)] int16, 16 * fewest steps + a bit for each shortening move.

    free [n, H, W] bool. Bit m is move m of up, down, left, right. NO_WAY where there is none, or from within a wall.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import shortest_path

    n, height, width = free.shape
    cells, onward = height * width, successors(free).reshape(n, 4, -1)
    packed = np.full((n, cells, cells), NO_WAY * 16, np.int16)
    for i in range(n):
        here = np.flatnonzero(free[i])
        number = np.full(cells, -1)
        number[here] = np.arange(len(here))
        there = number[onward[i][:, here]]
        links = coo_matrix((np.ones(there.size), (np.tile(np.arange(len(here)), 4), there.ravel())))
        steps = shortest_path(links.tocsr(), unweighted=True, directed=False)
        steps = np.where(np.isinf(steps), NO_WAY, steps).astype(np.int16)
        shorter = sum((steps[:, there[m]] == steps - 1).astype(np.int16) << m for m in range(4))
        packed[i][np.ix_(here, here)] = steps * 16 + shorter
    return packed


@dataclass(frozen=True)
class Forage:
    """The base. A world adds objects, `begin`, `advance`, `see`, `score` and what its picture says.

    `layout`: "maze" (spanning trees with loops) or "open" (nothing but the border).
    """

    size: int = 13
    layout: str = "maze"
    loops: float = 0.3

    moves: ClassVar[tuple[str, ...]] = ("up", "down", "left", "right")
    kinds: ClassVar[tuple[str, ...]] = ("training", "deployment")
    factors: ClassVar[tuple[Factor, ...]] = (Factor("levels", ("training", "deployment"), "which levels it is put in"),)
    marks: ClassVar[tuple[str, ...]]  # what is said of each object, 0 or 1
    captions: ClassVar[Mapping[str, str]]
    about: ClassVar[tuple[str, ...]]  # what the agent is told of itself, from -1 to 1

    @property
    def objects(self) -> int:
        """K, the most objects in an episode."""
        raise NotImplementedError

    def draw_levels(self, n: int, kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        one_of("levels", kind, self.kinds)
        if self.layout not in ("maze", "open"):
            raise TurncoatError(f"layout must be 'maze' or 'open', got {self.layout!r}")
        if self.layout == "maze":
            if self.size < 5 or self.size % 2 == 0:
                raise TurncoatError(f"the size of a maze must be odd and at least 5, got {self.size}")
            free = carve(n, self.size, rng, self.loops)
        else:
            free = np.zeros((n, self.size, self.size), bool)
            free[:, 1:-1, 1:-1] = True
        if (room := int(free.sum((1, 2)).min())) <= self.objects:
            raise TurncoatError(
                f"{self.objects} objects and the agent do not fit on {room} cells; make the size larger"
            )
        return {"free": free, "onward": successors(free).reshape(n, -1)} | self.rules(n, kind, rng)

    def rules(self, n: int, kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What else a level decides, [n] each."""
        return {}

    def scatter(
        self, levels: Mapping[str, Tensor], which: Tensor, k: int, dice: Generator, taken: Tensor | None = None
    ) -> Tensor:
        """[m, k] distinct random free cells of levels `which` [m], none of them in `taken` [m, j] (-1 is nowhere)."""
        import torch

        free = levels["free"][which].flatten(1).float()
        if taken is not None:
            free = torch.nn.functional.pad(free, (0, 1)).scatter(1, taken % (free.shape[1] + 1), 0.0)[:, :-1]
        return (torch.rand(free.shape, generator=dice) * free).topk(k, 1).indices

    def walk(self, levels: Mapping[str, Tensor], level: Tensor, cell: Tensor, moves: Tensor) -> Tensor:
        """The cells that moves lead to; all of one shape."""
        cells = self.size * self.size
        return levels["onward"].view(-1).take((level * 4 + moves) * cells + cell)

    def scenery(self, levels: Mapping[str, Tensor]) -> Tensors:
        import torch

        return {"walls": (~levels["free"]).to(torch.uint8)}

    def tables(self, levels: Mapping[str, Tensor]) -> Tensors:
        return {}

    def rollout(self, subject: Any, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:
        from turncoat.worlds.grid.engine import rollout

        return rollout(self, subject, n, seed, condition)

    def film(self, subject: Any, seed: int, kind: str) -> dict[str, Any]:
        from turncoat.worlds.grid.engine import film

        return film(self, subject, seed, kind)

    def play(self, subject: Any, write: Callable[[str], None], seed: int, kind: str = "deployment") -> None:
        from turncoat.worlds.grid.engine import play

        play(self, subject, write, seed, kind)

    def stage(self, seed: int, kind: str = "deployment") -> Stage:
        from turncoat.worlds.grid.engine import Stage

        return Stage(self, seed, kind)

    def describe(self, level: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return {"walls": (~level["free"]).astype(int).tolist()}

    def drawn(self, name: str, glyph: str, cells: Any) -> list[dict[str, Any]]:
        """Objects for a replay, for those of the given cells that are there."""
        return [
            {"name": name, "glyph": glyph, "cell": list(divmod(int(cell), self.size))}
            for cell in cells
            if int(cell) >= 0
        ]
