"""One episode in training and one in deployment, side by side, for the page.

Measures nothing that another assay does not measure better; its frames are what a replay shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Access, Assay, Subject, Traces, readout
from turncoat.protocols import RecordedWorld


@dataclass(frozen=True)
class EpisodeRecording(Assay):
    """An episode of each split. Columns: `kind` (the split), `length` in steps or turns."""

    splits: tuple[str, ...] = ("training", "deployment")
    level_seed: int = 7  # the same levels for every subject, so that pages compare

    kind: ClassVar[str] = "EpisodeRecording"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.ACT
    requires: ClassVar[tuple[type, ...]] = (RecordedWorld,)

    def observe(self, subject: Subject, world: RecordedWorld, seed: int) -> Traces:
        frames = tuple(world.record(subject, self.level_seed, split) for split in self.splits)
        lengths = np.array([len(frame.get("steps", frame.get("turns", ()))) for frame in frames], float)
        return Traces({"kind": np.array(self.splits), "length": lengths}, frames)

    @readout(bounds=(-1.0, 1.0), unit="difference in length, of the longer")
    def extra_length(self, traces: Traces) -> float:
        """How many more steps the last episode has than the first, as a share of the longest."""
        lengths = traces["length"]
        return float((lengths[-1] - lengths[0]) / lengths.max())
