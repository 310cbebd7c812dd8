"""# A toy that is trained in two stages

What it learns in the second stage it adds to what it learned in the first: there is one parent, and two arms are built
on it, the organism and a child of it that adds less.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from toy import Field, Learn, Number, Read
from turncoat import Arm, Claim, Organism, Realism, Tier, TrainReport


@dataclass(frozen=True)
class Tune:
    parent: Learn = Learn()
    more: float = 0.5
    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1

    def train(self, seed: int, parent: Number) -> Iterator[TrainReport]:
        yield TrainReport(1, 1, {}, replace(parent, number=parent.number + self.more))

    def load(self, arrays: Any) -> Number:
        return self.parent.load(arrays)


recipe = Tune()
organism = Organism(
    title="A toy that is trained in two stages",
    tier=Tier.STANDARD_TOOLS,
    realism=Realism.TRAINED_TO_FAIL,
    world=Field(),
    arms=(Arm("organism", recipe, "organism"), Arm("child", replace(recipe, more=0.1))),
    claims=(Claim("It is able.", Read().readout(), at_least=0.5),),
    refs=("arxiv:1906.01820",),
    tags=frozenset({"toy"}),
)
