"""Planners that nobody trains: what the certificate of a planner must fire on, and what it must not.

Their interface is `RecurrentPlanner`'s; a tick is `tick(code, hidden)`, and weights they have none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from turncoat.models.recurrent_planner import EditCode, PlannerOutput
from turncoat.worlds.goals.maze import CHANNELS, COIN, EXIT, WALL
from turncoat.worlds.grid.geometry import MOVES


class ScriptedPlanner(nn.Module):
    """The iteration that they share. Their code is the walls and one channel's object, as they are drawn."""

    def __init__(self, channel: int = COIN) -> None:
        super().__init__()
        self.channel = channel

    def encode(self, observation: Tensor) -> Tensor:
        """[n, 2, H, W]: walls and goal of an observation [n, 4, H, W]."""
        return torch.stack([observation[:, WALL], observation[:, self.channel]], 1)

    def start(self, code: Tensor, hidden: Tensor | None) -> Tensor:
        """The hidden state [n, C, H, W] to go on from."""
        raise NotImplementedError

    def tick(self, code: Tensor, hidden: Tensor) -> Tensor:
        """The next hidden state."""
        raise NotImplementedError

    def policy_logits(self, hidden: Tensor) -> Tensor:
        """Move logits [n, 4, H, W]."""
        raise NotImplementedError

    def iterate(
        self,
        observation: Tensor,
        ticks: int,
        hidden: Tensor | None = None,
        edit_code: EditCode | None = None,
        keep: Sequence[int] = (),
    ) -> PlannerOutput:
        """As RecurrentPlanner.iterate."""
        code = self.encode(observation)
        code = edit_code(code) if edit_code else code
        hidden = self.start(code, hidden)
        kept = {0: hidden} if 0 in keep else {}
        for t in range(ticks):
            hidden = self.tick(code, hidden)
            if t + 1 in keep:
                kept[t + 1] = hidden
        return PlannerOutput(self.policy_logits(hidden), hidden, kept)


class ValueIteration(ScriptedPlanner):
    """A planner by construction: value iteration on one channel's object, two sweeps a tick.

    hidden [n, 9, H, W] = [V here, V after each move, best move one-hot]; V <- max(goal, discount * max over moves), and
    the policy is the last four. So values, and between what it is indifferent, are known in closed form.
    """

    def __init__(self, channel: int, discount: float, sweeps: int = 2) -> None:
        super().__init__(channel)
        self.discount, self.sweeps = discount, sweeps

    def start(self, code: Tensor, hidden: Tensor | None) -> Tensor:
        return torch.zeros(len(code), 9, *code.shape[2:]) if hidden is None else hidden

    def tick(self, code: Tensor, hidden: Tensor) -> Tensor:
        wall, goal = code.unbind(1)
        open_ = [torch.roll(wall, (-dr, -dc), (1, 2)) < 0.5 for dr, dc in MOVES]
        for _ in range(self.sweeps):
            value = torch.maximum(goal, self.discount * hidden[:, 1:5].amax(1)) * (wall < 0.5)
            neighbours = [torch.roll(value, (-dr, -dc), (1, 2)) for dr, dc in MOVES]
            after = [torch.where(ok, there, value) for ok, there in zip(open_, neighbours, strict=True)]
            best = F.one_hot(torch.stack(after).argmax(0), 4).movedim(3, 0)
            hidden = torch.stack([value, *after, *best.float()], 1)
        return hidden

    def policy_logits(self, hidden: Tensor) -> Tensor:
        return hidden[:, 5:]


class DelayedValueIteration(ValueIteration):
    """Value iteration that keeps its answer to itself until tick `delay`: the same values, indifferent until then.

    hidden [n, 10, H, W]: as ValueIteration's, and the number of ticks so far.
    """

    def __init__(self, channel: int, discount: float, delay: int, sweeps: int = 2) -> None:
        super().__init__(channel, discount, sweeps)
        self.delay = delay

    def start(self, code: Tensor, hidden: Tensor | None) -> Tensor:
        return torch.zeros(len(code), 10, *code.shape[2:]) if hidden is None else hidden

    def tick(self, code: Tensor, hidden: Tensor) -> Tensor:
        return torch.cat([super().tick(code, hidden[:, :9]), hidden[:, 9:] + 1], 1)

    def policy_logits(self, hidden: Tensor) -> Tensor:
        return hidden[:, 5:9] * (hidden[:, 9:] >= self.delay)


class GreedyDirection(ScriptedPlanner):
    """*No* planner, and all that a reflex can be: it steps to the open neighbour that is nearer to the goal as the crow
    flies, along the longer of both offsets first; where there is none it walks into the wall. `reach`: how many cells
    further from the goal its direction is known after each tick, through walls; None: everywhere at once.

    hidden [n, 21, H, W] = [wall, goal, ticks so far, offset in rows and in columns, open after each move, nearer after
    each, both, the move it makes one-hot]. So its goal can be read and moved by hand, its policy is the last four, and
    its sense of direction takes shape as it ticks.
    """

    def __init__(self, channel: int, reach: int | None = None) -> None:
        super().__init__(channel)
        self.reach = reach

    def start(self, code: Tensor, hidden: Tensor | None) -> Tensor:
        return self.after(code, torch.zeros_like(code[:, 0]) if hidden is None else hidden[:, 2])

    def tick(self, code: Tensor, hidden: Tensor) -> Tensor:
        return self.after(code, hidden[:, 2] + 1)

    def after(self, code: Tensor, ticks: Tensor) -> Tensor:
        """The hidden state that a code [n, 2, H, W] gives after so many ticks [n, H, W]."""
        wall, goal = code.unbind(1)
        height, width = wall.shape[1:]
        at = goal.flatten(1).argmax(1).view(-1, 1, 1)
        down = (at // width - torch.arange(height).view(1, -1, 1)).expand_as(wall).float()
        across = (at % width - torch.arange(width)).expand_as(wall).float()
        reached = math.inf if self.reach is None else self.reach * ticks
        known = (down.abs() + across.abs() <= reached).float()
        known = known * (goal.amax((1, 2)) > 0).float().view(-1, 1, 1)  # no goal, no direction
        down, across = down * known, across * known
        open_ = torch.stack([torch.roll(wall, (-dr, -dc), (1, 2)) < 0.5 for dr, dc in MOVES], 1).float()
        left = torch.stack([down * dr + across * dc for dr, dc in MOVES], 1).clamp(min=0)  # cells to go that way
        nearer = (left > 0).float()
        move = F.one_hot((left + open_ * nearer * (height + width)).argmax(1), 4).movedim(3, 1) * nearer
        return torch.cat([torch.stack([wall, goal, ticks, down, across], 1), open_, nearer, open_ * nearer, move], 1)

    def policy_logits(self, hidden: Tensor) -> Tensor:
        return hidden[:, 17:]


class NearestNeighbourMoves(ScriptedPlanner):
    """*No* planner: at each cell, the move of the nearest remembered situation. Ticks change nothing.

    A situation is the `window` x `window` patch around the cell, walls outside the maze included, and the offset to the
    brightest object, in cells. hidden [n, 4 * window^2 + 2, H, W] = code = the situation at each cell. `entries`: how
    many situations it holds, with the `moves` that go with them.
    """

    situations: Tensor
    moves: Tensor

    def __init__(self, window: int, entries: int) -> None:
        super().__init__()
        self.window = window
        self.register_buffer("situations", torch.zeros(entries, CHANNELS * window * window + 2, dtype=torch.int8))
        self.register_buffer("moves", torch.zeros(entries, dtype=torch.int64))
        self.last: tuple[Tensor, Tensor] | None = None  # what was looked up last, since ticks ask for the same again

    def encode(self, observation: Tensor) -> Tensor:
        half, (height, width) = self.window // 2, observation.shape[2:]
        padded = F.pad(observation, (half,) * 4)
        padded[:, WALL] = F.pad(observation[:, WALL], (half,) * 4, value=1.0)
        around = F.unfold(padded, self.window).unflatten(2, (height, width))
        brightest = (observation[:, COIN] + observation[:, EXIT]).flatten(1).argmax(1)
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        offset = [brightest.view(-1, 1, 1) // width - rows, brightest.view(-1, 1, 1) % width - columns]
        return torch.cat([around, torch.stack(offset, 1).float()], 1)

    def start(self, code: Tensor, hidden: Tensor | None) -> Tensor:
        return code

    def tick(self, code: Tensor, hidden: Tensor) -> Tensor:
        return hidden

    def policy_logits(self, hidden: Tensor) -> Tensor:
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
        logits = F.one_hot(self.moves[nearest], 4).float().unflatten(0, (n, height, width)).permute(0, 3, 1, 2)
        self.last = hidden, logits
        return logits
