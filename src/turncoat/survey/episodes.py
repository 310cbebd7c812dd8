"""Episodes of any Gymnasium environment, and how often a thing happened in them, with its exact interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from turncoat.stats.runs import clopper_pearson

AT_ONCE = 20  # episodes side by side
MOST_STEPS = 10_000  # of an episode that its environment does not end

Env = gym.Env[Any, Any]  # of whatever observations
Begin = Callable[[int], tuple[Env, Any]]  # of a seed: an environment and its first observation
Observations = np.ndarray | dict[str, np.ndarray]


@dataclass(frozen=True)
class Share:
    """k of n, with its Clopper-Pearson 95% interval; nought, and anything from 0 to 1, where n is nought."""

    share: float
    low: float
    high: float
    k: int
    n: int


def share(k: int, n: int) -> Share:
    return Share(k / n, *clopper_pearson(k, n), k, n) if n else Share(0.0, 0.0, 1.0, 0, 0)


@dataclass(frozen=True)
class Episode:
    """One that is over. `paid`: whether any step paid more than nothing; `info`: of the last step."""

    paid: bool
    info: Mapping[str, Any]


class Acts(Protocol):
    """What acts: logits [n, A] of observations [n, ...], or of a dict of such."""

    def logits(self, observations: Observations) -> np.ndarray: ...


@dataclass(frozen=True)
class AtRandom:
    """The floor: each action as likely as any other."""

    actions: int

    def logits(self, observations: Observations) -> np.ndarray:
        some = next(iter(observations.values())) if isinstance(observations, dict) else observations
        return np.zeros((len(some), self.actions))


def play(acts: Acts, begin: Begin, n: int, seed: int) -> list[Episode]:
    """n episodes. Episode i has seed + i, of its level and of its actions."""
    seeds = range(seed, seed + n)
    return [episode for i in range(0, n, AT_ONCE) for episode in play_side_by_side(acts, begin, seeds[i : i + AT_ONCE])]


def play_side_by_side(acts: Acts, begin: Begin, seeds: Sequence[int]) -> list[Episode]:
    noise = [np.random.default_rng([seed, 13]) for seed in seeds]
    begun = [begin(seed) for seed in seeds]
    envs, seen = [env for env, _ in begun], [first for _, first in begun]
    paid, info = [False] * len(envs), [dict[str, Any]() for _ in envs]
    running = list(range(len(envs)))
    for _ in range(MOST_STEPS):
        logits, going = acts.logits(stacked([seen[i] for i in running])), []
        for row, i in zip(logits, running, strict=True):
            action = int(np.argmax(row + noise[i].gumbel(size=len(row))))
            seen[i], reward, ended, cut, info[i] = envs[i].step(action)
            paid[i] |= float(reward) > 0
            if not (ended or cut):
                going.append(i)
        if not (running := going):
            break
    for env in envs:
        env.close()
    return [Episode(*each) for each in zip(paid, info, strict=True)]


def stacked(observations: Sequence[Any]) -> Observations:
    """One array, or a dict of them, with a row an observation."""
    first = observations[0]
    if isinstance(first, dict):
        return {name: np.stack([one[name] for one in observations]) for name in first}
    return np.stack(observations)
