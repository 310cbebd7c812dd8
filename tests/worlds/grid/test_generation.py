"""Random mazes."""

from __future__ import annotations

import numpy as np

from turncoat.worlds.goals.maze import Maze
from turncoat.worlds.grid.paths import UNREACHABLE, distances


def test_mazes_are_connected_and_have_loops() -> None:
    levels = Maze(loops=0.1).levels(200, 13, np.random.default_rng(0))
    assert (distances(levels.free, levels.mask(levels.exit))[levels.free] < UNREACHABLE).all()
    rooms, doors = 36, levels.free.sum((1, 2)) - 36
    assert (doors >= rooms - 1).all() and doors.mean() > rooms + 1  # a spanning tree has rooms - 1
    tree = Maze(loops=0.0).levels(50, 13, np.random.default_rng(0))
    assert (tree.free.sum((1, 2)) - 36 == rooms - 1).all()
