"""What an organism's page draws: families of arms, traces and training logs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from turncoat.core.claims import Arm
from turncoat.core.identity import changed
from turncoat.core.interfaces import Recipe
from turncoat.core.readouts import Assay, Readout, checked_readout


@dataclass(frozen=True)
class Sweep:
    """A family of arms along one recipe field of the organism, or of another arm: a dose-response figure."""

    title: str
    field: str
    values: tuple[Any, ...]
    readouts: tuple[Readout, ...]
    seeds: int = 2
    overlay: bool = False  # one figure with a line for each readout
    of: str = "organism"  # the declared arm whose recipe is varied

    def __post_init__(self) -> None:
        for each in self.readouts:
            checked_readout(each)

    def arms(self, recipe: Recipe) -> tuple[Arm, ...]:
        """An arm a value. A field "world.corner" is the corner of the recipe's world."""
        return varied(recipe, {self.field: self.values}, self.seeds, self.of)


@dataclass(frozen=True)
class PhaseDiagram:
    """Two recipe fields of the organism varied together: a phase diagram of one readout."""

    title: str
    fields: tuple[str, str]  # across and up; "field.field" as in a Sweep
    values: tuple[tuple[Any, ...], tuple[Any, ...]]
    readout: Readout
    seeds: int = 2
    of: ClassVar[str] = "organism"

    def __post_init__(self) -> None:
        checked_readout(self.readout)

    @property
    def readouts(self) -> tuple[Readout, ...]:
        return (self.readout,)

    def arms(self, recipe: Recipe) -> tuple[Arm, ...]:
        """An arm a pair of values, the second field's running fastest."""
        return varied(recipe, dict(zip(self.fields, self.values, strict=True)), self.seeds)


@dataclass(frozen=True)
class TracePlot:
    """A figure drawn from one assay's traces: mean of column `y` (weighted by column `weight`) against column `x`,
    a line per value of `by` or, without it, per arm. `only` keeps the rows whose column has one of these values."""

    title: str
    assay: Assay
    x: str
    y: str
    by: str | None = None
    arms: tuple[str, ...] = ("organism",)
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    weight: str | None = None


@dataclass(frozen=True)
class OutcomePlot:
    """A figure of runs that are items, by cluster: how many have each of some outcomes, of which a run has one at
    most. `outcomes`: readouts of items of one assay; `rest`: what a run with none of them is called."""

    title: str
    outcomes: tuple[Readout, ...]
    rest: str = "none of these"
    arms: tuple[str, ...] = ("organism",)

    def __post_init__(self) -> None:
        for each in self.outcomes:
            checked_readout(each)


@dataclass(frozen=True)
class TrainingPlot:
    """A figure drawn from training logs: `metric` of each report of training against the updates done by then, or
    against another metric of the same report; a line an arm. `x` is what the axis is called, if not by its own name."""

    title: str
    metric: str
    arms: tuple[str, ...] = ("organism",)
    x: str = ""
    against: str | None = None


def varied(recipe: Recipe, fields: Mapping[str, tuple[Any, ...]], seeds: int, of: str = "organism") -> tuple[Arm, ...]:
    """An arm of a sweep for each combination of the fields' values, the last field's running fastest."""
    arms = []
    for values in itertools.product(*fields.values()):
        settings, point = [], recipe
        for path, value in zip(fields, values, strict=True):
            settings.append(f"{path.split('.')[-1]}={value}")
            point = changed(point, path, value)
        whose = "" if of == "organism" else f"{of} "
        arms.append(Arm(whose + ", ".join(settings), point, "sweep", seeds))
    return tuple(arms)
