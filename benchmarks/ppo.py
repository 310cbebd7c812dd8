"""How fast PPO trains: environment steps per CPU-second, one thread, and which share of it the update takes.

python benchmarks/ppo.py

The first row is the peer's own setting (jaxgmg's smallest network: a 3 x 128 perceptron on the 13 x 13 corner world,
256 environments x 128 steps, 5 epochs x 8 minibatches); the peer reaches 26.9 K on the same machine, and spends 91-93%
of the time in the update. An update is what follows the last observation of playing.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from statistics import median

import torch

from turncoat.train.rl.ppo import Settings, TrainMLP, TrainPPO, improve
from turncoat.worlds.goals.cheese import CheeseCorner
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.grid.engine import Engine

PEERS = Settings(envs=256, span=128, epochs=5, minibatches=8)
SETTINGS: dict[str, TrainPPO] = {
    "corner, MLP 3 x 128, the peer's setting": TrainMLP(CheeseCorner(), levels=1024, settings=PEERS),
    "the same, 8192 levels": TrainMLP(CheeseCorner(), levels=8192, settings=PEERS),
    "the same, 1024 environments x 128 steps": TrainMLP(
        CheeseCorner(), levels=1024, settings=replace(PEERS, envs=1024)
    ),
    "the same, 1 epoch": TrainMLP(CheeseCorner(), levels=1024, settings=replace(PEERS, envs=1024, epochs=1)),
    "keys, ForagerNet, as `TrainPPO` is": TrainPPO(KeysChests()),
    "keys, ForagerNet, as the zoo trains it": TrainPPO(
        KeysChests(), settings=Settings(learning_rate=4e-3, minibatches=16)
    ),
    "leader, ForagerNet with memory": TrainPPO(FollowLeader(), memory=True),
}


def measure(recipe: TrainPPO, updates: int) -> tuple[list[float], float]:
    """Thousands of steps per CPU-second of each update after the first, and the share of time spent updating."""
    torch.manual_seed(0)
    net = recipe.build().module
    engine = Engine(recipe.world, recipe.settings.envs, 0, pool=recipe.levels)
    prepare = recipe.look(engine, net)
    calls: list[float] = []  # when each observation was made ready: the last of an update is where playing ends

    def timed(seen: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        ready = prepare(seen)
        calls.append(time.process_time())
        return ready

    rates, learning, whole = [], 0.0, 0.0
    before = time.process_time()
    for update, _ in enumerate(improve(net, engine, timed, updates, recipe.settings, 0)):
        now = time.process_time()
        if update:
            rates.append(recipe.settings.envs * recipe.settings.span / (now - before) / 1e3)
            learning, whole = learning + now - calls[-1], whole + now - before
        before = now
    return rates, learning / whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--only", default="", help="settings whose name has this in it")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| setting | best | median | in the update |\n|---|--:|--:|--:|   (K environment steps / CPU-second)")
    for name, recipe in SETTINGS.items():
        if chosen.only in name:
            rates, share = measure(recipe, chosen.updates)
            print(f"| {name} | {max(rates):.1f} | {median(rates):.1f} | {share:.0%} |", flush=True)


if __name__ == "__main__":
    main()
