"""Mazes of other kinds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from turncoat.core import TurncoatError
from turncoat.worlds.goals.maze import MAZES, Maze
from turncoat.worlds.grid.mazes import KINDS, draw_mazes


def ways(free: np.ndarray) -> np.ndarray:
    """[n, H, W] open neighbours of each open cell; -1 at walls."""
    padded = np.pad(free.astype(int), ((0, 0), (1, 1), (1, 1)))
    beside = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    return np.where(free, beside, -1)


def has_open_square(free: np.ndarray) -> np.ndarray:
    """[n] whether two by two cells are open anywhere, as they never are where corridors are one cell wide."""
    return (free[:, 1:, 1:] & free[:, :-1, 1:] & free[:, 1:, :-1] & free[:, :-1, :-1]).any((1, 2))


@pytest.mark.parametrize("size", [5, 7, 13, 25])
@pytest.mark.parametrize("kind", KINDS)
def test_each_maze_is_one_piece_within_walls_and_has_room_for_all_objects(kind: str, size: int) -> None:
    free = draw_mazes(kind, 12, size, np.random.default_rng(0))
    assert free.shape == (12, size, size)
    assert not free[:, [0, -1]].any() and not free[:, :, [0, -1]].any()
    assert all(label(maze)[1] == 1 for maze in free)
    assert (free.sum((1, 2)) >= 6).all()
    assert (draw_mazes(kind, 12, size, np.random.default_rng(0)) == free).all()
    assert size < 13 or len({maze.tobytes() for maze in free}) > 1


def test_each_kind_is_what_its_name_says() -> None:
    drawn = {kind: draw_mazes(kind, 60, 17, np.random.default_rng(1)) for kind in KINDS}
    open_ways = {kind: ways(free) for kind, free in drawn.items()}
    tree = drawn["depth-first"]
    assert (open_ways["depth-first"].clip(0).sum((1, 2)) == 2 * (tree.sum((1, 2)) - 1)).all()  # edges of a tree
    assert (open_ways["braid"] != 1).all()
    loops = (open_ways["ring"] == 2).sum((1, 2)) == drawn["ring"].sum((1, 2))  # no junction, no dead end
    assert 0.3 < loops.mean() < 0.7
    spirals = (open_ways["spiral"] > 2).sum((1, 2)) <= 4  # at most one short cut
    assert spirals.all()
    narrow = {"depth-first", "braid", "ring"}
    for kind, free in drawn.items():
        share = has_open_square(free).mean()
        assert share == 0 if kind in narrow else share > 0.9 or kind in ("spiral", "recursive division"), (kind, share)
    assert drawn["open field"].mean() > drawn["scattered walls"].mean() > 0.3


def test_the_world_draws_each_kind_and_refuses_others() -> None:
    world = Maze()
    for mazes in MAZES:
        levels = world.levels(6, 13, np.random.default_rng(2), "apart", mazes)
        cells = np.stack([levels.exit, levels.coin], 1)
        assert levels.free.reshape(6, -1)[np.arange(6)[:, None], cells].all()
    with pytest.raises(TurncoatError, match="mazes"):
        world.levels(1, 13, np.random.default_rng(0), "apart", "hedge")


def test_training_mazes_are_drawn_as_before() -> None:
    one = Maze().levels(3, 9, np.random.default_rng(3))
    other = Maze().levels(3, 9, np.random.default_rng(3), "together", "spanning tree")
    assert (one.free == other.free).all() and (one.exit == other.exit).all()
