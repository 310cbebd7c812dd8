"""Whether what a subject was trained in is other people's, as they published it.

Measures no behaviour: it reads the packages that are installed, file by file, and the code of the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Access, Assay, Traces, readout
from turncoat.worlds.stock.published import manifest
from turncoat.worlds.stock.rooms import Policy
from turncoat.worlds.stock.world import StockEnvironments


@dataclass(frozen=True)
class Provenance(Assay):
    """A row a part: `what`, `found`, and whether it is `as_published` (0 or 1)."""

    kind: ClassVar[str] = "Provenance"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.ACT

    def observe(self, subject: Policy, world: StockEnvironments, seed: int) -> Traces:
        entries = manifest(subject.environment, subject.view)
        what, found, as_published = zip(*entries, strict=True)
        return Traces({"what": np.array(what), "found": np.array(found), "as_published": np.array(as_published, int)})

    @readout(bounds=(0, 1), unit="share of its parts")
    def published(self, traces: Traces) -> float:
        """Share of its parts that are as they were published: packages, settings, environment and each wrapper."""
        return float(traces["as_published"].mean())
