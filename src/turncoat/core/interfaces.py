"""What a world, a subject and a recipe are: protocols that any object may satisfy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar, Protocol

import numpy as np

from turncoat.core.errors import TurncoatError, nearest, one_of
from turncoat.core.traces import Traces


class Access(IntEnum):
    """How far into a subject an assay may reach."""

    ACT = 1  # actions only
    SCORE = 2  # and their probabilities
    WEIGHTS = 3  # and the module itself: hidden states, edits


@dataclass(frozen=True)
class Factor:
    """Something a caller can set in a world. `values` are the allowed ones; empty means any number."""

    name: str
    values: tuple[Any, ...]
    description: str


@dataclass(frozen=True)
class TestParameter:
    """A parameter that an overseer can set in a test: any number from `low` to `high`, or any whole one."""

    name: str
    low: float
    high: float
    whole: bool
    description: str


@dataclass(frozen=True)
class Measure:
    """Ground truth that can be read off an episode, with its unit."""

    name: str
    unit: str
    description: str


class Session(Protocol):
    """One batch of episodes with a subject: its memory (hidden state, chat history) lives here."""

    def act(self, observation: Any) -> np.ndarray:  # Any: as the world shows it
        """Actions [n], one for each running episode."""
        ...


class Subject(Protocol):
    """The thing under test: a trained policy, a language model, a product behind an API, a script."""

    @property
    def access(self) -> Access: ...

    def begin(self, n: int, seed: int) -> Session:
        """Start n parallel episodes."""
        ...

    def arrays(self) -> Mapping[str, np.ndarray]:
        """All weights by name, as written to safetensors."""
        ...


class World(Protocol):
    """Where subjects live."""

    factors: ClassVar[tuple[Factor, ...]]
    measures: ClassVar[tuple[Measure, ...]]

    # Any: a world's condition holds numbers and words, and which subjects it takes is the world's own affair.
    def rollout(self, subject: Any, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:  # Any: see above
        """n episodes under a condition (factor name -> value), one row each: conditions, then measures."""
        ...


@dataclass(frozen=True)
class TrainReport:
    """One report from training: `done` of `total` updates, metrics by name, and at the end the subject."""

    done: int
    total: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    subject: Any = None  # Any: a Subject of the recipe's own type


class Recipe(Protocol):
    """How a subject comes to be: a frozen dataclass of plain data.

    One that builds on another (fine-tuning, staged training) has that recipe in a field `parent`, and its method is
    `train(seed, parent)`, with the trained subject of that recipe and the same seed."""

    unit: ClassVar[str]  # what a new seed replicates: "training run" or "sample"
    version: ClassVar[int]  # raised when the code changes what the same fields produce

    def train(self, seed: int) -> Iterator[TrainReport]:
        """Train; the last report carries the subject. The caller owns progress, logs and files."""
        ...

    def load(self, arrays: Mapping[str, np.ndarray]) -> Any:
        """The subject that `arrays` came from. Raises TurncoatError where they do not fit."""
        ...


def lineage(recipe: Recipe | None) -> Iterator[Recipe]:
    """A recipe and those that it builds on, the latest first."""
    while recipe is not None:
        yield recipe
        recipe = getattr(recipe, "parent", None)


def check_factors(factors: Iterable[Factor], condition: Mapping[str, Any]) -> None:
    """Raises TurncoatError where a condition names what is none of these factors."""
    known = [factor.name for factor in factors]
    if unknown := sorted(set(condition) - set(known)):
        raise TurncoatError(f"this world has no factor {unknown[0]!r}; {nearest(unknown[0], known, 'it has')}")


def check_condition(factors: Iterable[Factor], condition: Mapping[str, Any]) -> None:
    """Raises TurncoatError on a factor that is none of these, or a value that its factor does not allow."""
    check_factors(factors := tuple(factors), condition)
    for factor in factors:
        if factor.values and factor.name in condition:
            one_of(factor.name, condition[factor.name], factor.values)
