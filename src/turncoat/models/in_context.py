"""Networks that are shown labelled examples and a query, and predict the query's label.

    state   a token each example: its input and its labels; the query comes last, with empty labels   [n, N + 1, width]
    block   state + P sum_i (k_i . q) v_i / N     over the examples i: the query is nobody's key
    answer  r . (labels of the query)

That is linear self-attention with nothing beside it, no normalisation and no perceptron (von Oswald et al. 2023), which
can do gradient descent: what a block adds to the label of an example is then minus its share of the prediction, so that
labels become residuals and the query's empty label becomes minus the prediction. With softmax the examples are weighed
by two heads of it: what one weighs is never negative, and the difference of two may be. With `tied`, one block is all
there is, and it may be run as often as one likes.

Where the label is written twice, the network may descend on either or on both: blocks can carry any label into any
other, and r, the readout, is trained with the rest, from equal weights. How bright the second label is drawn is part of
how the network is shown its tokens (`gain`); labels of any brightness together have the size of one input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from turncoat.core import Access, NotTestable
from turncoat.models.base import Network
from turncoat.models.dialogue_transformer import Block

BOUND = 20.0  # states are kept within it: out of reach, but for a run that is about to overflow


class Attention(nn.Module):
    """One block: every token listens to the examples."""

    def __init__(self, width: int, softmax: bool, spread: float) -> None:
        super().__init__()
        self.softmax, self.heads = softmax, 2 if softmax else 1
        inner = self.heads * width
        self.query, self.key, self.value = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.out = nn.Linear(inner, width, bias=False)
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.normal_(layer.weight, 0.0, spread)

    def forward(self, state: Tensor) -> Tensor:
        """[n, N + 1, width] to the same."""
        examples = state[:, :-1]
        query, key, value = (
            layer(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer, tokens in ((self.query, state), (self.key, examples), (self.value, examples))
        )
        match = query @ key.transpose(2, 3)  # [n, heads, N + 1, N]
        weight = (match / state.shape[2] ** 0.5).softmax(3) if self.softmax else match / examples.shape[1]
        return (state + self.out((weight @ value).transpose(1, 2).flatten(2))).clamp(-BOUND, BOUND)


class Learner(nn.Module):
    """The network above, for inputs of `dimensions` and one or two labels, the second drawn `brightness` times as
    strong as the first. `spread`: standard deviation of the blocks' first weights."""

    def __init__(
        self, dimensions: int, labels: int, depth: int, tied: bool, softmax: bool, brightness: float, spread: float
    ) -> None:
        super().__init__()
        self.depth, self.tied = depth, tied
        bright = torch.tensor([1.0, brightness][:labels])
        self.gain = torch.cat([torch.ones(dimensions), bright / bright.norm() * (labels / dimensions) ** 0.5])
        self.blocks = nn.ModuleList(
            Attention(dimensions + labels, softmax, spread) for _ in range(1 if tied else depth)
        )
        self.read = nn.Linear(labels, 1, bias=False)
        nn.init.constant_(self.read.weight, -((dimensions / labels) ** 0.5))

    def enter(self, inputs: Tensor) -> Tensor:
        """The state before the first block, for a world's tokens. Labels beyond its own are not seen."""
        return inputs[..., : len(self.gain)] * self.gain

    def layer(self, k: int) -> Attention:
        """Block k: where they are tied, the one that there is."""
        found = self.blocks[0 if self.tied else k]
        assert isinstance(found, Attention)
        return found

    def block(self, k: int, state: Tensor) -> Tensor:
        return self.layer(k)(state)

    def answer(self, state: Tensor) -> Tensor:
        """What the state predicts, [n, 1]."""
        return self.read(state[:, -1, -self.read.in_features :])

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions [n, 1] for tokens [n, N + 1, d + c]."""
        state = self.enter(inputs)
        for k in range(self.depth):
            state = self.block(k, state)
        return self.answer(state)


class Listener(nn.Module):
    """A small GPT (Garg et al. 2022): a causal transformer over x_1, y_1, x_2, y_2, ... that predicts y at every x.

    It sees the first label alone.
    """

    tied = False

    def __init__(self, dimensions: int, depth: int, width: int) -> None:
        super().__init__()
        self.depth, self.dimensions = depth, dimensions
        self.take = nn.Linear(dimensions + 1, width)
        self.blocks = nn.ModuleList(Block(width, 4, 4 * width) for _ in range(depth))
        self.norm, self.read = nn.LayerNorm(width), nn.Linear(width, 1)

    def enter(self, inputs: Tensor) -> Tensor:
        """[n, 2 N + 1, width] for a world's tokens [n, N + 1, d + c]: inputs at even places, labels at odd ones."""
        d = self.dimensions
        x, y = inputs[..., :d], inputs[..., d : d + 1]
        words = torch.stack([nn.functional.pad(x, (0, 1)), nn.functional.pad(y / d**0.5, (d, 0))], 2)
        return self.take(words.flatten(1, 2)[:, :-1])

    def block(self, k: int, state: Tensor) -> Tensor:
        return self.blocks[k](state)

    def answers(self, state: Tensor) -> Tensor:
        """[n, N + 1]: what it predicts at every input, from the examples before it."""
        return self.read(self.norm(state[:, ::2]))[..., 0] * self.dimensions**0.5

    def answer(self, state: Tensor) -> Tensor:
        return self.answers(state)[:, -1:]

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions [n, 1] of the last label."""
        state = self.enter(inputs)
        for k in range(self.depth):
            state = self.block(k, state)
        return self.answer(state)


@dataclass
class InContext(Network):
    """A subject around either. It computes by repeated residual steps, which assays may take one by one."""

    module: Learner | Listener

    @property
    def depth(self) -> int:
        return self.module.depth

    @property
    def tied(self) -> bool:
        return self.module.tied

    def enter(self, inputs: Tensor) -> Tensor:
        return self.module.enter(inputs)

    def block(self, k: int, state: Tensor) -> Tensor:
        return self.module.block(k, state)

    def answer(self, state: Tensor) -> Tensor:
        return self.module.answer(state)

    def recode(self, state: Tensor, code: Tensor) -> Tensor:
        """A state before the first block with other labels: `code` [n, N + 1, c], as the world writes them."""
        if isinstance(self.module, Listener):
            raise NotTestable("its labels are tokens of their own")
        labels = self.module.read.in_features
        return torch.cat([state[..., :-labels], code[..., :labels] * self.module.gain[-labels:]], 2)

    def begin(self, n: int, seed: int) -> InContextSession:
        return InContextSession(self)


class InContextSession:
    """Predicts once, and remembers nothing."""

    def __init__(self, subject: InContext) -> None:
        self.subject = subject

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        """Tokens [n, N + 1, d + c] to predictions [n]."""
        return self.subject.module(torch.from_numpy(observation))[:, 0].numpy()


@dataclass
class Neighbours:
    """Looks up what similar examples say: an average of their labels, weighted by exp(-distance^2 / 2 reach^2).

    It reads the last label, which in training is as good as the first.
    """

    dimensions: int
    reach: float

    @property
    def access(self) -> Access:
        return Access.ACT

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}

    def begin(self, n: int, seed: int) -> Neighbours:
        return self

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Tokens [n, N + 1, d + c] to predictions [n]."""
        x, query = observation[:, :-1, : self.dimensions], observation[:, -1:, : self.dimensions]
        nearness = -((x - query) ** 2).sum(2) / (2 * self.reach**2)
        weight = np.exp(nearness - nearness.max(1, keepdims=True))
        return (weight * observation[:, :-1, -1]).sum(1) / weight.sum(1)


def construction(dimensions: int, depth: int, rate: float) -> Learner:
    """Gradient descent as published (von Oswald et al. 2023, proposition 1), `depth` steps: keys and queries are the
    inputs, values the labels, and a block takes `rate` times the prediction off every label."""
    net = Learner(dimensions, 1, depth, tied=True, softmax=False, brightness=1.0, spread=0.0)
    block = net.layer(0)
    with torch.no_grad():
        for layer in (block.query, block.key):
            layer.weight[:dimensions, :dimensions] = torch.eye(dimensions)
        block.value.weight[-1, -1] = 1.0
        block.out.weight[-1, -1] = -rate
    return net
