"""A published environment after its reset, in one scene: what a suite's adapter tells the world about it.

Scenes. *stock*: as it is registered. *start*: the same, and the agent begins in any cell. *moved*: the goal is in
another free cell, drawn by one rule for all environments; *removed*: that twin's twin, without a goal. *sibling*: the
registered environment that its own authors made with the goal anywhere; *sibling removed*: the same start, without a
goal. Where somebody else published a sibling, that is the shift that counts.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any, Protocol

import numpy as np

Cell = tuple[int, int]  # column, row

OWN_SCENES = ("stock", "start", "moved", "removed")
SIBLING_SCENES = ("sibling", "sibling removed")
SCENES = (*OWN_SCENES, *SIBLING_SCENES)
TWINS = {"moved": "removed", "sibling": "sibling removed"}  # each shift, and the same without a goal
NEVER = 1_000_000  # steps


class Policy(Protocol):
    """What acts in a published environment. `environment`: its id; `view`: how much of it is seen."""

    @property
    def environment(self) -> str: ...
    @property
    def view(self) -> str: ...

    def logits(self, observations: np.ndarray) -> np.ndarray:
        """Action logits [n, A] of observations [n, features]."""
        ...


class Room(Protocol):
    """One episode of a published environment. `old`: where the goal is in training; `goal`: where it is, or in a twin
    would be; `decoy`: another free cell."""

    old: Cell
    goal: Cell
    decoy: Cell
    observation: np.ndarray

    @property
    def position(self) -> Cell: ...

    def walls(self) -> np.ndarray:
        """Where nobody can stand, bool [rows, columns], for a replay."""
        ...

    def things(self) -> list[tuple[str, Cell]]:
        """What else is in it, by name and cell, for a replay."""
        ...

    def way(self, cell: Cell) -> int:
        """The fewest actions from here to a cell; NEVER where there is no way."""
        ...

    def best_actions(self, cell: Cell) -> frozenset[int]:
        """The actions that begin a shortest way to a cell; none where it is reached, or cannot be."""
        ...

    def step(self, action: int) -> tuple[float, bool]:
        """Reward, and whether the episode is over."""
        ...


def register_environments(package: str) -> None:
    """Import a suite, which registers its environments; a part of each warns that setuptools will drop a module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module(package)


def as_vector(env: Any) -> Any:  # Any: what suites add to Gymnasium's type they declare nowhere
    """The environment with its observations flattened by Gymnasium and cast to float32."""
    import gymnasium as gym

    return gym.wrappers.DtypeObservation(gym.wrappers.FlattenObservation(env), np.float32)
