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

from turncoat.train.rl.ppo import PPOConfig, TrainAttentionPPO, TrainMLPPPO, ppo_updates
from turncoat.worlds.goals.cheese import CheeseCorner
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.grid.engine import Engine

PEERS = PPOConfig(n_envs=256, n_steps=128, n_epochs=5, n_minibatches=8)
SETTINGS: dict[str, TrainAttentionPPO | TrainMLPPPO] = {
    "corner, MLP 3 x 128, the peer's setting": TrainMLPPPO(CheeseCorner(), n_levels=1024, ppo=PEERS),
    "the same, 8192 levels": TrainMLPPPO(CheeseCorner(), n_levels=8192, ppo=PEERS),
    "the same, 1024 environments x 128 steps": TrainMLPPPO(
        CheeseCorner(), n_levels=1024, ppo=replace(PEERS, n_envs=1024)
    ),
    "the same, 1 epoch": TrainMLPPPO(CheeseCorner(), n_levels=1024, ppo=replace(PEERS, n_envs=1024, n_epochs=1)),
    "keys, ObjectAttentionNet, as `TrainAttentionPPO` is": TrainAttentionPPO(KeysChests()),
    "keys, ObjectAttentionNet, as the zoo trains it": TrainAttentionPPO(
        KeysChests(), ppo=PPOConfig(learning_rate=4e-3, n_minibatches=16)
    ),
    "leader, ObjectAttentionNet with memory": TrainAttentionPPO(FollowLeader(), memory=True),
}


def measure(recipe: TrainAttentionPPO | TrainMLPPPO, updates: int) -> tuple[list[float], float]:
    """Thousands of steps per CPU-second of each update after the first, and the share of time spent updating."""
    torch.manual_seed(0)
    net = recipe.build().module
    engine = Engine(recipe.world, recipe.ppo.n_envs, 0, pool=recipe.n_levels)
    preprocess = recipe.preprocess(engine, net)
    calls: list[float] = []  # when each observation was made ready: the last of an update is where playing ends

    def timed(seen: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        ready = preprocess(seen)
        calls.append(time.process_time())
        return ready

    rates, learning, whole = [], 0.0, 0.0
    before = time.process_time()
    for update, _ in enumerate(ppo_updates(net, engine, timed, updates, recipe.ppo, 0)):
        now = time.process_time()
        if update:
            rates.append(recipe.ppo.n_envs * recipe.ppo.n_steps / (now - before) / 1e3)
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
