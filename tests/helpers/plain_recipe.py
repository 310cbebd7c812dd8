"""A recipe of plain data that trains nothing: what identity, arms and sweeps are tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Room:
    side: int = 3
    tags: frozenset[str] = frozenset({"b", "a"})


@dataclass(frozen=True)
class Recipe:
    version: ClassVar[int] = 1
    world: Room = Room()
    fine: float = -30.0
    parent: Any = None
