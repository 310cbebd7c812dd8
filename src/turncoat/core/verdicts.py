"""What is found for a claim, and the rows of the table as JSON has them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NotRequired, TypedDict

from turncoat.core.criteria import Row

# How a verdict of a replication stands: its claim came before its data, or nothing shows that it did.
REGISTERED, EXPLORATORY = "registered", "exploratory"


class Finding(StrEnum):
    SHOWN = "shown"
    REFUTED = "refuted"
    UNDECIDED = "undecided"
    INVALID = "invalid"
    NOT_TESTABLE = "not testable"
    NOT_RUN = "not yet run"


class Numbers(TypedDict):
    """A verdict as JSON has it; what is not a finite number is null."""

    finding: str
    effect: float | None
    low: float | None
    high: float | None
    k: int
    n: int
    unit: str
    because: str


class VerdictRow(Numbers):
    """A row of the table as JSON has it: the contract of `turncoat table --json`.

    `row` is null for a claim outside the table, `claim` and `id` for a row that no claim answers. `store` names the
    places that the numbers are from; `replication` is the verdict on the seeds that the claim was registered for."""

    organism: str
    row: str | None
    claim: str | None
    id: NotRequired[str | None]
    store: str
    standing: str
    replication: Numbers | None


@dataclass(frozen=True)
class Verdict:
    """What was found for one claim. `k` of `n` seeds met the threshold; `unit` is what a seed replicates."""

    finding: Finding
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    k: int = 0
    n: int = 0
    unit: str = "training run"
    because: str = ""

    def as_json(self) -> Numbers:
        return {
            "finding": self.finding.value,
            "effect": finite(self.effect),
            "low": finite(self.low),
            "high": finite(self.high),
            "k": self.k,
            "n": self.n,
            "unit": self.unit,
            "because": self.because,
        }


def verdict_row(
    organism: str, row: Row | None, verdict: Verdict, claim: str | None = None, code: str | None = None, store: str = ""
) -> VerdictRow:
    """A row that nothing replicates yet. `code`: the claim's id; `store`: where its numbers are from."""
    return {
        "organism": organism,
        "row": None if row is None else row.value,
        "claim": claim,
        "id": code,
        **verdict.as_json(),
        "store": store,
        "standing": EXPLORATORY,
        "replication": None,
    }


def finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
