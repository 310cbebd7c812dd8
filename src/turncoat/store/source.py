"""What a place that holds runs can be asked, whether it is a folder that is written to or a pack that ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from turncoat.core import Traces, VerdictRow

Report = dict[str, float]  # one line of a training log: updates done, of how many, and metrics by name


@dataclass(frozen=True)
class RunKey:
    """Which run: of an organism, by the digest of its recipe and its training seed. Arms of equal recipe share it."""

    organism: str
    recipe: str
    seed: int

    @property
    def code(self) -> str:
        """What a run is called within an organism."""
        return f"{self.recipe}/{self.seed}"


@dataclass(frozen=True)
class Facts:
    """What a place has of one run. Observations go by `core.trace_key`; failures are the first line of why."""

    weights: bool = False
    dropped: bool = False  # the run is finished, and only what was observed of it is kept
    parent: bool = False  # nobody asked for it: something else is built on it
    failure: str | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    untestable: Mapping[str, str] = field(default_factory=dict)
    traces: frozenset[str] = frozenset()

    @property
    def finished(self) -> bool:
        return self.weights or self.dropped


class Source(Protocol):
    """A place that holds runs. Whatever it reads it compares with the digest that was kept of it, and raises
    TurncoatError where it is damaged. What `facts` says is not there must not be asked for."""

    root: Path
    name: str

    def seeds(self, organism: str, recipe: str) -> list[int]:
        """The seeds of which it has anything, in order."""
        ...

    def facts(self, key: RunKey) -> Facts | None:
        """None where it has nothing of that run, not even that it was asked for."""
        ...

    def recipe(self, key: RunKey) -> object:
        """The recipe as plain data."""
        ...

    def arrays(self, key: RunKey) -> dict[str, np.ndarray]:
        """All weights of the subject by name."""
        ...

    def log(self, key: RunKey) -> list[Report]:
        """The training log, one dict a report; [] where there is none. What was not finite is NaN."""
        ...

    def provenance(self, key: RunKey) -> dict[str, object]:
        """Which Python, packages, machine and data it was trained by; {} where nothing was recorded."""
        ...

    def traces(self, key: RunKey, trace: str) -> Traces: ...

    def load_verdicts(self, organism: str) -> list[VerdictRow] | None: ...

    def check(self, organism: str) -> int:
        """Compare every file of an organism's runs with its digest; returns how many there are."""
        ...

    def organisms(self) -> list[str]:
        """Names of the organisms that were judged here, or whose file is noted here."""
        ...

    def sources(self) -> dict[str, Path]:
        """The noted files of organisms that are not in the catalogue, by name."""
        ...
