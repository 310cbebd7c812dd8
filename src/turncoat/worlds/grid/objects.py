"""Grids in which things are gathered, and things move: what four of the canonical worlds share.

A level is a layout of walls. An episode puts the agent and K objects on distinct cells of it; -1 stands for an object
that is gone. A subject is shown the walls, its own cell, the objects' cells, some marks of each object (what it is, and
what the world says of it) and some numbers about itself.

Shortest paths between all pairs of cells (`turncoat.worlds.grid.paths`) serve oracles here; and subjects that are given
a navigator's sense (`turncoat.models.object_attention`) and have only to learn where to go, not how to get there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Measure, TurncoatError, one_of
from turncoat.worlds.grid.generation import carve_mazes, open_rooms
from turncoat.worlds.grid.paths import successors
from turncoat.worlds.grid.world import GridWorld

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from turncoat.worlds.grid.engine import Frame, Tensors

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class ObjectWorld(GridWorld):
    """The base. A world adds objects, `initial_state`, `step`, `observe`, `measure` and `render`.

    `layout`: "maze" (spanning trees with loops) or "open" (nothing but the border).
    """

    size: int = 13
    layout: str = "maze"
    loops: float = 0.3

    marks: ClassVar[tuple[str, ...]]  # what is said of each object, 0 or 1
    captions: ClassVar[Mapping[str, str]]
    about: ClassVar[tuple[str, ...]]  # what the agent is told of itself, from -1 to 1
    measures: ClassVar[tuple[Measure, ...]]

    @property
    def horizon(self) -> int:
        """Most steps of an episode in deployment."""
        raise NotImplementedError

    def initial_state(self, levels: Tensors, which: Tensor, generator: Generator) -> Tensors:
        raise NotImplementedError

    def step(self, state: Tensors, levels: Tensors, actions: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def observe(self, state: Tensors, levels: Tensors) -> Tensors:
        raise NotImplementedError

    def measure(self, state: Tensors, levels: Tensors) -> Mapping[str, np.ndarray]:
        raise NotImplementedError

    def render(self, state: Tensors, levels: Tensors, row: int) -> Frame:
        raise NotImplementedError

    @property
    def objects(self) -> int:
        """K, the most objects in an episode."""
        raise NotImplementedError

    def draw_levels(self, n: int, split: str, rng: np.random.Generator) -> Arrays:
        one_of("levels", split, self.splits)
        if self.layout not in ("maze", "open"):
            raise TurncoatError(f"layout must be 'maze' or 'open', got {self.layout!r}")
        if self.layout == "maze":
            if self.size < 5 or self.size % 2 == 0:
                raise TurncoatError(f"the size of a maze must be odd and at least 5, got {self.size}")
            free = carve_mazes(n, self.size, rng, self.loops)
        else:
            free = open_rooms(n, self.size)
        if (room := int(free.sum((1, 2)).min())) <= self.objects:
            raise TurncoatError(
                f"{self.objects} objects and the agent do not fit on {room} cells; make the size larger"
            )
        return {"free": free, "next_state": successors(free).reshape(n, -1)} | self.level_rules(n, split, rng)

    def level_rules(self, n: int, split: str, rng: np.random.Generator) -> Arrays:
        """What else a level decides, [n] each."""
        return {}

    def random_free_cells(
        self, levels: Tensors, which: Tensor, k: int, generator: Generator, taken: Tensor | None = None
    ) -> Tensor:
        """[m, k] distinct random free cells of levels `which` [m], none of them in `taken` [m, j] (-1 is nowhere)."""
        import torch

        free = levels["free"][which].flatten(1).float()
        if taken is not None:
            free = torch.nn.functional.pad(free, (0, 1)).scatter(1, taken % (free.shape[1] + 1), 0.0)[:, :-1]
        return (torch.rand(free.shape, generator=generator) * free).topk(k, 1).indices

    def move(self, levels: Tensors, level: Tensor, cell: Tensor, moves: Tensor) -> Tensor:
        """The cells that moves lead to; all of one shape."""
        cells = self.size * self.size
        return levels["next_state"].view(-1).take((level * 4 + moves) * cells + cell)

    def static_observation(self, levels: Tensors) -> Tensors:
        import torch

        return {"walls": (~levels["free"]).to(torch.uint8)}

    def precompute(self, levels: Tensors) -> Tensors:
        return {}

    def wall_grid(self, levels: Tensors, level: int) -> list[list[int]]:
        walls: list[list[int]] = (~levels["free"][level]).int().tolist()
        return walls

    def object_frames(self, name: str, glyph: str, cells: Iterable[int | Tensor]) -> list[dict[str, Any]]:
        """Objects for a replay, for those of the given cells that are there."""
        return [
            {"name": name, "glyph": glyph, "cell": list(divmod(int(cell), self.size))}
            for cell in cells
            if int(cell) >= 0
        ]
