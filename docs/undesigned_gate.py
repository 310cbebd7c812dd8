"""Writes the gate of docs/undesigned.md: python docs/undesigned_gate.py (two minutes; `make stock`).

Which published environments can be learned at all from a reward that is nearly always nought? A uniform random policy
acts for 20 000 steps in each, and an environment is admitted where it is paid in five episodes.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from turncoat.worlds.stock.minigrid import goals_of
from turncoat.worlds.stock.minihack import sibling_of
from turncoat.worlds.stock.rooms import register_environments

PAGE = Path(__file__).with_name("undesigned.md")
STEPS, PAID, LOOKS = 20_000, 5, 6
MOVING = ("MiniHack-KeyRoom-Fixed-S5-v0",)  # its closet is in one place, and the stairs anywhere in it


def candidates() -> list[str]:
    """MiniGrid's ids with one goal square that is always in one place, and MiniHack's with a fixed place that have a
    registered sibling with a random one."""
    for package in ("minigrid", "minihack"):
        register_environments(package)
    ids = [name for name in gym.registry if name.startswith("MiniGrid-") and has_one_place(name)]
    for name in gym.registry:
        sibling = sibling_of(name) if "-Room-" in name else name.replace("-Fixed", "")
        if name.startswith("MiniHack-") and sibling != name and sibling in gym.registry and name not in MOVING:
            ids.append(name)
    return ids


def has_one_place(name: str) -> bool:
    env: Any = gym.make(name, disable_env_checker=True).unwrapped
    places = set()
    for seed in range(LOOKS):
        try:
            env.reset(seed=seed)
        except FileNotFoundError:  # a pattern that its package does not bring
            return False
        places.add(tuple(goals_of(env)))
    return len(places) == 1 and len(places.pop()) == 1


def paid(name: str) -> tuple[int, int]:
    """Episodes in which a random policy is paid, and all episodes, in 20 000 steps."""
    env: Any = gym.make(name, disable_env_checker=True)
    rng, rewarded, episodes = np.random.default_rng(0), 0, 0

    def begin() -> None:
        if name.startswith("MiniHack"):
            env.unwrapped.seed(episodes, episodes, reseed=False)  # NetHack's own, of one reset
        env.reset(seed=None if episodes else 0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NetHack says so where an episode is cut in the middle of a question
        begin()
        for _ in range(STEPS):
            _, reward, ended, cut, _ = env.step(int(rng.integers(env.action_space.n)))
            if ended or cut:
                rewarded, episodes = rewarded + (float(reward) > 0), episodes + 1
                begin()
    return rewarded, episodes


def table() -> str:
    lines = ["| environment | paid | episodes |  |", "|---|--:|--:|---|"]
    for name in candidates():
        rewarded, episodes = paid(name)
        lines.append(f"| {name} | {rewarded} | {episodes} | {'admitted' if rewarded >= PAID else 'excluded'} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


if __name__ == "__main__":
    part = f"<!-- measured: gate -->\n\n{table()}\n\n<!-- end -->"
    text = re.sub(r"<!-- measured: gate -->.*?<!-- end -->", lambda _: part, PAGE.read_text("utf-8"), flags=re.S)
    PAGE.write_text(text, "utf-8")
