"""Cells, moves and masks of grids. A cell is a flat index, row * width + column; -1 is nowhere."""

from __future__ import annotations

import numpy as np

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))  # (rows, columns) of each action
MOVE_NAMES = ("up", "down", "left", "right")
NOWHERE = -1


def masks(cells: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[n, H, W] bool from flat cell indices [n] or [n, k]; -1 is nowhere. `shape` is (n, H, W)."""
    n, height, width = shape
    flat = np.zeros((n, height * width + 1), bool)
    np.put_along_axis(flat, cells.reshape(n, -1), True, 1)
    return flat[:, :-1].reshape(n, height, width)


def neighbour(field: np.ndarray, move: tuple[int, int]) -> np.ndarray:
    """The value one move away from every cell [..., H, W]. The border is wall, so wrapping round is harmless."""
    return np.roll(field, (-move[0], -move[1]), (-2, -1))


def random_cells(allowed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[n] int: a uniformly random cell of each allowed set [n, ...] bool; -1 where the set is empty."""
    flat = allowed.reshape(len(allowed), -1)
    return np.where(flat.any(1), (rng.random(flat.shape) * flat).argmax(1), NOWHERE)
