"""A small recurrent convolutional network that computes for a while before it acts.

    code   = tanh(conv3x3(relu(conv3x3(gain * observation))))     what is where, seen once
    hidden = 0
    tick:    hidden = relu(hidden + conv3x3(relu(conv3x3(hidden) + conv3x3(code))))
    logits = conv1x1(relu(conv1x1(hidden)))                       four moves, at every cell

No part of it is told what a wall, a goal, a distance or a plan is. The same tick is repeated for as long as one
likes, as in Deep Thinking networks (Schwarzschild et al. 2021; Bansal et al. 2022), and the code is put in again at
every tick (their "recall"), so that an objective that changes meanwhile can be noticed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import TorchSubject
from turncoat.worlds.goals.maze import WALL

EditCode = Callable[[Tensor], Tensor]  # code -> code


@dataclass
class PlannerOutput:
    """Where the iteration ended: `logits` [n, A, H, W] (with several layers of plans, [n, layers * A, H, W]), `hidden`
    [n, C, H, W], and `kept`, the hidden states after the ticks that were to be kept."""

    logits: Tensor
    hidden: Tensor
    kept: dict[int, Tensor] = field(default_factory=dict)


class RecurrentPlanner(Protocol):
    """What the white-box assays reach into; anything with these three methods can be put to them."""

    def encode(self, observation: Tensor) -> Tensor:
        """The code [n, E, H, W] of an observation [n, 4, H, W]: where the objective is expected to live."""
        ...

    def iterate(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
    ) -> PlannerOutput:
        """Run `ticks` more ticks, from `hidden` [n, C, H, W] where given, with the code edited before the first.
        `keep`: the ticks after which the hidden state is kept; 0 is the one that it began with."""
        ...

    def policy_logits(self, hidden: Tensor) -> Tensor:
        """The move logits [n, 4, H, W] that a hidden state stands for."""
        ...


class PlannerNet(nn.Module):
    """The network above.

    `gain`: an entry for each channel of the observation, walls first. With a `place` each cell's row and column are
    two more channels, from -place to place. With a `depth` it never runs for more ticks than that at one observation;
    with `tied=False` each of these ticks has weights of its own (a feed-forward network). With `recall=False` the
    objects are shown at the first tick only, and walls after that. `layers`: states that one can be in at a cell, each
    with its own plan: logits are [n, layers * moves, H, W].
    """

    def __init__(
        self,
        hidden: int,
        code: int,
        gain: Sequence[float],
        recall: bool = True,
        tied: bool = True,
        depth: int | None = None,
        moves: int = 4,
        place: float = 0.0,
        layers: int = 1,
    ) -> None:
        super().__init__()
        self.recall, self.tied, self.depth, self.place = recall, tied, depth, place
        self.encoder_in = nn.Conv2d(len(gain) + 2 * (place > 0), code, 3, padding=1)
        self.encoder_out = nn.Conv2d(code, code, 3, padding=1)
        blocks = 1 if tied or depth is None else depth
        self.inject = nn.ModuleList(nn.Conv2d(code, hidden, 3, padding=1) for _ in range(blocks))
        self.recurrent_in = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, padding=1, bias=False) for _ in range(blocks))
        self.recurrent_out = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, padding=1) for _ in range(blocks))
        for name, weights in self.recurrent_out.named_parameters():
            if name.endswith("weight"):
                weights.data *= 0.5  # keeps the residual stream small over many ticks
        self.policy_in = nn.Conv2d(hidden, hidden, 1)
        self.policy_out = nn.Conv2d(hidden, layers * moves, 1)
        self.value = nn.Conv2d(hidden, layers, 1)  # a critic; only sampled training uses it
        self.gain: Tensor
        self.register_buffer("gain", torch.tensor(gain)[None, :, None, None])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, observation: Tensor) -> Tensor:
        """The code [n, E, H, W] of an observation [n, C, H, W]."""
        seen = observation * self.gain
        if self.place > 0:
            height, width = observation.shape[2:]
            down, across = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
            planes = self.place * torch.stack([down, across]).expand(seen.shape[0], -1, -1, -1)
            seen = torch.cat([seen, planes], 1)
        seen = seen.contiguous(memory_format=torch.channels_last)
        return torch.tanh(self.encoder_out(F.relu(self.encoder_in(seen))))

    def tick(self, hidden: Tensor, drive: Tensor, block: int) -> Tensor:
        """The next hidden state, for a `drive` [n, C, H, W] that the code was convolved to."""
        change = self.recurrent_out[block](F.relu(self.recurrent_in[block](hidden) + drive))
        return F.relu(hidden + change.float())  # the residual stream stays float32 under autocast

    def iterate(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
        gradient_from: int = 0,
    ) -> PlannerOutput:
        """As RecurrentPlanner.iterate; gradients flow through ticks `gradient_from` and later only."""
        ticks = ticks if self.depth is None else min(ticks, self.depth)
        code = self.encode(observation)
        code = edit_code(code) if edit_code else code
        walls = observation * torch.tensor([float(c == WALL) for c in range(observation.shape[1])])[None, :, None, None]
        rest = code if self.recall else self.encode(walls)
        if hidden is None:
            shape = (observation.shape[0], self.policy_in.in_channels, *observation.shape[2:])
            hidden = torch.zeros(shape).contiguous(memory_format=torch.channels_last)
        kept = {0: hidden} if 0 in keep else {}
        drives: dict[tuple[int, bool], Tensor] = {}
        for t in range(ticks):
            block, first = (0 if self.tied else t), t == 0
            if (block, first) not in drives:  # the code does not change from tick to tick: convolve it once
                shared = self.recall and (block, not first) in drives
                source = code if first else rest
                drives[block, first] = drives[block, not first] if shared else self.inject[block](source)
            with torch.set_grad_enabled(torch.is_grad_enabled() and t >= gradient_from):
                hidden = self.tick(hidden, drives[block, first], block)
            if t + 1 in keep:
                kept[t + 1] = hidden
        return PlannerOutput(self.policy_logits(hidden), hidden, kept)

    def policy_logits(self, hidden: Tensor) -> Tensor:
        """Move logits [n, layers * moves, H, W]."""
        return self.policy_out(F.relu(self.policy_in(hidden))).float()


@dataclass
class PlannerPolicy(TorchSubject):
    """A subject around a RecurrentPlanner. `ticks`: for how many it runs at each new observation. `layers`: it has a
    plan for each of so many states that one can be in at a cell (with and without a badge, say)."""

    module: RecurrentPlanner
    ticks: int
    float16: bool = False
    layers: int = 1

    @property
    def net(self) -> PlannerNet:
        """The network of a subject that can be trained. Raises TypeError where the planner is scripted."""
        if not isinstance(self.module, PlannerNet):
            raise TypeError(f"{type(self.module).__name__} has no weights to train")
        return self.module

    def begin(self, n: int, seed: int) -> PlannerPolicySession:
        return PlannerPolicySession(self)


class PlannerPolicySession:
    """Runs when the maze it sees changes, from the hidden state it is in; then acts greedily on the plan."""

    def __init__(self, subject: PlannerPolicy) -> None:
        self.subject = subject
        self.seen: np.ndarray | None = None
        self.hidden: Tensor | None = None
        self.moves = np.zeros((0, 0, 0), np.int64)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """Moves [n] for observations of a grid [n, C, H, W] and the agent's cell [n] (and `layer` [n], if any)."""
        grid = observation["grid"]
        if self.seen is None or not np.array_equal(grid, self.seen):
            with torch.no_grad():
                output = self.subject.module.iterate(torch.from_numpy(grid).float(), self.subject.ticks, self.hidden)
            self.seen, self.hidden = grid.copy(), output.hidden
            plans = output.logits.unflatten(1, (self.subject.layers, -1))
            self.moves = plans.argmax(2).flatten(2).numpy()
        return self.moves[np.arange(len(grid)), observation.get("layer", 0), observation["cell"]]
