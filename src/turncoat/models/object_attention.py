"""Subjects that choose where to go, in worlds of objects, with a navigator's sense of the way there.

For each object the network is told what it is, how far it is and which moves shorten the way: path finding is simulated
(`sense`), and what remains to be learned is the goal. Every object passes through the same small network; attention
weighs them by where the agent stands; one pass serves actor and critic. With `memory` a GRU carries over between steps.

    each    = relu(W2 relu(W1 [marks, nearness, shortening moves] + W0 [about the agent]))       a row an object
    weights = softmax over objects (u . each)
    trunk   = relu(W3 [weights @ each, about the agent])           (then a GRU, with memory)
    logits, value = W4 trunk, W5 trunk
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import Network
from turncoat.worlds.grid.objects import ways

Tensors = dict[str, Tensor]
BITS = torch.arange(4)
WIDTH = 16  # numbers said of an object, at least


def sense(table: Tensor, level: Tensor, cell: Tensor, objects: Tensor) -> Tensor:
    """[n, K, 6] float: nearness 1 / (1 + steps / 4), whether there is such an object, and the shortening moves.

    table [L, S, S] int16 from `ways`; level and cell [n]; objects [n, K], -1 where gone (all zeros then).
    """
    cells = table.shape[1]
    there = objects >= 0
    at = (level[:, None] * cells + objects.clamp(min=0)) * cells + cell[:, None]
    packed = table.view(-1).take(at).int()
    near = 1 / (1 + (packed >> 4).float() / 4)
    bits = ((packed[..., None] >> BITS.int()) & 1).float()
    return torch.cat([torch.stack([near, torch.ones_like(near)], 2), bits], 2) * there[..., None]


def tell(table: Tensor, seen: Mapping[str, Tensor], level: Tensor) -> Tensors:
    """What `ForagerNet` takes: `told` [n, K, WIDTH] of each object, its sense, its marks and what is said of the agent,
    filled up with zeros; and `about` [n, G] again.

    Rows of sixteen numbers because the gradient of the first layer takes a fifth of the time of that for eleven.
    """
    sensed = sense(table, level, seen["cell"], seen["objects"])
    about = seen["about"]
    n, k, _ = sensed.shape
    parts = [sensed, seen["marks"], about[:, None].expand(n, k, -1)]
    spare = WIDTH - sum(part.shape[2] for part in parts)
    return {"told": torch.cat([*parts, sensed.new_zeros(n, k, max(0, spare))], 2), "about": about}


class ForagerNet(nn.Module):
    """The network above: `marks` and `about` are how many numbers are said of an object and of the agent."""

    low_precision = False  # its products are too small to gain from bfloat16 (measured: 5% faster to 20% slower)

    def __init__(self, marks: int, about: int, moves: int, hidden: int, memory: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(6 + marks, hidden)
        self.own = nn.Linear(about, hidden, bias=False)
        self.second = nn.Linear(hidden, hidden)
        self.weigh = nn.Linear(hidden, 1)
        self.trunk = nn.Linear(hidden + about, hidden)
        self.memory = nn.GRUCell(hidden, hidden) if memory else None
        self.actor = nn.Linear(hidden, moves)
        self.critic = nn.Linear(hidden, 1)
        nn.init.normal_(self.actor.weight, std=0.01)
        nn.init.zeros_(self.actor.bias)

    def forward(self, seen: Mapping[str, Tensor], hidden: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        """(logits [n, A], value [n], next hidden state). seen: as `tell` says it."""
        trunk = self.look(seen)
        if self.memory is not None:
            hidden = trunk = self.memory(trunk, hidden)
        logits, value = self.decide(trunk)
        return logits, value, hidden

    def look(self, seen: Mapping[str, Tensor]) -> Tensor:
        """The trunk [n, hidden], before memory.

        What is said of the agent goes in with each object, for one product and no sum: passing over [n, K, hidden] is
        what takes the time.
        """
        told, about = seen["told"], seen["about"]
        n, k, width = told.shape
        layer = torch.cat([self.first.weight, self.own.weight], 1)
        layer = F.pad(layer, (0, width - layer.shape[1]))
        each = F.relu_(self.second(F.relu_(F.linear(told.flatten(0, 1), layer, self.first.bias))))
        there = told[..., 1].T  # softmax down columns: along rows of a dozen it takes five times as long
        weights = (self.weigh(each).view(n, k).T - 1e4 * (1 - there)).softmax(0) * there
        gathered = torch.bmm(weights.T.contiguous()[:, None], each.view(n, k, -1))[:, 0]
        return F.relu_(self.trunk(torch.cat([gathered, about], 1)))

    def decide(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [..., A] and value [...]."""
        out = F.linear(
            trunk, torch.cat([self.actor.weight, self.critic.weight]), torch.cat([self.actor.bias, self.critic.bias])
        )
        return out[..., :-1], out[..., -1]

    def unroll(self, seen: Mapping[str, Tensor], hidden: Tensor, over: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, n, A] and values [T, n] of T steps; hidden states are blank after `over` [T, n]. With memory only.

        Only the memory goes step by step: three times as fast as T calls.
        """
        span, n = over.shape
        assert self.memory is not None
        memory, kept = self.memory, 1 - over.float()[..., None]
        trunk = self.look({name: x.flatten(0, 1) for name, x in seen.items()})
        driven = F.linear(trunk, memory.weight_ih, memory.bias_ih).view(span, n, -1)
        states = []
        for t, drive in enumerate(driven):
            # a step of nn.GRUCell, whose products with the input are done
            recall = F.linear(hidden, memory.weight_hh, memory.bias_hh)
            reset, update, new = drive.chunk(3, 1)
            reset_h, update_h, new_h = recall.chunk(3, 1)
            gate = torch.sigmoid(update + update_h)
            fresh = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
            hidden = fresh + gate * (hidden - fresh)
            states.append(hidden)
            hidden = hidden * kept[t]
        return self.decide(torch.stack(states))

    def blank(self, n: int) -> Tensor | None:
        """The hidden state that an episode begins with."""
        return None if self.memory is None else torch.zeros(n, self.memory.hidden_size)


@dataclass
class Forager(Network):
    """The subject. Acts by sampling from its policy, with dice of its own. Its weights are stored in half precision."""

    module: ForagerNet

    def begin(self, n: int, seed: int) -> ForagerSession:
        return ForagerSession(self.module, n, seed)


class ForagerSession:
    """One batch of episodes; finds its ways anew when the walls it sees change."""

    def __init__(self, module: ForagerNet, n: int, seed: int) -> None:
        self.module, self.dice = module, torch.Generator().manual_seed(seed)
        self.hidden, self.walls = module.blank(n), np.zeros(0)

    def tell(self, observation: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """What the network is shown of what is observed."""
        walls = observation["walls"]
        if self.walls.shape != walls.shape or (self.walls != walls).any():
            self.walls = walls
            kinds, self.level = np.unique(walls, axis=0, return_inverse=True)
            self.table = torch.from_numpy(ways(kinds == 0))
        seen = {name: torch.from_numpy(np.asarray(observation[name])) for name in ("cell", "objects", "marks", "about")}
        return tell(self.table, seen, torch.from_numpy(self.level.reshape(-1)))

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            logits, _, self.hidden = self.module(self.tell(observation), self.hidden)
        return torch.multinomial(logits.softmax(1), 1, generator=self.dice)[:, 0].numpy()
