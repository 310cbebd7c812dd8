"""An assay observes; a readout names one number of what it observed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from turncoat.core.errors import TurncoatError, nearest, one_of
from turncoat.core.interfaces import Access
from turncoat.core.items import Items
from turncoat.core.traces import Traces

Estimate = TypeVar("Estimate", bound=Callable[..., float | Items])
Sample = Literal["run", "item"]


@dataclass(frozen=True)
class Quantity:
    """What is declared of a readout: the values that it can take, its unit in words, and of what it gives a number: of
    each run, or of each item that a product was asked."""

    bounds: tuple[float, float]
    unit: str
    sample: Sample = "run"


QUANTITY = "_quantity"  # where a method keeps what was declared of it


def readout(*, bounds: tuple[float, float], unit: str, sample: Sample = "run") -> Callable[[Estimate], Estimate]:
    """Declare a method of an assay a readout. It gets traces, and keyword parameters if it has any; it is pure, so that
    judging never loads a model. Its docstring says what the number is. `sample`: with "run" the method gives a number,
    and runs are what is judged; with "item" it gives `Items`, and their mean is the number of a run."""

    def declare(method: Estimate) -> Estimate:
        setattr(method, QUANTITY, Quantity(bounds, unit, sample))
        return method

    return declare


class Assay:
    """A measurement that knows nothing of any organism: a frozen dataclass with `observe` and readouts.

    Readouts of one assay share what it observed."""

    required_access: ClassVar[Access] = Access.ACT
    version: ClassVar[int]
    requires: ClassVar[tuple[type, ...]] = ()  # protocols of the subject or the world, see `turncoat.protocols`

    # Any: which subject and world an assay can be put to is declared in `requires`, and checked there.
    def observe(self, subject: Any, world: Any, seed: int) -> Traces:  # Any: see above
        """Costs compute and is stored. Raises NotTestable where the subject lacks what it takes."""
        raise NotImplementedError

    @classmethod
    def readouts(cls) -> dict[str, Quantity]:
        """What each readout is, by name, in the order in which they are declared; those of base classes first."""
        found = {}
        for kind in reversed(cls.__mro__):
            for name, method in vars(kind).items():
                if isinstance(quantity := getattr(method, QUANTITY, None), Quantity):
                    found[name] = quantity
        return found

    def readout(self, name: str | None = None, **parameters: object) -> Readout:
        """The readout of that name, the first one if none is given. Raises TurncoatError where there is none, or it
        takes no such parameter."""
        return Readout(self, name or next(iter(self.readouts()), "readout"), tuple(sorted(parameters.items())))


@dataclass(frozen=True)
class Readout:
    """One number of what an assay observed. Raises TurncoatError on a name or a parameter that the assay has not."""

    assay: Assay
    name: str
    parameters: tuple[tuple[str, object], ...] = ()

    kind: ClassVar[str] = "Readout"

    def __post_init__(self) -> None:
        kind = type(self.assay).__name__
        one_of(f"a readout of {kind}", self.name, self.assay.readouts())
        known = list(inspect.signature(getattr(self.assay, self.name)).parameters)[1:]
        for name, _ in self.parameters:
            if name not in known:
                raise TurncoatError(f"{kind}.{self.name} takes no {name!r}; {nearest(name, known, 'it takes')}")

    @property
    def quantity(self) -> Quantity:
        return self.assay.readouts()[self.name]

    @property
    def bounds(self) -> tuple[float, float]:
        return self.quantity.bounds

    @property
    def unit(self) -> str:
        """The unit in words."""
        return self.quantity.unit

    @property
    def description(self) -> str:
        """What the number is, in a sentence."""
        return inspect.getdoc(getattr(self.assay, self.name)) or self.unit

    @property
    def sample(self) -> Sample:
        """What it gives a number of."""
        return self.quantity.sample

    def estimate(self, traces: Traces) -> float:
        """The number of one run."""
        given = self.read(traces)
        return given.mean if isinstance(given, Items) else float(given)

    def items(self, traces: Traces) -> Items:
        """One number an item. Raises TurncoatError where it is of runs."""
        given = self.read(traces)
        if not isinstance(given, Items):
            raise TurncoatError(f"{type(self.assay).__name__}.{self.name} gives one number a run, and none an item")
        return given

    def read(self, traces: Traces) -> float | Items:
        parameters: Mapping[str, object] = dict(self.parameters)
        given: float | Items = getattr(self.assay, self.name)(traces, **parameters)
        return given


def checked_readout(what: object) -> None:
    """Raises TurncoatError where it is no readout."""
    if not isinstance(what, Readout):
        name = type(what).__name__
        raise TurncoatError(f"{name} is no readout of an assay: write {name}(...).readout()")
