"""A small recurrent convolutional network that thinks before it acts.

    code   = tanh(conv3x3(relu(conv3x3(gain * observation))))     what is where, seen once
    hidden = 0
    tick:    hidden = relu(hidden + conv3x3(relu(conv3x3(hidden) + conv3x3(code))))
    logits = conv1x1(relu(conv1x1(hidden)))                       four moves, at every cell

No part of it is told what a wall, a goal, a distance or a plan is. The same tick is repeated for as long as one
likes, as in Deep Thinking networks (Schwarzschild et al. 2021; Bansal et al. 2022), and the code is recalled at
every tick, so that an objective that changes while it thinks can be noticed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import Network
from turncoat.worlds.goals.maze import CHANNELS, COIN, EXIT, MOVES, WALL


@dataclass
class Thought:
    """Where thinking ended: `logits` [n, 4, H, W], `hidden` [n, C, H, W], and hidden states after kept ticks."""

    logits: Tensor
    hidden: Tensor
    kept: dict[int, Tensor] = field(default_factory=dict)


EditCode = Callable[[Tensor], Tensor]  # code -> code


class Thinker(Protocol):
    """What the white-box assays reach into; anything with these three methods can be put to them."""

    def encode(self, observation: Tensor) -> Tensor:
        """The code [n, E, H, W] of an observation [n, 4, H, W]: where the objective is expected to live."""
        ...

    def think(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
    ) -> Thought:
        """Think for `ticks` more ticks, from `hidden` where given, with the code edited before the first."""
        ...

    def read(self, hidden: Tensor) -> Tensor:
        """The move logits [n, 4, H, W] that a hidden state stands for."""
        ...


class PlannerNet(nn.Module):
    """The network above. `gain` has an entry for each channel it is shown, walls first; with a `place` it is also shown
    each cell's row and column, from -place to place. With a `depth` it never thinks for more ticks than that at a sight
    of the maze; with `tied=False` each of them has weights of its own (a feed-forward net). With `recall=False` the
    objects are shown at the first tick only, and walls after that. `layers`: states one can be in at a cell, each with
    its own plan: logits are [n, layers * moves, H, W]."""

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
        self.look = nn.Conv2d(len(gain) + 2 * (place > 0), code, 3, padding=1)
        self.code = nn.Conv2d(code, code, 3, padding=1)
        blocks = 1 if tied or depth is None else depth
        self.inject = nn.ModuleList(nn.Conv2d(code, hidden, 3, padding=1) for _ in range(blocks))
        self.gather = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, padding=1, bias=False) for _ in range(blocks))
        self.update = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, padding=1) for _ in range(blocks))
        for name, weights in self.update.named_parameters():
            if name.endswith("weight"):
                weights.data *= 0.5  # keeps the residual stream small over many ticks
        self.decide = nn.Conv2d(hidden, hidden, 1)
        self.move = nn.Conv2d(hidden, layers * moves, 1)
        self.value = nn.Conv2d(hidden, layers, 1)  # a critic; only sampled training uses it
        self.gain: Tensor
        self.register_buffer("gain", torch.tensor(gain)[None, :, None, None])
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, observation: Tensor) -> Tensor:
        seen = observation * self.gain
        if self.place > 0:
            height, width = observation.shape[2:]
            down, across = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
            planes = self.place * torch.stack([down, across]).expand(seen.shape[0], -1, -1, -1)
            seen = torch.cat([seen, planes], 1)
        seen = seen.contiguous(memory_format=torch.channels_last)
        return torch.tanh(self.code(F.relu(self.look(seen))))

    def tick(self, hidden: Tensor, drive: Tensor, block: int) -> Tensor:
        change = self.update[block](F.relu(self.gather[block](hidden) + drive))
        return F.relu(hidden + change.float())  # the residual stream stays float32 under autocast

    def think(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
        gradient_from: int = 0,
    ) -> Thought:
        """As Thinker.think; gradients flow through ticks `gradient_from` and later only."""
        ticks = ticks if self.depth is None else min(ticks, self.depth)
        code = self.encode(observation)
        code = edit_code(code) if edit_code else code
        walls = observation * torch.tensor([float(c == WALL) for c in range(observation.shape[1])])[None, :, None, None]
        rest = code if self.recall else self.encode(walls)
        if hidden is None:
            shape = (observation.shape[0], self.decide.in_channels, *observation.shape[2:])
            hidden = torch.zeros(shape).contiguous(memory_format=torch.channels_last)
        kept = {0: hidden} if 0 in keep else {}
        drives: dict[tuple[int, bool], Tensor] = {}
        for t in range(ticks):
            block, first = (0 if self.tied else t), t == 0
            if (block, first) not in drives:  # the code does not change while it thinks: convolve it once
                shared = self.recall and (block, not first) in drives
                source = code if first else rest
                drives[block, first] = drives[block, not first] if shared else self.inject[block](source)
            with torch.set_grad_enabled(torch.is_grad_enabled() and t >= gradient_from):
                hidden = self.tick(hidden, drives[block, first], block)
            if t + 1 in keep:
                kept[t + 1] = hidden
        return Thought(self.read(hidden), hidden, kept)

    def read(self, hidden: Tensor) -> Tensor:
        return self.move(F.relu(self.decide(hidden))).float()


@dataclass
class Planner(Network):
    """A subject around a Thinker. `ticks`: how long it thinks when a maze is put before it. `layers`: it has a plan for
    each of so many states that one can be in at a cell (with and without a badge, say)."""

    module: Any
    ticks: int
    half: bool = False  # its weights are numbers of half precision
    layers: int = 1

    def begin(self, n: int, seed: int) -> PlannerSession:
        return PlannerSession(self)


class PlannerSession:
    """Thinks when the maze it sees changes, from the hidden state it is in; then acts greedily on the plan."""

    def __init__(self, subject: Planner) -> None:
        self.subject = subject
        self.seen: np.ndarray | None = None
        self.hidden: Tensor | None = None
        self.moves = np.zeros((0, 0, 0), np.int64)

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        grid = observation["grid"]
        if self.seen is None or not np.array_equal(grid, self.seen):
            with torch.no_grad():
                thought = self.subject.module.think(torch.from_numpy(grid).float(), self.subject.ticks, self.hidden)
            self.seen, self.hidden = grid.copy(), thought.hidden
            plans = thought.logits.unflatten(1, (self.subject.layers, -1))
            self.moves = plans.argmax(2).flatten(2).numpy()
        return self.moves[np.arange(len(grid)), observation.get("layer", 0), observation["cell"]]


class ValueIteration(nn.Module):
    """A scripted reference that *is* a planner: value iteration on one channel's object, two sweeps a tick.

    hidden = [V here, V after each move, best move one-hot]; V <- max(goal, discount * max over moves), and what it
    will do is read off the last four. The goal's code is its channel, as it is drawn, so values and indifference are
    known in closed form.
    """

    def __init__(self, channel: int, discount: float, sweeps: int = 2) -> None:
        super().__init__()
        self.channel, self.discount, self.sweeps = channel, discount, sweeps

    def encode(self, observation: Tensor) -> Tensor:
        return torch.stack([observation[:, WALL], observation[:, self.channel]], 1)

    def think(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
    ) -> Thought:
        code = self.encode(observation)
        wall, goal = (edit_code(code) if edit_code else code).unbind(1)
        if hidden is None:
            hidden = torch.zeros(len(code), 9, *code.shape[2:])
        kept = {0: hidden} if 0 in keep else {}
        open_ = [torch.roll(wall, (-dr, -dc), (1, 2)) < 0.5 for dr, dc in MOVES]
        for t in range(ticks):
            for _ in range(self.sweeps):
                value = torch.maximum(goal, self.discount * hidden[:, 1:5].amax(1)) * (wall < 0.5)
                ahead = [torch.roll(value, (-dr, -dc), (1, 2)) for dr, dc in MOVES]
                after = [torch.where(ok, there, value) for ok, there in zip(open_, ahead, strict=True)]
                best = F.one_hot(torch.stack(after).argmax(0), 4).movedim(3, 0)
                hidden = torch.stack([value, *after, *best.float()], 1)
            if t + 1 in keep:
                kept[t + 1] = hidden
        return Thought(self.read(hidden), hidden, kept)

    def read(self, hidden: Tensor) -> Tensor:
        return hidden[:, 5:]


class GatedValueIteration(ValueIteration):
    """Value iteration whose answer is hidden until tick `opens`: the same thoughts, indifferent until then.

    hidden [n, 10, H, W]: as ValueIteration's, and the number of ticks so far.
    """

    def __init__(self, channel: int, discount: float, opens: int, sweeps: int = 2) -> None:
        super().__init__(channel, discount, sweeps)
        self.opens = opens

    def think(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
    ) -> Thought:
        inner = None if hidden is None else hidden[:, :9]
        before = torch.zeros_like(observation[:, :1]) if hidden is None else hidden[:, 9:]
        thought = super().think(observation, ticks, inner, edit_code, keep)
        kept = {tick: torch.cat([state, before + tick], 1) for tick, state in thought.kept.items()}
        now = torch.cat([thought.hidden, before + ticks], 1)
        return Thought(self.read(now), now, kept)

    def read(self, hidden: Tensor) -> Tensor:
        if hidden.shape[1] == 9:  # asked by ValueIteration itself
            return super().read(hidden)
        return hidden[:, 5:9] * (hidden[:, 9:] >= self.opens)


class Compass(nn.Module):
    """A scripted reference that is *no* planner, and all that a reflex can be: it steps to the open neighbour that is
    nearer to the goal as the crow flies, along the longer of both offsets first; where there is none it walks into the
    wall. `reach`: how many cells further from the goal it is felt after each tick, through walls; None: everywhere.

    hidden [n, 21, H, W] = [wall, goal, ticks so far, offset in rows and in columns, open after each move, nearer after
    each, both, the move it makes one-hot]. So its goal can be read and moved by hand, what it will do is read off the
    last four, and its sense of the goal takes shape while it ticks.
    """

    def __init__(self, channel: int, reach: int | None = None) -> None:
        super().__init__()
        self.channel, self.reach = channel, reach

    def encode(self, observation: Tensor) -> Tensor:
        return torch.stack([observation[:, WALL], observation[:, self.channel]], 1)

    def think(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
    ) -> Thought:
        code = self.encode(observation)
        code = edit_code(code) if edit_code else code
        past = torch.zeros_like(code[:, 0]) if hidden is None else hidden[:, 2]
        states = {tick: self.feel(code, past + tick) for tick in {*keep, ticks} if tick <= ticks}
        return Thought(self.read(states[ticks]), states[ticks], {tick: states[tick] for tick in keep if tick <= ticks})

    def feel(self, code: Tensor, ticks: Tensor) -> Tensor:
        """The hidden state that a code [n, 2, H, W] gives after so many ticks [n, H, W]."""
        wall, goal = code.unbind(1)
        height, width = wall.shape[1:]
        at = goal.flatten(1).argmax(1).view(-1, 1, 1)
        down = (at // width - torch.arange(height).view(1, -1, 1)).expand_as(wall).float()
        across = (at % width - torch.arange(width)).expand_as(wall).float()
        reached = math.inf if self.reach is None else self.reach * ticks
        felt = (down.abs() + across.abs() <= reached).float()
        felt = felt * (goal.amax((1, 2)) > 0).float().view(-1, 1, 1)  # no goal, no heading
        down, across = down * felt, across * felt
        open_ = torch.stack([torch.roll(wall, (-dr, -dc), (1, 2)) < 0.5 for dr, dc in MOVES], 1).float()
        ahead = torch.stack([down * dr + across * dc for dr, dc in MOVES], 1).clamp(min=0)  # cells yet to go that way
        nearer = (ahead > 0).float()
        move = F.one_hot((ahead + open_ * nearer * (height + width)).argmax(1), 4).movedim(3, 1) * nearer
        return torch.cat([torch.stack([wall, goal, ticks, down, across], 1), open_, nearer, open_ * nearer, move], 1)

    def read(self, hidden: Tensor) -> Tensor:
        return hidden[:, 17:]


class Lookup(nn.Module):
    """A scripted reference that is *no* planner: at each cell, the move of the nearest remembered situation.

    A situation is the `window` x `window` patch around the cell, walls outside the maze included, and a compass: the
    offset to the brightest object, in cells. Ticks change nothing.
    """

    situations: Tensor
    answers: Tensor

    def __init__(self, window: int, entries: int) -> None:
        super().__init__()
        self.window = window
        self.register_buffer("situations", torch.zeros(entries, CHANNELS * window * window + 2, dtype=torch.int8))
        self.register_buffer("answers", torch.zeros(entries, dtype=torch.int64))
        self.last: tuple[Tensor, Tensor] | None = None  # what was read last, since ticks read the same again

    def encode(self, observation: Tensor) -> Tensor:
        half, (height, width) = self.window // 2, observation.shape[2:]
        padded = F.pad(observation, (half,) * 4)
        padded[:, WALL] = F.pad(observation[:, WALL], (half,) * 4, value=1.0)
        around = F.unfold(padded, self.window).unflatten(2, (height, width))
        brightest = (observation[:, COIN] + observation[:, EXIT]).flatten(1).argmax(1)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        offset = [brightest.view(-1, 1, 1) // width - rows, brightest.view(-1, 1, 1) % width - columns]
        return torch.cat([around, torch.stack(offset, 1).float()], 1)

    def think(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
    ) -> Thought:
        hidden = self.encode(observation)
        hidden = edit_code(hidden) if edit_code else hidden
        return Thought(self.read(hidden), hidden, dict.fromkeys(keep, hidden))

    def read(self, hidden: Tensor) -> Tensor:
        if self.last is not None and self.last[0] is hidden:
            return self.last[1]
        n, _, height, width = hidden.shape
        queries = hidden.flatten(2).transpose(1, 2).flatten(0, 1)
        centre = WALL * self.window**2 + self.window**2 // 2
        free = queries[:, centre] < 0.5
        nearest = torch.zeros(len(queries), dtype=torch.int64)
        # argmin of |q - s|^2 needs no |q|^2; in chunks, since all pairs at once do not fit
        known = self.situations.float()
        half_norm = known.square().sum(1) / 2
        parts = [(half_norm - part @ known.T).argmin(1) for part in queries[free].split(4096)]
        nearest[free] = torch.cat(parts)
        moves = F.one_hot(self.answers[nearest], 4).float().unflatten(0, (n, height, width)).permute(0, 3, 1, 2)
        self.last = hidden, moves
        return moves
