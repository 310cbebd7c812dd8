"""An assay observes; a readout names one number of what it observed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from turncoat.core.errors import TurncoatError, nearest, one_of
from turncoat.core.interfaces import Access
from turncoat.core.traces import Traces

Estimate = TypeVar("Estimate", bound=Callable[..., float])


@dataclass(frozen=True)
class Quantity:
    """What is declared of a readout: the values that it can take, and its unit in words."""

    bounds: tuple[float, float]
    unit: str


QUANTITY = "_quantity"  # where a method keeps what was declared of it


def readout(*, bounds: tuple[float, float], unit: str) -> Callable[[Estimate], Estimate]:
    """Declare a method of an assay a readout. It gets traces, and keyword parameters if it has any; it is pure, so that
    judging never loads a model. Its docstring says what the number is."""

    def declare(method: Estimate) -> Estimate:
        setattr(method, QUANTITY, Quantity(bounds, unit))
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

    def estimate(self, traces: Traces) -> float:
        """The number of one run."""
        parameters: Mapping[str, object] = dict(self.parameters)
        return float(getattr(self.assay, self.name)(traces, **parameters))


def checked_readout(what: object) -> None:
    """Raises TurncoatError where it is no readout."""
    if not isinstance(what, Readout):
        name = type(what).__name__
        raise TurncoatError(f"{name} is no readout of an assay: write {name}(...).readout()")
