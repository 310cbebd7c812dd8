"""Designs drawn at random: which of the choices that somebody arranged does a failure need?

How often designs fail depends on how they are drawn, so that no single share is honest. Designs are drawn once, from
broad laws; what share of them fails under another law is found by weighting them (importance sampling), without another
training.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from turncoat.core.claims import Arm
from turncoat.core.errors import TurncoatError, one_of
from turncoat.core.identity import changed
from turncoat.core.interfaces import Recipe
from turncoat.core.readouts import Readout, checked_readout

FIRST_SEED = 10_000  # design k is trained with this seed + k: one that no other arm has
DIGITS = 4  # significant ones that a drawn number keeps, so that it can be read and typed again
V = TypeVar("V")  # what a field holds


class DrawingLaw(Protocol[V]):
    """How one recipe field is drawn."""

    def draw(self, uniform: float) -> V:
        """The value at a quantile, from 0 to 1."""
        ...

    def probability(self, value: V) -> float:
        """Of drawing that very value; 0 where it is one of a continuum, or never drawn."""
        ...

    def density(self, value: V) -> float:
        """Of the continuum at a value; 0 where it is not in it."""
        ...

    def number(self, value: V) -> float:
        """Where a value stands among the others."""
        ...


@dataclass(frozen=True)
class Uniform:
    """Any number from low to high, none more likely. Raises TurncoatError where low is not below high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise TurncoatError(f"a uniform law needs low < high, got {self.low:g} and {self.high:g}")

    def draw(self, uniform: float) -> float:
        return rounded(self.low + uniform * (self.high - self.low), self.low, self.high)

    def probability(self, value: float) -> float:
        return 0.0

    def density(self, value: float) -> float:
        return 1 / (self.high - self.low) if self.low <= value <= self.high else 0.0

    def number(self, value: float) -> float:
        return float(value)


@dataclass(frozen=True)
class LogUniform:
    """0 with probability `zero`, else a number from low to high whose logarithm is uniform. Raises TurncoatError where
    not 0 < low < high, or `zero` is no probability."""

    low: float
    high: float
    zero: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise TurncoatError(f"a log-uniform law needs 0 < low < high, got {self.low:g} and {self.high:g}")
        if not 0 <= self.zero <= 1:
            raise TurncoatError(f"zero is a probability, got {self.zero:g}")

    def draw(self, uniform: float) -> float:
        if uniform < self.zero:
            return 0.0
        part = (uniform - self.zero) / (1 - self.zero) if self.zero < 1 else 1.0
        return rounded(self.low * (self.high / self.low) ** part, self.low, self.high)

    def probability(self, value: float) -> float:
        return self.zero if value == 0 else 0.0

    def density(self, value: float) -> float:
        inside = self.low <= value <= self.high
        return (1 - self.zero) / (value * math.log(self.high / self.low)) if inside else 0.0

    def number(self, value: float) -> float:
        return float(value)


@dataclass(frozen=True)
class Choice:
    """One of some values, in order; equally likely where no probabilities are given. Raises TurncoatError where these
    are not one each and do not sum to 1."""

    values: tuple[Any, ...]
    probabilities: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        given = self.probabilities
        if not self.values or (given and (len(given) != len(self.values) or abs(sum(given) - 1) > 1e-9)):
            raise TurncoatError("a choice needs values, and a probability for each, which sum to 1")

    @property
    def shares(self) -> tuple[float, ...]:
        """The probability of each value."""
        return self.probabilities or (1 / len(self.values),) * len(self.values)

    def draw(self, uniform: float) -> Any:
        place = bisect.bisect_right(list(itertools.accumulate(self.shares)), uniform)
        return self.values[min(place, len(self.values) - 1)]

    def probability(self, value: object) -> float:
        return sum(share for known, share in zip(self.values, self.shares, strict=True) if known == value)

    def density(self, value: object) -> float:
        return 0.0

    def number(self, value: object) -> float:
        return float(self.values.index(value))


Laws = Mapping[str, DrawingLaw[Any]]  # by recipe field, "field.field" as in a Sweep


@dataclass(frozen=True)
class Outcome:
    """What may come of a design: it does where each of the readouts is at least so much."""

    name: str
    at_least: tuple[tuple[Readout, float], ...]

    def __post_init__(self) -> None:
        for each, _ in self.at_least:
            checked_readout(each)


@dataclass(frozen=True)
class RandomDesigns:
    """n recipes whose fields are drawn at random, each trained once, with a seed of its own.

    Raises TurncoatError where fewer than two fields are drawn, and where another law is of a field that is not drawn
    here, or of values that are not."""

    title: str
    fields: Laws
    n: int
    competent: Outcome  # a design that is not has no other outcome, and is counted
    outcomes: tuple[Outcome, ...]
    laws: Mapping[str, Laws]  # by name, other laws of some of the fields; the rest are drawn as here
    of: str = "organism"  # the declared arm whose recipe is varied

    def __post_init__(self) -> None:
        if len(self.fields) < 2:
            raise TurncoatError(f"{self.title!r} draws {len(self.fields)} field; draw two or more, or declare a Sweep")
        for name, law in self.laws.items():
            for path, each in law.items():
                one_of(f"a field of {self.title!r}", path, self.fields)
                drawn = (each.draw(quantile) for quantile in np.linspace(0, 1, 101)[:-1])
                if strange := [value for value in drawn if math.isinf(ratio(each, self.fields[path], value))]:
                    raise TurncoatError(f"the law {name!r} draws {path} = {strange[0]!r}, which is never drawn here")

    @property
    def readouts(self) -> tuple[Readout, ...]:
        """All that is measured of a design, each once."""
        found = (readout for outcome in (self.competent, *self.outcomes) for readout, _ in outcome.at_least)
        return tuple(dict.fromkeys(found))

    def values(self, design: int) -> dict[str, Any]:  # Any: as its field has it
        """What was drawn for a design, by field. It depends on the design's number and the laws alone."""
        generator = np.random.default_rng(design)
        return {path: law.draw(generator.random()) for path, law in self.fields.items()}

    def arms(self, recipe: Recipe) -> tuple[Arm, ...]:
        """An arm a design."""
        arms = []
        for design in range(self.n):
            drawn = recipe
            for path, value in self.values(design).items():
                drawn = changed(drawn, path, value)
            arms.append(Arm(f"random design {design}", drawn, "sweep", 1, FIRST_SEED + design))
        return tuple(arms)

    def weight(self, design: int, law: Laws) -> float:
        """How much more likely a design is under another law than as it was drawn."""
        values = self.values(design)
        return math.prod(ratio(each, self.fields[path], values[path]) for path, each in law.items())


def ratio(one: DrawingLaw[V], other: DrawingLaw[V], value: V) -> float:
    """How much more likely a value is under one law than under the other; inf where it never is under the other."""
    alone = one.probability(value) or other.probability(value)  # not one of a continuum, under either
    a, b = ((law.probability if alone else law.density)(value) for law in (one, other))
    return a / b if b else math.inf if a else 0.0


def rounded(value: float, low: float, high: float) -> float:
    """To DIGITS significant digits, and still from low to high."""
    return min(max(float(f"{value:.{DIGITS}g}"), low), high)
