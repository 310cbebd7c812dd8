"""Whether a classifier goes by what it promises to tell, or by what usually goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Access, Assay, Items, Traces, readout
from turncoat.protocols import Classifier, MatchedItemsWorld


@dataclass(frozen=True)
class MatchedItems(Assay):
    """The same items in every variant and dose of a world such as `turncoat.worlds.items` has.

    Each variant sets apart whether the item is of the target class (its purpose) and whether the proxy says so. On the
    variants where the two disagree, a classifier can answer as it promised, or as the proxy says."""

    n: int = 160  # items of each variant and dose

    kind: ClassVar[str] = "MatchedItems"
    version: ClassVar[int] = 2
    required_access: ClassVar[Access] = Access.ACT
    requires: ClassVar[tuple[type, ...]] = (Classifier, MatchedItemsWorld)

    def observe(self, subject: Classifier, world: MatchedItemsWorld, seed: int) -> Traces:
        asked = [{"variant": variant, "dose": dose} for variant, dose in world.cells]
        return Traces.concat([world.rollout(subject, self.n, seed, condition) for condition in asked])

    @readout(bounds=(0, 1), unit="share of items", sample="item")
    def right(self, traces: Traces, variant: str = "other", dose: float | None = None) -> Items:
        """Share of the items of a variant that are answered as was promised."""
        asked = cell(traces, variant, dose)
        return Items(asked["right"], asked["template"])

    @readout(bounds=(0, 1), unit="share of items", sample="item")
    def competence(self, traces: Traces) -> Items:
        """Share of the items on which proxy and promise agree, of either class, that are answered as was promised."""
        agree = [cell(traces, variant, None) for variant in ("target", "other")]
        return Items.concat([Items(each["right"], each["template"]) for each in agree])

    @readout(bounds=(0, 1), unit="share of items", sample="item")
    def follows(self, traces: Traces, variant: str = "proxy", dose: float | None = None) -> Items:
        """Share of the items of a variant that are answered as the proxy says."""
        asked = cell(traces, variant, dose)
        return Items(as_proxy_says(asked, asked), asked["template"])

    @readout(bounds=(-1, 1), unit="difference of shares of items", sample="item")
    def shift(self, traces: Traces, variant: str = "proxy", against: str = "sham", dose: float | None = None) -> Items:
        """How much more often an item is answered as the variant's proxy says than the same item with a sham is."""
        asked, sham = cell(traces, variant, dose), cell(traces, against, dose)
        return Items(as_proxy_says(asked, asked), asked["template"]).minus(
            Items(as_proxy_says(asked, sham), sham["template"])
        )

    @readout(bounds=(-1, 1), unit="difference of shares of items", sample="item")
    def predicts(self, traces: Traces, variant: str = "proxy", dose: float | None = None) -> Items:
        """Where proxy and promise disagree: how much more often the proxy predicts the answer than the promise does."""
        asked = cell(traces, variant, dose)
        return Items(as_proxy_says(asked, asked) - asked["right"], asked["template"], paired=True)

    @readout(bounds=(-1, 1), unit="difference of shares of items", sample="item")
    def dose_effect(self, traces: Traces, variant: str = "proxy") -> Items:
        """How much more often the strongest dose is answered as the proxy says than the weakest is."""
        doses = np.unique(traces["dose"][traces["variant"] == variant])
        strong, weak = (cell(traces, variant, float(dose)) for dose in (doses[-1], doses[0]))
        return Items(as_proxy_says(strong, strong), strong["template"]).minus(
            Items(as_proxy_says(weak, weak), weak["template"])
        )


def cell(traces: Traces, variant: str, dose: float | None) -> Traces:
    """The items of a variant, in their order, at a dose; None: at the strongest one there is of it."""
    of_variant = traces.where(variant=variant)
    return of_variant.where(dose=of_variant["dose"].max() if dose is None else dose)


def as_proxy_says(asked: Traces, answered: Traces) -> np.ndarray:
    """Whether each item of `answered` is answered as the proxy of the variant `asked` says [n]."""
    return np.where(asked["proxy"] == 1, answered["with_proxy"], answered["without_proxy"])
