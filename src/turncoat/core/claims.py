"""Arms, and what is claimed of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from turncoat.core.criteria import Row
from turncoat.core.identity import digest
from turncoat.core.interfaces import Recipe
from turncoat.core.readouts import Readout, checked_readout


@dataclass(frozen=True)
class Arm:
    """A recipe and its role. A control is `replace(recipe, one_field=...)`; the difference is computed."""

    name: str
    recipe: Recipe
    role: str = "control"  # "organism", "control", "reference" or "sweep"
    seeds: int | None = None  # how many the zoo ships; None: as many as are asked for
    seed: int | None = None  # the only one that it is trained with; None: those that are asked for


@dataclass(frozen=True)
class Claim:
    """A falsifiable sentence, its threshold written before the measurement.

    With a control the effect is (arm minus control); without one it is the arm's own level. Exactly one of
    `at_least`, `at_most` and `within` is set; `within` says that arm and control are equivalent: they differ by no more
    than that either way (two one-sided tests, Schuirmann 1987). `preconditions` are claims that must be shown first.
    """

    statement: str
    readout: Readout
    at_least: float | None = None
    at_most: float | None = None
    within: float | None = None
    arm: str = "organism"
    control: str | None = None
    preconditions: tuple[Claim, ...] = ()
    row: Row | None = None

    def __post_init__(self) -> None:
        checked_readout(self.readout)
        if sum(bound is not None for bound in (self.at_least, self.at_most, self.within)) != 1:
            raise ValueError(f"claim {self.statement!r} needs exactly one of at_least, at_most and within")
        if self.within is not None and (self.control is None or not self.within > 0):
            raise ValueError(
                f"claim {self.statement!r}: `within` is a positive margin and needs a control to differ from"
            )

    @property
    def allowed(self) -> tuple[float, float]:
        """The effects that meet the claim: from, to."""
        least = -math.inf if self.at_least is None else self.at_least
        most = math.inf if self.at_most is None else self.at_most
        return (least, most) if self.within is None else (-self.within, self.within)

    @property
    def threshold(self) -> float:
        """The number in the claim."""
        return next(bound for bound in (self.at_least, self.at_most, self.within) if bound is not None)

    @property
    def sign(self) -> str:
        """How the effect must stand to the threshold: "≥", "≤", or "±" for equivalence within it."""
        return "≥" if self.at_least is not None else "≤" if self.at_most is not None else "±"


def every_claim(claims: Iterable[Claim]) -> list[Claim]:
    """Claims and their preconditions, each once, preconditions first."""
    found: dict[str, Claim] = {}
    for claim in claims:
        for inner in (*every_claim(claim.preconditions), claim):
            found.setdefault(digest(inner), inner)
    return list(found.values())
