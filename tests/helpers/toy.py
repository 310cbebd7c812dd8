"""# The toy that tests run

It learns a number in milliseconds and needs nothing but numpy. The organism's number is high, its control's is low; a
third arm cannot be looked into. `pause` makes training slow enough to be killed in the middle.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from turncoat import (
    Access,
    Arm,
    Assay,
    Claim,
    NotTestable,
    Organism,
    Realism,
    Row,
    Sweep,
    Tier,
    Traces,
    TrainReport,
    readout,
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    version: ClassVar[int] = 1
    factors: ClassVar[tuple[()]] = ()
    measures: ClassVar[tuple[()]] = ()

    def play(self, subject: Any, write: Any, seed: int, kind: str) -> None:
        write(f"the number is {subject.number:.2f}")


@dataclass(frozen=True)
class Number:
    number: float
    access: Access = Access.WEIGHTS

    def arrays(self) -> dict[str, np.ndarray]:
        return {"number": np.array([self.number])}


@dataclass(frozen=True)
class Learn:
    target: float = 0.9
    updates: int = 10
    sealed: bool = False
    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1

    def smoke(self, limit: int) -> "Learn":
        return replace(self, updates=min(limit, self.updates))

    def train(self, seed: int) -> Iterator[TrainReport]:
        rng = np.random.default_rng(seed)
        if os.environ.get("TOY_BREAKS") == str(seed):
            raise ValueError("broken on purpose")
        for update in range(self.updates):
            time.sleep(float(os.environ.get("TOY_PAUSE", "0")))
            yield TrainReport(update, self.updates, {"loss": rng.random()})
        number = self.target + rng.normal(0, 0.01)
        yield TrainReport(self.updates, self.updates, {}, self.load({"number": np.array([number])}))

    def load(self, arrays: Mapping[str, np.ndarray]) -> Number:
        return Number(float(arrays["number"][0]), Access.ACT if self.sealed else Access.WEIGHTS)


@dataclass(frozen=True)
class Read(Assay):
    n: int = 20
    version: ClassVar[int] = 1

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        return Traces({"number": subject.number + np.random.default_rng(seed).normal(0, 0.01, self.n)})

    @readout(bounds=(0.0, 2.0), unit="units")
    def mean(self, traces: Traces) -> float:
        """Mean of the number."""
        return float(traces["number"].mean())


@dataclass(frozen=True)
class LookInside(Read):
    required_access: ClassVar[Access] = Access.WEIGHTS


@dataclass(frozen=True)
class Impossible(Read):
    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        raise NotTestable("it has no such part")


recipe = Learn()
able = Claim("It is able.", Read().readout(), at_least=0.5, row=Row.CAPABLE_IN_DEPLOYMENT)
organism = Organism(
    title="The toy",
    tier=Tier.STANDARD_TOOLS,
    realism=Realism.TRAINED_TO_FAIL,
    world=Field(),
    arms=(
        Arm("organism", recipe, "organism"),
        Arm("control", replace(recipe, target=0.1), seeds=5),
        Arm("sealed", replace(recipe, sealed=True), seeds=5),
    ),
    claims=(
        able,
        Claim(
            "It exceeds its control.",
            Read().readout(),
            at_least=0.5,
            control="control",
            preconditions=(able,),
            row=Row.SHIFT,
        ),
        Claim("It is not as large as that.", Read().readout(), at_least=1.5),
        Claim(
            "Built on sand.",
            Read().readout(),
            at_least=0.1,
            preconditions=(Claim("False.", Read().readout(), at_least=1.5),),
        ),
        Claim("The sealed one can be looked into.", LookInside().readout(), at_least=0.5, arm="sealed"),
        Claim("It does the impossible.", Impossible().readout(), at_least=0.5),
    ),
    not_applicable={Row.TURN: "there is no cue"},
    sweeps=(Sweep("by target", "target", (0.1, 0.5, 0.9), (Read().readout(),), seeds=2),),
    refs=("arxiv:1906.01820",),
    tags=frozenset({"toy"}),
)
