"""A few items as they are and as they are changed, with what is answered each time, for the page.

Measures nothing that `MatchedItems` does not measure better; its frames are what a replay shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Access, Assay, Traces, readout
from turncoat.protocols import Classifier, TextItemsWorld


@dataclass(frozen=True)
class ItemRecording(Assay):
    """An item in each of some variants. Columns: `kind` (the variant), `changes` of the answer from dose to dose."""

    variants: tuple[str, ...] = ("proxy", "sham")
    items: tuple[int, ...] = (3,)
    item_seed: int = 7  # the same items for every subject, so that pages compare

    kind: ClassVar[str] = "ItemRecording"
    version: ClassVar[int] = 3
    required_access: ClassVar[Access] = Access.ACT
    requires: ClassVar[tuple[type, ...]] = (Classifier, TextItemsWorld)

    def observe(self, subject: Classifier, world: TextItemsWorld, seed: int) -> Traces:
        asked = [(item, variant) for item in self.items for variant in self.variants]
        frames = tuple(world.record(subject, item, self.item_seed, variant) for item, variant in asked)
        answers = [[step["answer"] for step in frame["steps"]] for frame in frames]
        changes = [sum(one != next_one for one, next_one in zip(each, each[1:], strict=False)) for each in answers]
        return Traces({"kind": np.array([variant for _, variant in asked]), "changes": np.array(changes)}, frames)

    @readout(bounds=(0, np.inf), unit="changes of the answer")
    def changes(self, traces: Traces) -> float:
        """How often the answer changes from one dose to the next, of all items shown."""
        return float(traces["changes"].sum())
