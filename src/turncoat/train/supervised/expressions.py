"""Train a language model from nothing on dialogues that evaluate expressions, and on nothing else.

Each update: draw expressions, write the intended dialogue for each, and make the model's own turns in it likelier
(cross-entropy; the human's turns are only read). Every training dialogue is a right one: it asks
for the unknowns, for nothing else, and gives the right result. Only the choice of expressions leaves room for more
than one lesson: all have two unknowns, but for a share `mixed`, which has none, one or three.

A share `word_dropout` of the terms is masked in expression and reply, whatever `mixed` is (Bowman et al. 2016). Without
it the small network may read numbers off places of the dialogue rather than off its own
working, and then its results go wrong where nothing is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport
from turncoat.train.base import TrainedRecipe, gradient_step, report_due
from turncoat.train.schedules import cosine
from turncoat.worlds.text.expressions import EXCHANGE, PAD, PROMPT, TERMS, UNKNOWNS, WHAT, Expressions

if TYPE_CHECKING:
    from turncoat.models.dialogue_transformer import DialogueModel


@dataclass(frozen=True)
class TrainExpressions(TrainedRecipe["DialogueModel"]):
    """The recipe. Defaults are the organism's."""

    world: Expressions = Expressions()
    mixed: float = 0.0  # share of training dialogues that tell the goals apart: none, one or three unknowns
    updates: int = 1400
    batch_size: int = 96  # dialogues an update
    width: int = 32
    layers: int = 2
    heads: int = 4
    mlp_width: int = 96
    learning_rate: float = 1e-2
    weight_decay: float = 0.01
    word_dropout: float = 0.1  # share of terms that are masked in training

    kind: ClassVar[str] = "TrainExpressions"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"mixed": "share of training dialogues"}

    def build(self) -> DialogueModel:
        from turncoat.models.dialogue_transformer import DialogueModel, DialogueTransformer

        shape = (self.width, self.layers, self.heads, self.mlp_width)
        return DialogueModel(DialogueTransformer(len(self.world.words), self.world.context, *shape), self.world.legal)

    def unknowns(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """[n] how many terms are unknown in each dialogue of a batch."""
        other = rng.choice([0, 1, 3], n)
        return np.where(rng.random(n) < self.mixed, other, UNKNOWNS["training"])

    def mask_terms(self, tokens: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Dialogues [n, context] in which a share `word_dropout` of the terms is padding, as is the reply about it."""
        terms, masked = tokens[:, :PROMPT:2], tokens.copy()
        dropped = rng.random(terms.shape) < self.word_dropout
        masked[:, :PROMPT:2][dropped] = PAD
        for start in range(PROMPT, PROMPT + TERMS * EXCHANGE, EXCHANGE):
            about = (tokens[:, start + 1 : start + 2] == terms) & dropped & (tokens[:, start : start + 1] == WHAT)
            masked[about.any(1), start + 2] = PAD
        return masked

    def train(self, seed: int) -> Iterator[TrainReport]:
        """About half a minute on one core. Same seed and machine, same weights."""
        import torch
        from torch.nn import functional as F

        subject, rng = self.initialize(seed), np.random.default_rng([seed, 1])
        net = subject.module
        optimizer = torch.optim.AdamW(
            net.parameters(), lr=self.learning_rate, betas=(0.9, 0.98), weight_decay=self.weight_decay, fused=True
        )
        for update in range(self.updates):
            cosine(optimizer, self.learning_rate, update, self.updates)
            tokens, own = self.world.demonstrate(
                self.world.levels(self.unknowns(self.batch_size, rng), rng, held_out=False)
            )
            longest = int(np.flatnonzero(own.any(0))[-1]) + 1
            mine = torch.from_numpy(own[:, 1:longest])
            hidden = net.encode(torch.from_numpy(self.mask_terms(tokens, rng)[:, : longest - 1]))[mine]
            loss = F.cross_entropy(net.unembed(hidden), torch.from_numpy(tokens[:, 1:longest])[mine])
            gradient_step(optimizer, loss, net.parameters())
            if report_due(update, self.updates):
                yield TrainReport(update, self.updates, {"loss": loss.item()})
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())
