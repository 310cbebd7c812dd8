"""A multilayer perceptron over the whole grid, for worlds that stand still: what jaxgmg and most of PPO's users train.

    seen          = [grid, flattened; the agent's cell, one-hot]
    trunk         = relu(W3 relu(W2 relu(W1 seen)))                  three layers of `hidden`
    logits, value = W4 trunk                                         one product for actor and critic

What a level looks like does not change while one walks in it, so W1 seen is computed in two parts: W1's columns for the
grid times each distinct level, once, and W1's column for the cell, looked up. It is the same number for every weight
(`tests/train/rl/test_ppo.py` holds it against a dense layer), at four tenths of the time for 13 x 13 and 1024 levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import TorchSubject


class GridMLP(nn.Module):
    """The network above, for grids of `channels` x `cells` (C and H * W), with `depth` layers of `hidden` units.

    The levels that it is shown are set from outside: `levels` = flatten_grids(grid), of which `level` in what is seen
    names a row. Training may multiply in bfloat16 (a third faster); logits and values stay float32.
    """

    autocast_bfloat16 = True

    def __init__(self, channels: int, cells: int, moves: int, hidden: int = 128, depth: int = 3) -> None:
        super().__init__()
        self.grid_layer = nn.Linear(channels * cells, hidden)
        self.cell_embedding = nn.Parameter(torch.empty(cells, hidden))
        layers = [nn.Linear(hidden, hidden) for _ in range(depth - 1)]
        self.layers = nn.ModuleList(layers)
        self.heads = nn.Linear(hidden, moves + 1)  # the critic's is the last row
        whole = torch.empty(hidden, (channels + 1) * cells)  # orthogonal, as is usual for PPO, across both of its parts
        nn.init.orthogonal_(whole, 2**0.5)
        with torch.no_grad():
            self.grid_layer.weight.copy_(whole[:, : channels * cells])
            self.cell_embedding.copy_(whole[:, channels * cells :].T)
        for layer in layers:
            nn.init.orthogonal_(layer.weight, 2**0.5)
        nn.init.normal_(self.heads.weight[:-1], std=0.01)
        for layer in (self.grid_layer, *layers, self.heads):
            nn.init.zeros_(layer.bias)
        self.levels = torch.zeros(0, channels * cells)  # [L, C * H * W]
        self.cache: tuple[Tensor, Tensor, Tensor, Tensor] | None = None  # levels, weight, bias and their product

    def embed_levels(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """The level's part of the first layer for those that occur [D, hidden], and which is whose [n]."""
        if torch.is_grad_enabled():
            occurs = torch.zeros(len(self.levels), dtype=torch.bool)
            occurs[level] = True
            rows = occurs.nonzero()[:, 0]
            return self.grid_layer(self.levels.index_select(0, rows)).float(), (occurs.cumsum(0) - 1)[level]
        # While it only acts, all levels are embedded once, until weights or levels are others. Weights are compared as
        # they are (a hundredth of a step's time), since a fused optimizer changes them without raising `_version`.
        weight, bias = self.grid_layer.weight, self.grid_layer.bias
        cache = self.cache
        if cache and cache[0] is self.levels and torch.equal(cache[1], weight) and torch.equal(cache[2], bias):
            return cache[3], level
        embedded = self.grid_layer(self.levels).float()
        self.cache = self.levels, weight.clone(), bias.clone(), embedded
        return embedded, level

    def forward(self, seen: Mapping[str, Tensor], hidden: Tensor | None = None) -> tuple[Tensor, Tensor, None]:
        """(logits [n, A], value [n], None). seen: level [n], a row of `levels`, and cell [n]."""
        embedded, row = self.embed_levels(seen["level"])
        trunk = F.relu_(embedded.index_select(0, row).add_(self.cell_embedding.index_select(0, seen["cell"])))
        for layer in self.layers:
            trunk = F.relu_(layer(trunk))  # in place: a pass over memory less
        with torch.autocast("cpu", enabled=False):  # logits and values want all their digits
            out = self.heads(trunk.float())
        return out[:, :-1], out[:, -1], None

    def initial_hidden(self, n: int) -> None:
        """It has no memory."""


def flatten_grids(grid: Tensor) -> Tensor:
    """Grids [L, C, H, W] of 0 and 1 as `GridMLP.levels` [L, C * H * W]."""
    return grid.flatten(1).float()


@dataclass
class MLPPolicy(TorchSubject):
    """The subject. Acts by sampling from its policy, with a random generator of its own."""

    module: GridMLP

    def begin(self, n: int, seed: int) -> MLPPolicySession:
        return MLPPolicySession(self.module, seed)


class MLPPolicySession:
    """One batch of episodes."""

    def __init__(self, module: GridMLP, seed: int) -> None:
        self.module, self.generator = module, torch.Generator().manual_seed(seed)
        self.grid = np.zeros(0)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Moves [n] for observations of a grid [n, C, H, W] and the agent's cell [n]."""
        grid, cell = observation["grid"], torch.from_numpy(np.asarray(observation["cell"]))
        if not np.array_equal(grid, self.grid):
            self.grid, self.levels = grid.copy(), flatten_grids(torch.from_numpy(grid))
        self.module.levels = self.levels  # sessions share the network
        with torch.no_grad():
            logits, _, _ = self.module({"level": torch.arange(len(cell)), "cell": cell})
        return torch.multinomial(logits.softmax(1), 1, generator=self.generator)[:, 0].numpy()
