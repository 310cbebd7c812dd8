"""Subjects that choose where to go, in worlds of objects, with a navigator that knows the way there.

For each object the network is given what it is, how far it is and which moves shorten the way: path finding is
simulated (`path_features`), and what remains to be learned is the goal. Every object passes through the same small
network; attention weighs them by where the agent stands; one pass serves actor and critic. With `memory` a GRU carries
over between steps.

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

from turncoat.models.base import TorchSubject
from turncoat.worlds.grid.paths import all_pairs_shortest_paths

Tensors = dict[str, Tensor]
BITS = torch.arange(4)
WIDTH = 16  # features of an object, at least


def path_features(table: Tensor, level: Tensor, cell: Tensor, objects: Tensor) -> Tensor:
    """[n, K, 6] float: nearness 1 / (1 + steps / 4), whether there is such an object, and the shortening moves.

    table [L, S, S] int16 from `all_pairs_shortest_paths`; level and cell [n]; objects [n, K], -1 where gone (all zeros
    then).
    """
    cells = table.shape[1]
    there = objects >= 0
    at = (level[:, None] * cells + objects.clamp(min=0)) * cells + cell[:, None]
    packed = table.view(-1).take(at).int()
    near = 1 / (1 + (packed >> 4).float() / 4)
    bits = ((packed[..., None] >> BITS.int()) & 1).float()
    return torch.cat([torch.stack([near, torch.ones_like(near)], 2), bits], 2) * there[..., None]


def network_inputs(table: Tensor, seen: Mapping[str, Tensor], level: Tensor) -> Tensors:
    """What `ObjectAttentionNet` takes: `objects` [n, K, WIDTH], for each object how to get there, its marks and what is
    observed of the agent, padded with zeros; and `about` [n, G], the last of these again.

    Rows of sixteen numbers because the gradient of the first layer takes a fifth of the time of that for eleven.
    """
    paths = path_features(table, level, seen["cell"], seen["objects"])
    about = seen["about"]
    n, k, _ = paths.shape
    parts = [paths, seen["marks"], about[:, None].expand(n, k, -1)]
    spare = WIDTH - sum(part.shape[2] for part in parts)
    return {"objects": torch.cat([*parts, paths.new_zeros(n, k, max(0, spare))], 2), "about": about}


class ObjectAttentionNet(nn.Module):
    """The network above: `marks` and `about` are how many numbers describe an object and the agent."""

    autocast_bfloat16 = False  # its products are too small to gain from bfloat16 (measured: 5% faster to 20% slower)

    def __init__(self, marks: int, about: int, moves: int, hidden: int, memory: bool = False) -> None:
        super().__init__()
        self.object_in = nn.Linear(6 + marks, hidden)
        self.agent_in = nn.Linear(about, hidden, bias=False)
        self.object_hidden = nn.Linear(hidden, hidden)
        self.attention = nn.Linear(hidden, 1)
        self.trunk = nn.Linear(hidden + about, hidden)
        self.memory = nn.GRUCell(hidden, hidden) if memory else None
        self.actor = nn.Linear(hidden, moves)
        self.critic = nn.Linear(hidden, 1)
        nn.init.normal_(self.actor.weight, std=0.01)
        nn.init.zeros_(self.actor.bias)

    def forward(self, seen: Mapping[str, Tensor], hidden: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
        """(logits [n, A], value [n], next hidden state). seen: as `network_inputs` makes it."""
        trunk = self.encode(seen)
        if self.memory is not None:
            hidden = trunk = self.memory(trunk, hidden)
        logits, value = self.heads(trunk)
        return logits, value, hidden

    def encode(self, seen: Mapping[str, Tensor]) -> Tensor:
        """The trunk [n, hidden], before memory.

        What is observed of the agent goes in with each object, for one product and no sum: passing over [n, K, hidden]
        is what takes the time.
        """
        objects, about = seen["objects"], seen["about"]
        n, k, width = objects.shape
        layer = torch.cat([self.object_in.weight, self.agent_in.weight], 1)
        layer = F.pad(layer, (0, width - layer.shape[1]))
        each = F.relu_(self.object_hidden(F.relu_(F.linear(objects.flatten(0, 1), layer, self.object_in.bias))))
        there = objects[..., 1].T  # softmax down columns: along rows of a dozen it takes five times as long
        weights = (self.attention(each).view(n, k).T - 1e4 * (1 - there)).softmax(0) * there
        gathered = torch.bmm(weights.T.contiguous()[:, None], each.view(n, k, -1))[:, 0]
        return F.relu_(self.trunk(torch.cat([gathered, about], 1)))

    def heads(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [..., A] and value [...]."""
        out = F.linear(
            trunk, torch.cat([self.actor.weight, self.critic.weight]), torch.cat([self.actor.bias, self.critic.bias])
        )
        return out[..., :-1], out[..., -1]

    def unroll(self, seen: Mapping[str, Tensor], hidden: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, n, A] and values [T, n] of T steps; the hidden state is zero after `done` [T, n]. With memory.

        Only the GRU goes step by step: three times as fast as T calls.
        """
        steps, n = done.shape
        assert self.memory is not None
        memory, keep = self.memory, 1 - done.float()[..., None]
        trunk = self.encode({name: x.flatten(0, 1) for name, x in seen.items()})
        driven = F.linear(trunk, memory.weight_ih, memory.bias_ih).view(steps, n, -1)
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
            hidden = hidden * keep[t]
        return self.heads(torch.stack(states))

    def initial_hidden(self, n: int) -> Tensor | None:
        """The hidden state that an episode begins with."""
        return None if self.memory is None else torch.zeros(n, self.memory.hidden_size)


@dataclass
class ObjectAttentionPolicy(TorchSubject):
    """The subject. Acts by sampling from its policy, with a random generator of its own."""

    module: ObjectAttentionNet

    def begin(self, n: int, seed: int) -> ObjectAttentionPolicySession:
        return ObjectAttentionPolicySession(self.module, n, seed)


class ObjectAttentionPolicySession:
    """One batch of episodes; shortest paths are found anew when the walls change."""

    def __init__(self, module: ObjectAttentionNet, n: int, seed: int) -> None:
        self.module, self.generator = module, torch.Generator().manual_seed(seed)
        self.hidden, self.walls = module.initial_hidden(n), np.zeros(0)

    def inputs(self, observation: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """What the network is shown of what is observed."""
        walls = observation["walls"]
        if self.walls.shape != walls.shape or (self.walls != walls).any():
            self.walls = walls
            kinds, self.level = np.unique(walls, axis=0, return_inverse=True)
            self.table = torch.from_numpy(all_pairs_shortest_paths(kinds == 0))
        seen = {name: torch.from_numpy(np.asarray(observation[name])) for name in ("cell", "objects", "marks", "about")}
        return network_inputs(self.table, seen, torch.from_numpy(self.level.reshape(-1)))

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            logits, _, self.hidden = self.module(self.inputs(observation), self.hidden)
        return torch.multinomial(logits.softmax(1), 1, generator=self.generator)[:, 0].numpy()
