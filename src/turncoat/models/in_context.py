"""Networks that are shown labelled examples and a query, and predict the query's label.

    state   a token each example: its input and its labels; the query comes last, with empty labels   [n, N + 1, width]
    block   state + P sum_i (k_i . q) v_i / N     over the examples i: the query is nobody's key
    unembed r . (labels of the query)

That is linear self-attention with nothing beside it, no normalisation and no perceptron (von Oswald et al. 2023), which
can do gradient descent: what a block adds to the label of an example is then minus its share of the prediction, so that
labels become residuals and the query's empty label becomes minus the prediction. With softmax the examples are weighed
by two heads of it: what one weighs is never negative, and the difference of two may be. With `tied`, one block is all
there is, and it may be run as often as one likes.

Where the label is written twice, the network may descend on either or on both: blocks can carry any label into any
other, and r, the readout, is trained with the rest, from equal weights. How salient the second label is, is part of how
the network is shown its tokens (`gain`); labels of any salience together have the size of one input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from turncoat.core import Access, NotTestable
from turncoat.models.base import TorchSubject
from turncoat.models.dialogue_transformer import TransformerBlock

BOUND = 20.0  # states are kept within it: out of reach, but for a run that is about to overflow


class LinearAttention(nn.Module):
    """One block: every token attends to the examples, linearly or by two heads of softmax."""

    def __init__(self, width: int, softmax: bool, init_std: float) -> None:
        super().__init__()
        self.softmax, self.heads = softmax, 2 if softmax else 1
        inner = self.heads * width
        self.query, self.key, self.value = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.out = nn.Linear(inner, width, bias=False)
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.normal_(layer.weight, 0.0, init_std)

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


class LinearAttentionICL(nn.Module):
    """The network above, for inputs of `dimensions` and one or two labels, the second drawn `salience` times as
    strong as the first. `init_std`: standard deviation of the blocks' initial weights."""

    def __init__(
        self, dimensions: int, labels: int, depth: int, tied: bool, softmax: bool, salience: float, init_std: float
    ) -> None:
        super().__init__()
        self.depth, self.tied = depth, tied
        gains = torch.tensor([1.0, salience][:labels])
        self.gain = torch.cat([torch.ones(dimensions), gains / gains.norm() * (labels / dimensions) ** 0.5])
        self.blocks = nn.ModuleList(
            LinearAttention(dimensions + labels, softmax, init_std) for _ in range(1 if tied else depth)
        )
        self.readout = nn.Linear(labels, 1, bias=False)
        nn.init.constant_(self.readout.weight, -((dimensions / labels) ** 0.5))

    def embed(self, inputs: Tensor) -> Tensor:
        """The state before the first block, for a world's tokens. Labels beyond its own are not seen."""
        return inputs[..., : len(self.gain)] * self.gain

    def layer(self, k: int) -> LinearAttention:
        """Block k: where they are tied, the one that there is."""
        found = self.blocks[0 if self.tied else k]
        assert isinstance(found, LinearAttention)
        return found

    def block(self, k: int, state: Tensor) -> Tensor:
        """The state after block k."""
        return self.layer(k)(state)

    def unembed(self, state: Tensor) -> Tensor:
        """What the state predicts, [n, 1]."""
        return self.readout(state[:, -1, -self.readout.in_features :])

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions [n, 1] for tokens [n, N + 1, d + c]."""
        state = self.embed(inputs)
        for k in range(self.depth):
            state = self.block(k, state)
        return self.unembed(state)


class ICLGPT(nn.Module):
    """A small GPT (Garg et al. 2022): a causal transformer over x_1, y_1, x_2, y_2, ... that predicts y at every x.

    It sees the first label alone.
    """

    tied = False

    def __init__(self, dimensions: int, depth: int, width: int) -> None:
        super().__init__()
        self.depth, self.dimensions = depth, dimensions
        self.embedding = nn.Linear(dimensions + 1, width)
        self.blocks = nn.ModuleList(TransformerBlock(width, 4, 4 * width) for _ in range(depth))
        self.norm, self.readout = nn.LayerNorm(width), nn.Linear(width, 1)

    def embed(self, inputs: Tensor) -> Tensor:
        """[n, 2 N + 1, width] for a world's tokens [n, N + 1, d + c]: inputs at even places, labels at odd ones."""
        d = self.dimensions
        x, y = inputs[..., :d], inputs[..., d : d + 1]
        tokens = torch.stack([nn.functional.pad(x, (0, 1)), nn.functional.pad(y / d**0.5, (d, 0))], 2)
        return self.embedding(tokens.flatten(1, 2)[:, :-1])

    def block(self, k: int, state: Tensor) -> Tensor:
        """The state after block k."""
        return self.blocks[k](state)

    def predictions(self, state: Tensor) -> Tensor:
        """[n, N + 1]: what it predicts at every input, from the examples before it."""
        return self.readout(self.norm(state[:, ::2]))[..., 0] * self.dimensions**0.5

    def unembed(self, state: Tensor) -> Tensor:
        """What the state predicts of the query, [n, 1]."""
        return self.predictions(state)[:, -1:]

    def forward(self, inputs: Tensor) -> Tensor:
        """Predictions [n, 1] of the last label."""
        state = self.embed(inputs)
        for k in range(self.depth):
            state = self.block(k, state)
        return self.unembed(state)


@dataclass
class InContextRegressor(TorchSubject):
    """A subject around either. It computes by repeated residual steps, which assays may take one by one."""

    module: LinearAttentionICL | ICLGPT

    @property
    def depth(self) -> int:
        return self.module.depth

    @property
    def tied(self) -> bool:
        return self.module.tied

    def embed(self, inputs: Tensor) -> Tensor:
        """The state [n, T, width] before the first block, for tokens [n, N + 1, d + c]."""
        return self.module.embed(inputs)

    def block(self, k: int, state: Tensor) -> Tensor:
        """The state after block k, residual included."""
        return self.module.block(k, state)

    def unembed(self, state: Tensor) -> Tensor:
        """What the state predicts, [n, 1]."""
        return self.module.unembed(state)

    def with_labels(self, state: Tensor, code: Tensor) -> Tensor:
        """A state before the first block with other labels: `code` [n, N + 1, c], as the world writes them."""
        if isinstance(self.module, ICLGPT):
            raise NotTestable("its labels are tokens of their own")
        labels = self.module.readout.in_features
        return torch.cat([state[..., :-labels], code[..., :labels] * self.module.gain[-labels:]], 2)

    def begin(self, n: int, seed: int) -> InContextRegressorSession:
        return InContextRegressorSession(self)


class InContextRegressorSession:
    """Predicts once, and remembers nothing."""

    def __init__(self, subject: InContextRegressor) -> None:
        self.subject = subject

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        """Tokens [n, N + 1, d + c] to predictions [n]."""
        return self.subject.module(torch.from_numpy(observation))[:, 0].numpy()


@dataclass
class KernelRegression:
    """Kernel regression (Nadaraya 1964, Watson 1964): an average of the examples' labels, weighted by
    exp(-distance^2 / 2 bandwidth^2).

    It reads the last label, which in training is as good as the first.
    """

    dimensions: int
    bandwidth: float

    @property
    def access(self) -> Access:
        return Access.ACT

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {}

    def begin(self, n: int, seed: int) -> KernelRegression:
        return self

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Tokens [n, N + 1, d + c] to predictions [n]."""
        x, query = observation[:, :-1, : self.dimensions], observation[:, -1:, : self.dimensions]
        nearness = -((x - query) ** 2).sum(2) / (2 * self.bandwidth**2)
        weight = np.exp(nearness - nearness.max(1, keepdims=True))
        return (weight * observation[:, :-1, -1]).sum(1) / weight.sum(1)


def gradient_descent_construction(dimensions: int, depth: int, rate: float) -> LinearAttentionICL:
    """Gradient descent as published (von Oswald et al. 2023, proposition 1), `depth` steps: keys and queries are the
    inputs, values the labels, and a block takes `rate` times the prediction off every label."""
    net = LinearAttentionICL(dimensions, 1, depth, tied=True, softmax=False, salience=1.0, init_std=0.0)
    block = net.layer(0)
    with torch.no_grad():
        for layer in (block.query, block.key):
            layer.weight[:dimensions, :dimensions] = torch.eye(dimensions)
        block.value.weight[-1, -1] = 1.0
        block.out.weight[-1, -1] = -rate
    return net
