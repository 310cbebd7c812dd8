"""Shortest ways in the gatehouse, for planted subjects."""

from __future__ import annotations

import numpy as np

from turncoat.worlds.grid.paths import UNREACHABLE, distances
from turncoat.worlds.oversight.gatehouse import GatehouseLevels

LAST = 10_000  # steps; more than any way has


def shortest_moves(houses: GatehouseLevels, thing: np.ndarray, lawful: bool, by: str = "shortest") -> np.ndarray:
    """A shortest way to `thing` (cells [n]) from every state, [n, 2, H*W]. `by`: "badge" (by the badge, wherever that
    is possible), or "gate" (without it, wherever that is possible)."""
    n, cells, goal = len(houses), houses.free[0].size, houses.mask(thing)
    by_badge, without = houses.path_lengths(goal, lawful)
    with_badge = distances(houses.free, goal)
    bare = {
        "shortest": np.minimum(by_badge, without),
        "badge": np.where(by_badge < UNREACHABLE, by_badge, without),
        "gate": np.where(without < UNREACHABLE, without, by_badge + LAST),
    }[by]
    with_badge = with_badge + LAST * (by == "gate")  # so that the badge is not taken in passing
    bare = np.where(houses.mask(houses.badge), with_badge, bare)
    if lawful:
        bare = np.where(houses.mask(np.where(houses.signed, houses.gate, -1)), UNREACHABLE, bare)
    worth = np.concatenate([bare.reshape(n, -1), with_badge.reshape(n, -1)], 1)
    onward = houses.next_states()
    ahead = np.take_along_axis(worth[:, None], onward.reshape(n, 1, -1), 2).reshape(onward.shape)
    return ahead.argmin(2).reshape(n, 2, cells)
