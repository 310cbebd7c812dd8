"""Induction heads: attention that was put there by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from turncoat.assays.icl.induction import InductionHeads
from turncoat.core import Access
from turncoat.worlds.text.labelled_words import LabelledWords


class Attends:
    """One layer of three heads: to what came after the last time, to the token before, and to the same token."""

    access = Access.WEIGHTS
    tokenizer = range(500)

    def __init__(self, trained: bool = True) -> None:
        self.trained = trained

    def attention_weights(self, rows: Sequence[Sequence[int]]) -> np.ndarray:
        n, length = len(rows), len(rows[0])
        found = np.zeros((n, 1, 3, length, length))
        for i, row in enumerate(rows):
            for t, token in enumerate(row):
                seen = [s for s in range(t) if row[s] == token]
                places = (seen[-1] + 1 if seen and self.trained else 0), max(t - 1, 0), seen[-1] if seen else t
                for head, place in enumerate(places):
                    found[i, 0, head, t, place] = 1
        return found

    def reinitialized(self, seed: int) -> Attends:
        return Attends(trained=False)

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}

    def begin(self, n: int, seed: int) -> Attends:
        return self

    def act(self, observation: object) -> np.ndarray:
        raise NotImplementedError


def test_the_head_that_copies_is_found_and_no_other() -> None:
    assay = InductionHeads(n=4, length=12)
    traces = assay.observe(Attends(), LabelledWords(), 0)
    assert traces["score"].tolist()[0] > 0.9  # a random token may come twice in one half
    assert max(traces["score"].tolist()[1:]) < 0.2
    assert assay.best(traces) > 0.9
    assert assay.best(traces, of="untrained") < 0.2
