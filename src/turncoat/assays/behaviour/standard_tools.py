"""Is the subject made of standard parts? Reads the module tree, not the prose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Access, Assay, NotTestable, Traces, World, readout
from turncoat.protocols import NeuralSubject


@dataclass(frozen=True)
class StandardParts(Assay):
    """The layers that hold weights. Columns: `layer` (its class, with the module it is from), `weights` (how many)."""

    kind: ClassVar[str] = "StandardParts"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (NeuralSubject,)

    def observe(self, subject: NeuralSubject, world: World, seed: int) -> Traces:
        layers = [
            (f"{type(part).__module__}.{type(part).__name__}", sum(p.numel() for p in part.parameters(recurse=False)))
            for part in subject.module.modules()
        ]
        layers = [(name, weights) for name, weights in layers if weights]
        if not layers:
            raise NotTestable("it has no trained weights")
        return Traces({"layer": np.array([n for n, _ in layers]), "weights": np.array([w for _, w in layers])})

    @readout(bounds=(0.0, 1.0), unit="share of weights in layers that ship with PyTorch")
    def share(self, traces: Traces) -> float:
        """Share of weights that belong to layers of torch.nn itself, rather than to code of its own."""
        standard = np.array([str(name).startswith("torch.nn.") for name in traces["layer"]])
        return float(traces["weights"][standard].sum() / traces["weights"].sum())
