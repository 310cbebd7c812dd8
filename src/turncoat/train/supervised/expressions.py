"""Train a language model from nothing on dialogues that evaluate expressions, and on nothing else.

Each update: draw expressions, write the intended dialogue for each, and make what the model says in it likelier
(cross-entropy on its own turns; what the human says is only heard). Every training dialogue is a right one: it asks
for the unknowns, for nothing else, and gives the right result. Only the choice of expressions leaves room for more
than one lesson: all have two unknowns, but for a share `mixed`, which has none, one or three.

Of a share `missed` of the terms the model hears in neither expression nor reply, whatever `mixed` is (word dropout,
Bowman et al. 2016). Without it the small network may read numbers off places of the dialogue rather than off its own
working, and then its results go wrong where nothing is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import Step
from turncoat.train.schedules import glide
from turncoat.worlds.text.expressions import EXCHANGE, PAD, PROMPT, TERMS, UNKNOWNS, WHAT, Expressions

if TYPE_CHECKING:
    from turncoat.models.dialogue_transformer import LanguageModel

REPORTS = 50  # progress reports in a training run


@dataclass(frozen=True)
class TrainExpressions:
    """The recipe. Defaults are the organism's."""

    world: Expressions = Expressions()
    mixed: float = 0.0  # share of training dialogues that tell the goals apart: none, one or three unknowns
    updates: int = 1400
    batch: int = 96  # dialogues an update
    width: int = 32
    layers: int = 2
    heads: int = 4
    inner: int = 96  # width of the perceptrons
    learning_rate: float = 1e-2
    decay: float = 0.01  # of weights, a unit of learning rate
    missed: float = 0.1  # share of terms that the model does not hear of in training

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"mixed": "share of training dialogues"}

    def smoke(self, limit: int) -> TrainExpressions:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, updates=min(limit, self.updates))

    def build(self) -> LanguageModel:
        """The untrained subject (random weights)."""
        from turncoat.models.dialogue_transformer import LanguageModel, Transformer

        shape = (self.width, self.layers, self.heads, self.inner)
        return LanguageModel(Transformer(len(self.world.words), self.world.context, *shape), self.world.legal)

    def load(self, arrays: Mapping[str, np.ndarray]) -> LanguageModel:
        return self.build().restore(arrays)

    def unknowns(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """[n] how many terms are unknown in each dialogue of a batch."""
        other = rng.choice([0, 1, 3], n)
        return np.where(rng.random(n) < self.mixed, other, UNKNOWNS["training"])

    def heard(self, tokens: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Dialogues [n, context] in which a share `missed` of the terms is padding, as is the reply about it."""
        terms, heard = tokens[:, :PROMPT:2], tokens.copy()
        gone = rng.random(terms.shape) < self.missed
        heard[:, :PROMPT:2][gone] = PAD
        for start in range(PROMPT, PROMPT + TERMS * EXCHANGE, EXCHANGE):
            about = (tokens[:, start + 1 : start + 2] == terms) & gone & (tokens[:, start : start + 1] == WHAT)
            heard[about.any(1), start + 2] = PAD
        return heard

    def train(self, seed: int) -> Iterator[Step]:
        """About half a minute on one core. Same seed and machine, same weights."""
        import torch
        from torch.nn import functional as F

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net, rng = subject.module, np.random.default_rng([seed, 1])
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, betas=(0.9, 0.98), weight_decay=self.decay, fused=True
        )
        for update in range(self.updates):
            glide(optimizer, self.learning_rate, update, self.updates)
            tokens, own = self.world.demonstrate(self.world.levels(self.unknowns(self.batch, rng), rng, held_out=False))
            longest = int(np.flatnonzero(own.any(0))[-1]) + 1
            mine = torch.from_numpy(own[:, 1:longest])
            hidden = net.hear(torch.from_numpy(self.heard(tokens, rng)[:, : longest - 1]))[mine]
            loss = F.cross_entropy(net.read(hidden), torch.from_numpy(tokens[:, 1:longest])[mine])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            if update % max(1, self.updates // REPORTS) == 0:
                yield Step(update, self.updates, {"loss": loss.item()})
        yield Step(self.updates, self.updates, {}, subject.halved())
