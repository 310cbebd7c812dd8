"""Random mazes, all of a batch at once."""

from __future__ import annotations

import numpy as np


def carve_mazes(n: int, size: int, rng: np.random.Generator, loops: float) -> np.ndarray:
    """n random mazes: [n, size, size] bool, true where one can walk.

    Minimum spanning trees of random edge weights on the odd cells (randomised Kruskal), each other wall then opened
    with probability `loops`. `size` is odd. One call of SciPy's spanning tree does all mazes.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    side = (size - 1) // 2
    room = np.arange(n * side * side).reshape(n, side, side)
    across = np.stack([room[:, :, :-1].ravel(), room[:, :, 1:].ravel()], 1)
    down = np.stack([room[:, :-1].ravel(), room[:, 1:].ravel()], 1)
    doors = np.concatenate([across, down])
    weights = rng.random(len(doors)) + 1e-3  # a zero weight would be no edge at all
    tree = minimum_spanning_tree(coo_matrix((weights, doors.T), shape=(room.size, room.size)).tocsr()).tocoo()
    extra = doors[rng.random(len(doors)) < loops]
    one, other = np.concatenate([tree.row, extra[:, 0]]), np.concatenate([tree.col, extra[:, 1]])
    free = np.zeros((n, size, size), bool)
    free[:, 1::2, 1::2] = True
    maze, place = np.divmod(one, side * side)
    row = (2 * (place // side) + 2 * (other % (side * side) // side)) // 2 + 1
    column = (2 * (place % side) + 2 * (other % side)) // 2 + 1
    free[maze, row, column] = True
    return free


def open_rooms(n: int, size: int) -> np.ndarray:
    """[n, size, size] bool, true where one can walk: nothing but a wall round the edge."""
    free = np.zeros((n, size, size), bool)
    free[:, 1:-1, 1:-1] = True
    return free
