"""# The toy whose weights lie in memory column by column

Its arrays are handed over in Fortran order and as float16: what is observed has to be what comes back from the store,
and not what was in memory. It says which data it was trained on.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from turncoat import Access, Arm, Assay, Claim, Organism, Realism, Tier, Traces, TrainReport, readout


@dataclass(frozen=True)
class Field:
    factors: ClassVar[tuple[()]] = ()
    measures: ClassVar[tuple[()]] = ()


@dataclass(frozen=True)
class Matrix:
    weights: np.ndarray
    access: Access = Access.WEIGHTS

    def arrays(self) -> dict[str, np.ndarray]:
        return {"weights": np.asfortranarray(self.weights.astype(np.float16))}


@dataclass(frozen=True)
class Learn:
    target: float = 0.5
    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1

    def data(self) -> dict[str, str]:
        return {"text": os.environ.get("TOY_DATA", "of this Python")}

    def train(self, seed: int) -> Iterator[TrainReport]:
        weights = np.zeros((2, 3))
        weights[0, 2] = self.target + 1e-5  # which half precision does not keep
        yield TrainReport(1, 1, {}, Matrix(weights))

    def load(self, arrays: Mapping[str, np.ndarray]) -> Matrix:
        return Matrix(arrays["weights"].astype(np.float64))


@dataclass(frozen=True)
class Corner(Assay):
    version: ClassVar[int] = 1

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        return Traces({"corner": np.array([subject.weights[0, 2]])})

    @readout(bounds=(0.0, 1.0), unit="units")
    def height(self, traces: Traces) -> float:
        """The number in the corner."""
        return float(traces["corner"][0])


organism = Organism(
    title="Columns",
    tier=Tier.STANDARD_TOOLS,
    realism=Realism.TRAINED_TO_FAIL,
    world=Field(),
    arms=(Arm("organism", Learn(), "organism"), Arm("control", Learn(target=0.1), seeds=5)),
    claims=(Claim("The corner is high.", Corner().readout(), at_least=0.5),),
    refs=("arxiv:1906.01820",),
    tags=frozenset({"toy"}),
)
