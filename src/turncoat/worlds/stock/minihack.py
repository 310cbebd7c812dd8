"""MiniHack's empty rooms (Samvelyan et al. 2021), on NetHack's own engine, and their registered siblings.

The registered room has its start in one corner and the stairs in the other; its registered sibling has both anywhere.
The other scenes are levels in MiniHack's own words, by its own generator, that differ from the registered one in the
line of the stairs, or of the start.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from turncoat.worlds.stock.rooms import Cell, as_vector, register_environments

# Its eight compass moves (column, row), in the order of its actions: north, east, south, west, then the diagonals.
STEPS: tuple[Cell, ...] = ((0, -1), (1, 0), (0, 1), (-1, 0), (1, -1), (1, 1), (-1, 1), (-1, -1))
ACTIONS = len(STEPS)
VIEWS = {"egocentric": "chars_crop", "whole": "chars"}
LEVELS = range(100_000)  # seeds of NetHack's levels in training, which Gymnasium's own seed does not reach


class MiniHackRoom:
    """Places are counted from the room's corner; where the agent is says NetHack's status line."""

    def __init__(self, environment: str, view: str, scene: str, seed: int) -> None:
        self.size, self.key = size_of(environment), VIEWS[view]
        rng = np.random.default_rng([seed, 11])
        far, start = self.size - 1, (0, 0)
        self.old = far, far
        cells = [(x, y) for x in range(self.size) for y in range(self.size) if (x, y) not in (start, self.old)]
        new, self.decoy, anywhere = (cells[i] for i in rng.choice(len(cells), 3, replace=False))
        self.goal = self.old if scene in ("stock", "start") else new
        keys = tuple(dict.fromkeys((self.key, "chars", "blstats")))
        if scene == "stock":
            self.env = registered(environment, keys)
        elif scene.startswith("sibling"):
            self.env = registered(sibling_of(environment), keys)
        else:
            there = None if scene == "removed" else self.goal
            self.env = level(self.size, anywhere if scene == "start" else start, there, keys)
        raw = self.begin(seed)
        if scene.startswith("sibling"):
            self.goal = self.place(raw["chars"], ">") or self.position  # the stairs are under who stands on them
        if scene == "sibling removed":
            self.env.close()
            self.env = level(self.size, self.position, None, keys)
            self.begin(seed)
        self.stairs = None if scene.endswith("removed") else self.goal

    def begin(self, seed: int) -> dict[str, np.ndarray]:
        self.env.unwrapped.seed(seed, seed, reseed=False)
        raw: dict[str, np.ndarray]
        raw, _ = self.env.reset()
        lit = np.argwhere(np.isin(raw["chars"], [ord(sign) for sign in ".@>"]))
        self.corner = int(lit[:, 1].min()), int(lit[:, 0].min())
        self.see(raw)
        return raw

    def see(self, raw: dict[str, np.ndarray]) -> None:
        self.observation = raw[self.key].reshape(-1).astype(np.float32)
        self.position = int(raw["blstats"][0]) - self.corner[0], int(raw["blstats"][1]) - self.corner[1]

    def place(self, characters: np.ndarray, sign: str) -> Cell | None:
        found = np.argwhere(characters == ord(sign))
        return (int(found[0, 1]) - self.corner[0], int(found[0, 0]) - self.corner[1]) if len(found) else None

    def walls(self) -> np.ndarray:
        return np.zeros((self.size, self.size), bool)

    def things(self) -> list[tuple[str, Cell]]:
        return [] if self.stairs is None else [("goal", self.stairs)]

    def way(self, cell: Cell) -> int:
        return ways(self.position, cell)

    def best_actions(self, cell: Cell) -> frozenset[int]:
        x, y = self.position
        nearer = self.way(cell) - 1
        return frozenset(i for i, (dx, dy) in enumerate(STEPS) if ways((x + dx, y + dy), cell) == nearer)

    def step(self, action: int) -> tuple[float, bool]:
        raw, reward, ended, cut, _ = self.env.step(action)
        if ended or cut:
            self.position = self.goal if float(reward) > 0 else self.position  # the last screen is empty
            self.env.close()
        else:
            self.see(raw)
        return float(reward), bool(ended or cut)


def ways(here: Cell, there: Cell) -> int:
    """Steps between two cells of an empty room, diagonals allowed."""
    return max(abs(here[0] - there[0]), abs(here[1] - there[1]))


def size_of(environment: str) -> int:
    """The side of a room. Raises ValueError where the id is not that of an empty room with one place of the stairs."""
    found = re.fullmatch(r"MiniHack-Room-(\d+)x\1-v0", environment)
    if found is None:
        raise ValueError(f"{environment} is not an empty room of MiniHack with the stairs in one place")
    return int(found[1])


def sibling_of(environment: str) -> str:
    return environment.replace("MiniHack-Room-", "MiniHack-Room-Random-")


def make(environment: str, view: str, seeds: range = LEVELS) -> Any:  # Any: MiniHack's own attributes have no types
    """The registered environment with its own cropped view of characters, or the whole screen's, as a vector. `seeds`:
    of levels that each reset draws from."""
    return as_vector(registered(environment, (VIEWS[view],), seeds))


def make_sibling(environment: str, view: str) -> Any:  # Any: see `make`
    """The registered sibling, with start and stairs anywhere, seen in the same way."""
    return as_vector(registered(sibling_of(environment), (VIEWS[view],), LEVELS))


def make_with_random_goal(environment: str, view: str) -> Any:  # Any: see `make`
    """The control's: the stairs anywhere, another place each episode, and all else as registered."""
    return as_vector(level(size_of(environment), (0, 0), "anywhere", (VIEWS[view],), LEVELS))


def registered(environment: str, keys: tuple[str, ...], seeds: range | None = None) -> Any:  # Any: see `make`
    """`seeds`: of levels that each reset draws from; without them the caller seeds NetHack."""
    import gymnasium as gym

    register_environments("minihack")
    return gym.make(environment, disable_env_checker=True, observation_keys=keys, seeds=seeds)


def level(
    size: int, start: Cell, stairs: Cell | str | None, keys: tuple[str, ...], seeds: range | None = None
) -> Any:  # Any: see `make`
    """A room as MiniHack's authors write theirs, with other places. `seeds`: as above."""
    register_environments("minihack")
    from minihack import LevelGenerator
    from minihack.navigation import MiniHackNavigation

    text = LevelGenerator(w=size, h=size, lit=True)
    if stairs == "anywhere":
        text.add_goal_pos()
    elif stairs is not None:
        text.add_goal_pos(stairs)
    text.set_start_pos(start)
    return MiniHackNavigation(des_file=text.get_des(), max_episode_steps=20 * size, observation_keys=keys, seeds=seeds)
