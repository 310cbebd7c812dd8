"""Induction heads: attention that goes to what came after, the last time that the present token was there.

Random tokens are shown twice over. A head's score is how much the second half's tokens attend, on average, to the token
behind their first appearance (the prefix-matching score of Olsson et al. 2022). The same network with freshly drawn
weights is the null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from turncoat.core import Access, Assay, Subject, Traces, World, readout
from turncoat.protocols import AttentionSubject


@dataclass(frozen=True)
class InductionHeads(Assay):
    """`n` rows of `length` random tokens, twice over. Columns, a row a head: `layer` and `head` from 0, `score`, and
    `untrained`, that of the same head with weights freshly drawn; shares of attention."""

    n: int = 8
    length: int = 32

    kind: ClassVar[str] = "InductionHeads"
    version: ClassVar[int] = 1
    required_access: ClassVar[Access] = Access.WEIGHTS
    requires: ClassVar[tuple[type, ...]] = (AttentionSubject,)

    def observe(self, subject: Subject, world: World, seed: int) -> Traces:
        assert isinstance(subject, AttentionSubject)  # `requires` has asked
        once = np.random.default_rng(seed).integers(len(subject.tokenizer), size=(self.n, self.length))
        rows = np.concatenate([once, once], 1).tolist()
        score, untrained = (self.scores(net.attention_weights(rows)) for net in (subject, subject.reinitialized(seed)))
        layers, heads = score.shape
        places = {"layer": np.repeat(np.arange(layers), heads), "head": np.tile(np.arange(heads), layers)}
        return Traces(places | {"score": score.ravel(), "untrained": untrained.ravel()})

    def scores(self, attention: np.ndarray) -> np.ndarray:
        """[layers, heads] from attention [n, layers, heads, 2 length, 2 length]."""
        second = np.arange(self.length, 2 * self.length)
        return attention[..., second, second - self.length + 1].mean((0, 3))

    @readout(bounds=(0.0, 1.0), unit="share of attention")
    def best(self, traces: Traces, of: str = "score") -> float:
        """The highest score of all heads; of="untrained": with weights freshly drawn."""
        return float(traces[of].max())
