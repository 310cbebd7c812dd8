"""How fast worlds run: steps per CPU-second with random moves, one thread, the whole observation looked at every step.

python benchmarks/environments.py                   every world at 64, 1024 and 8192 episodes side by side
python benchmarks/environments.py --batches 1024 --worlds corner keys

What is measured is what a trainer of any kind gets: `Engine.step` and from it the full observation as arrays, scenery
included (`Engine.whole`), of which a number is read, and the rewards are summed. Nothing is lazy, so nothing is left
undone when the clock is read. The peer is jaxgmg (jit-compiled JAX) on the same machine and the same two worlds at 13 x
13.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import torch

from turncoat.worlds.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.coinrun import CoinRun
from turncoat.worlds.engine import Engine
from turncoat.worlds.keys import KeysChests
from turncoat.worlds.leader import FollowLeader
from turncoat.worlds.monster import MonsterWorld

WORLDS: dict[str, Any] = {
    "corner": CheeseCorner(), "keys": KeysChests(), "dish": CheeseDish(), "coin": CoinRun(),
    "leader": FollowLeader(), "monster": MonsterWorld(),
}  # fmt: skip
PEER = {("corner", 64): 1.08, ("corner", 1024): 1.82, ("corner", 8192): 1.65,
        ("keys", 64): 0.75, ("keys", 1024): 0.97, ("keys", 8192): 0.56}  # fmt: skip
GOAL = {("corner", 1024): 3.6, ("keys", 1024): 1.9}


def speed(engine: Engine, moves: torch.Tensor) -> float:
    """Millions of steps per CPU-second over moves [T, n]."""
    total = 0.0
    start = time.process_time()
    for actions in moves:
        seen, reward, _, _ = engine.step(actions)
        for array in engine.whole(seen).values():
            total += float(array.flat[-1])
        total += float(reward.sum())
    return moves.numel() / (time.process_time() - start) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--batches", nargs="*", type=int, default=[64, 1024, 8192])
    parser.add_argument("--repetitions", type=int, default=7)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print("| world | batch | best | median | peer | goal |\n|---|--:|--:|--:|--:|--:|   (M steps / CPU-second)")
    for name in chosen.worlds:
        for batch in chosen.batches:
            engine = Engine(WORLDS[name], batch, 0)
            moves = torch.randint(len(WORLDS[name].moves), (max(8, min(512, 400_000 // batch)), batch))
            speed(engine, moves)  # warms up, and takes the episodes out of step with each other
            runs = [speed(engine, moves) for _ in range(chosen.repetitions)]
            peer, goal = (f"{where[name, batch]:.2f}" if (name, batch) in where else "" for where in (PEER, GOAL))
            print(f"| {name} | {batch} | {max(runs):.2f} | {median(runs):.2f} | {peer} | {goal} |", flush=True)


if __name__ == "__main__":
    main()
