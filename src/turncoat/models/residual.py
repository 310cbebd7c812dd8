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
from turncoat.models.base import TorchSubject


class ResidualBlock(nn.Module):
    """One step of the state, without the residual."""

    def __init__(self, width: int, mlp_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up_proj, self.down_proj = nn.Linear(width, mlp_width), nn.Linear(mlp_width, width)

    def forward(self, state: Tensor) -> Tensor:
        """[..., width] to the same."""
        return self.down_proj(F.relu(self.up_proj(self.norm(state))))


class ResidualNet(nn.Module):
    """The network above; `blocks` has one block where they are tied."""

    def __init__(self, inputs: int, classes: int, width: int, mlp_width: int, blocks: int) -> None:
        super().__init__()
        self.embedding, self.unembedding = nn.Linear(inputs, width), nn.Linear(width, classes)
        self.blocks = nn.ModuleList(ResidualBlock(width, mlp_width) for _ in range(blocks))

    def forward(self, inputs: Tensor, depth: int) -> Tensor:
        """Logits [n, classes] after `depth` blocks, for inputs [n, inputs]."""
        state = self.embedding(inputs)
        for k in range(depth):
            state = state + self.blocks[k % len(self.blocks)](state)
        return self.unembedding(state)


@dataclass
class ResidualClassifier(TorchSubject):
    """A subject around a ResidualNet that takes `depth` steps. States are [n, 1, width]."""

    module: ResidualNet
    depth: int

    @property
    def tied(self) -> bool:
        return len(self.module.blocks) < self.depth

    def embed(self, inputs: Tensor) -> Tensor:
        """The state [n, 1, width] before the first block, for inputs [n, inputs]."""
        return self.module.embedding(inputs)[:, None]

    def block(self, k: int, state: Tensor) -> Tensor:
        """The state after block k, residual included."""
        return state + self.module.blocks[0 if self.tied else k](state)

    def unembed(self, state: Tensor) -> Tensor:
        """Logits [n, classes] of a state."""
        return self.module.unembedding(state[:, 0])

    def begin(self, n: int, seed: int) -> ResidualClassifier:
        return self

    @torch.no_grad()
    def act(self, observation: np.ndarray) -> np.ndarray:
        """Items [n, inputs] to their likeliest classes [n]. It remembers nothing, so it is its own session."""
        return self.module(torch.from_numpy(observation), self.depth).argmax(1).numpy()


@dataclass
class NearestNeighbourClassifier:
    """The class of the nearest training item (Euclidean). `inputs` [m, d] and `labels` [m] are all there is to it."""

    inputs: np.ndarray
    labels: np.ndarray

    access = Access.WEIGHTS

    def begin(self, n: int, seed: int) -> NearestNeighbourClassifier:
        return self

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Items [n, d] to classes [n]. It remembers nothing more, so it is its own session."""
        apart = (self.inputs**2).sum(1) - 2 * observation @ self.inputs.T  # squared distance, but for what all share
        return self.labels[apart.argmin(1)]

    def arrays(self) -> Mapping[str, np.ndarray]:
        return {"inputs": self.inputs, "labels": self.labels}
