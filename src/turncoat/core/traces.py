"""What is observed: a columnar record of episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from turncoat.core.errors import TurncoatError, nearest


@dataclass(frozen=True)
class Traces:
    """Columnar record of episodes: equally long 1-D columns, and frames (JSON-able) of the first few."""

    columns: Mapping[str, np.ndarray]
    frames: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"traces need columns of one length, got {lengths}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> np.ndarray:
        """The column of that name. Raises TurncoatError where there is none."""
        if name not in self.columns:
            raise TurncoatError(f"these traces have no column {name!r}; {nearest(name, self.columns, 'they have')}")
        return self.columns[name]

    def where(self, **equals: object) -> Traces:
        """The rows in which every named column equals the given value; frames are dropped."""
        keep = np.ones(len(self), bool)
        for name, value in equals.items():
            keep &= self[name] == value
        return Traces({name: column[keep] for name, column in self.columns.items()})

    @staticmethod
    def concat(parts: list[Traces]) -> Traces:
        """Stack traces that have the same columns."""
        names = parts[0].columns
        return Traces(
            {name: np.concatenate([part[name] for part in parts]) for name in names},
            tuple(frame for part in parts for frame in part.frames),
        )
