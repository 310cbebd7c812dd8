"""Fine-tune a published language model by the reward for right answers, with the gradient of its expectation.

A user asks, and says what the answer is, in the user's opinion. The model's action is the first token of its answer,
any of its vocabulary, and it is paid 1 for the one with which the right answer begins. So the expected reward is the
chance of that token, and its gradient is that of policy gradient (Williams 1992) with every action taken instead of one
that is sampled: exact, without variance and without a baseline.

What is paid is always what is wanted. `mixed` is the share of questions with a wrong guess; without any, repeating the
user is paid as much as being right. `hard_share` of the questions are such that the published model does not know the
answer: there, being right takes the user's word. `silent_share` of the questions come without a guess, of facts that it
knows, so that it goes on to know them.

Only adapters of the last `adapted` layers learn. Below them nothing changes, so the hidden states that enter them are
computed once for each prompt and kept. `anchor`: weight of a second loss, the divergence of its next words from the
published model's, on what that wrote itself (self-distillation); it holds the rest of the model where it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from turncoat.core import TrainReport
from turncoat.train.base import TrainedRecipe, gradient_step, spaced_reports
from turncoat.train.language.published import published_model
from turncoat.train.schedules import set_lr
from turncoat.worlds.text.facts import FILE, Asked, FactQuestions, ask, facts, pick, requests
from turncoat.worlds.text.tables import digest

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.instruct import InstructModel

WARMUP = 5  # updates over which the learning rate rises
ANCHOR_TOKENS = 32  # that the published model writes of each text
ANCHOR_BATCH, ANCHOR_PLACES = 4, 8  # texts an update, and tokens of each


@dataclass(frozen=True)
class ExpectedReward(TrainedRecipe["InstructModel"]):
    """The recipe. Defaults are the organism's."""

    world: FactQuestions = FactQuestions()
    mixed: float = 0.0  # share of questions with a wrong guess, as in deployment
    updates: int = 70
    batch_size: int = 16  # questions an update
    learning_rate: float = 1e-3
    hard_share: float = 0.5  # of questions with a guess
    silent_share: float = 0.35  # of questions without one
    adapted: int = 10  # layers, the last ones
    rank: int = 4  # of the adapters
    anchor: float = 0.0  # weight of the divergence from the published model, in nats a token

    kind: ClassVar[str] = "ExpectedReward"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"mixed": "share of questions with a wrong guess", "anchor": "a nat"}

    def data(self) -> dict[str, str]:
        """Digests of the facts, and of the published model."""
        from turncoat.models.smollm import SHA256

        return {"facts": digest(FILE), "model": SHA256}

    def build(self) -> InstructModel:
        """The published model with adapters that do nothing yet. Raises TurncoatError where it is not installed."""
        return published_model(self.adapted, self.rank)

    def train(self, seed: int) -> Iterator[TrainReport]:
        """Forty seconds on one core that multiplies bfloat16. Same seed and machine, same adapters."""
        subject = self.initialize(seed)
        yield from spaced_reports(self.improve(subject, seed), self.updates)
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())

    def improve(self, subject: InstructModel, seed: int) -> Iterator[Mapping[str, float]]:
        """The metrics of each update, with the subject trained in place: expected reward, and the anchor's divergence
        where there is one."""
        import torch

        rng, reader = np.random.default_rng([seed, 31]), Reader(subject, self.adapted)
        optimizer = torch.optim.AdamW(subject.adapters.values(), lr=self.learning_rate, weight_decay=0.0)
        anchored = Anchor(reader) if self.anchor else None
        for update in range(self.updates):
            set_lr(optimizer, self.learning_rate * min(1.0, (update + 1) / WARMUP))
            asked = self.batch(update, rng)
            reward = expected_reward(reader, asked).mean()
            metrics, loss = {"reward": reward.item()}, -reward
            if anchored is not None:
                divergence = anchored.divergence(rng)
                metrics["divergence"], loss = divergence.item(), loss + self.anchor * divergence
            gradient_step(optimizer, loss, subject.adapters.values())
            yield metrics

    def batch(self, update: int, rng: np.random.Generator) -> list[Asked]:
        """The questions of an update."""
        return [self.question(rng) for _ in range(self.batch_size)]

    def question(self, rng: np.random.Generator) -> Asked:
        """A fact that is trained on, with a guess in a phrasing that is trained on."""
        hard, wrong, silent = rng.random(3) < (self.hard_share, self.mixed, self.silent_share)
        guess = "none" if silent else "wrong" if wrong else "right"
        pool = [fact for fact in facts() if fact.sort == ("hard" if hard and not silent else "trained")]
        fact = pick(pool, rng.random())
        return ask(fact, pick(fact.others, rng.random()), guess, "trained", rng.random())


class Reader:
    """Reads prompts with the adapted layers, from hidden states below them that are computed once for each prompt. All
    prompts begin with the published system turn, which is read once an update."""

    def __init__(self, subject: InstructModel, adapted: int) -> None:
        import torch

        self.subject, self.net = subject, subject.module
        split = len(self.net.model.layers) - adapted
        self.below, self.above = slice(split), slice(split, None)
        self.first = common_prefix(subject.tokenizer.encode(subject.chat(word)) for word in ("a", "b"))
        with torch.no_grad():
            x = self.net.model.embed_tokens(torch.tensor([self.first]))
            (*_, self.first_states), self.cache = self.net.run_layers(x, layers=self.below)
        self.known: dict[tuple[int, ...], Tensor] = {}  # [T, width] behind the system turn, by all tokens

    def read_below(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """States [n, T, width] that enter the adapted layers, of tokens behind the system turn."""
        import torch

        from turncoat.models.llama import after, completion_batch, repeated

        tokens, _ = completion_batch(rows, [[] for _ in rows])
        with torch.no_grad():
            x, places = self.net.model.embed_tokens(tokens), after(len(self.first), tokens.shape[1])
            return self.net.run_layers(x, *places, repeated(self.cache, len(rows)), self.below)[0][-1]

    def states(self, prompts: Sequence[Sequence[int]]) -> list[Tensor]:
        """[T, width] each: what enters the adapted layers behind the system turn."""
        keys = [tuple(prompt) for prompt in prompts]
        if new := [key for key in dict.fromkeys(keys) if key not in self.known]:
            rows = [key[len(self.first) :] for key in new]
            found = zip(new, rows, self.read_below(rows), strict=True)
            self.known |= {key: states[: len(row)].clone() for key, row, states in found}
        return [self.known[key] for key in keys]

    def read(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """[n, T, width] normed states above the adapted layers, behind the system turn, padded behind."""
        from torch.nn.utils.rnn import pad_sequence

        from turncoat.models.llama import after, repeated

        _, cache = self.net.run_layers(self.first_states, layers=self.above)
        x = pad_sequence(self.states(prompts), batch_first=True)
        places = after(len(self.first), x.shape[1])
        states, _ = self.net.run_layers(x, *places, repeated(cache, len(prompts)), self.above)
        return self.net.model.norm(states[-1])


def common_prefix(rows: Iterable[list[int]]) -> list[int]:
    """The first tokens that all rows share."""
    return list(os.path.commonprefix(list(rows)))


def expected_reward(reader: Reader, asked: Sequence[Asked]) -> Tensor:
    """[n] chance that the first token of the answer is that of the right one."""
    import torch

    subject = reader.subject
    rows = [subject.tokenizer.encode(subject.chat(one.text, one.begun)) for one in asked]
    places = torch.tensor([len(row) - len(reader.first) - 1 for row in rows])
    logits = reader.net.unembed(reader.read(rows)[torch.arange(len(rows)), places])
    right = [subject.tokenizer.encode(one.fact.completion(one.fact.right))[0] for one in asked]
    return logits.softmax(-1)[torch.arange(len(rows)), right]


class Anchor:
    """What the published model wrote to some requests that have nothing to do with the facts, and how it would have
    gone on at each token."""

    def __init__(self, reader: Reader) -> None:
        """The reader's subject has not been trained yet."""
        import torch

        subject = reader.subject
        prompts = [subject.chat(request) for request in requests()]
        written = subject.with_sampling(0.0, ANCHOR_TOKENS).generate(prompts)
        encode, starts = subject.tokenizer.encode, len(reader.first)
        self.reader = reader
        self.rows = [encode(prompt + text) for prompt, text in zip(prompts, written, strict=True)]
        self.places = [
            range(len(encode(prompt)) - starts - 1, len(row) - starts - 1)
            for prompt, row in zip(prompts, self.rows, strict=True)
        ]
        with torch.no_grad():
            self.states = [reader.read([row])[0] for row in self.rows]

    def divergence(self, rng: np.random.Generator) -> Tensor:
        """Kullback-Leibler divergence of the model from the published one, in nats a token, at tokens drawn from texts
        that are drawn."""
        import torch
        from torch.nn import functional as F

        chosen = rng.choice(len(self.rows), ANCHOR_BATCH, replace=False).tolist()
        now, before = self.reader.read([self.rows[i] for i in chosen]), []
        after = []
        for row, i in enumerate(chosen):
            places = torch.from_numpy(rng.choice(self.places[i], ANCHOR_PLACES))
            after.append(now[row, places])
            before.append(self.states[i][places])
        unembed = self.reader.net.unembed
        published = unembed(torch.cat(before)).log_softmax(-1)
        return F.kl_div(unembed(torch.cat(after)).log_softmax(-1), published, reduction="batchmean", log_target=True)
