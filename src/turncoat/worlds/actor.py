"""What worlds ask of whoever acts in them."""

from __future__ import annotations

from typing import Protocol

from turncoat.core import Session


class Actor(Protocol):
    """Whatever can act: a subject, or a part of one."""

    def begin(self, n: int, seed: int) -> Session:
        """Start n parallel episodes."""
        ...
