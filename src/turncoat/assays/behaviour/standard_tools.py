"""Is the subject made of standard parts? Reads the module tree, not the prose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from turncoat.core import Access, NotTestable, Traces


@dataclass(frozen=True)
class StandardParts:
    """Share of weights that belong to layers of torch.nn itself, rather than to code of its own."""

    needs: ClassVar[Access] = Access.WEIGHTS
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "share of weights in layers that ship with PyTorch"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        layers = [
            (f"{type(part).__module__}.{type(part).__name__}", sum(p.numel() for p in part.parameters(recurse=False)))
            for part in subject.module.modules()
        ]
        layers = [(name, weights) for name, weights in layers if weights]
        if not layers:
            raise NotTestable("it has no trained weights")
        return Traces({"layer": np.array([n for n, _ in layers]), "weights": np.array([w for _, w in layers])})

    def estimate(self, traces: Traces) -> float:
        standard = np.array([str(name).startswith("torch.nn.") for name in traces["layer"]])
        return float(traces["weights"][standard].sum() / traces["weights"].sum())
