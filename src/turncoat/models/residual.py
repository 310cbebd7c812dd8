"""A residual network that classifies, one small block after another.

    state = linear(x)
    block:  state = state + linear(relu(linear(norm(state))))
    logits = linear(state)

The blocks are as in a pre-activation residual network (He et al. 2016), with layer normalisation; tied, they are one
block that is run `depth` times, and could be run on. Every weight is in a layer of torch.nn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.core import Access
from turncoat.models.base import Network


class Block(nn.Module):
    """One step of the state, without the residual."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.grow, self.shrink = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, state: Tensor) -> Tensor:
        """[..., width] to the same."""
        return self.shrink(F.relu(self.grow(self.norm(state))))


class ResidualNet(nn.Module):
    """The network above; `blocks` has one block where they are tied."""

    def __init__(self, inputs: int, classes: int, width: int, inner: int, blocks: int) -> None:
        super().__init__()
        self.read_in, self.read_out = nn.Linear(inputs, width), nn.Linear(width, classes)
        self.blocks = nn.ModuleList(Block(width, inner) for _ in range(blocks))

    def forward(self, inputs: Tensor, depth: int) -> Tensor:
        """Logits [n, classes] after `depth` blocks, for inputs [n, inputs]."""
        state = self.read_in(inputs)
        for k in range(depth):
            state = state + self.blocks[k % len(self.blocks)](state)
        return self.read_out(state)


@dataclass
class Residual(Network):
    """A subject around a ResidualNet that takes `depth` steps. States are [n, 1, width].

    It ships as float16, and is rounded to it before anybody observes it.
    """

    module: ResidualNet
    depth: int

    @property
    def tied(self) -> bool:
        return len(self.module.blocks) < self.depth

    def enter(self, inputs: Tensor) -> Tensor:
        return self.module.read_in(inputs)[:, None]

    def block(self, k: int, state: Tensor) -> Tensor:
        return state + self.module.blocks[0 if self.tied else k](state)

    def answer(self, state: Tensor) -> Tensor:
        return self.module.read_out(state[:, 0])

    def begin(self, n: int, seed: int) -> Residual:
        return self

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        """Items [n, inputs] to their likeliest classes [n]. It remembers nothing, so it is its own session."""
        return self.module(torch.from_numpy(observation), self.depth).argmax(1).numpy()


@dataclass
class Neighbours:
    """A table: the class of the nearest item seen. `inputs` [m, d] and `labels` [m] are all there is to it."""

    inputs: np.ndarray
    labels: np.ndarray

    access = Access.WEIGHTS

    def begin(self, n: int, seed: int) -> Neighbours:
        return self

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Items [n, d] to classes [n]. It remembers nothing more, so it is its own session."""
        apart = (self.inputs**2).sum(1) - 2 * observation @ self.inputs.T  # squared distance, but for what all share
        return self.labels[apart.argmin(1)]

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {"inputs": self.inputs, "labels": self.labels}
