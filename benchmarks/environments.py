"""How fast worlds run: steps per CPU-second with random moves, one thread, the whole observation looked at every step.

python benchmarks/environments.py                   every world at 64, 1024 and 8192 episodes side by side
python benchmarks/environments.py --batches 1024 --worlds corner keys

"engine" is what a trainer gets: `Engine.step` and from it the full observation as arrays, what is static included
(`Engine.full_observation`), of which a number is read, and the rewards are summed. Nothing is lazy, so nothing is left
undone when the clock is read. "Gymnasium" is `GridVectorEnv.step`, all rows of which share a stream: it checks actions,
gives arrays of the caller's own, and measures each episode that ends (in the world of keys by an exact oracle, which
takes most of the time).

The peer is jaxgmg (jit-compiled JAX, github.com/matomatical/jaxgmg), the same two worlds at 13 x 13, measured in the
same run if it can be imported: figures of another machine or another day say nothing. There the whole observation is
summed, or the compiler would leave it out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import torch

from turncoat.worlds.goals.cheese import CheeseCorner, CheeseDish
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.goals.follow_leader import FollowLeader
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.goals.monster_world import MonsterWorld
from turncoat.worlds.grid.engine import Engine
from turncoat.worlds.gym.grid import GridVectorEnv

WORLDS: dict[str, Any] = {
    "corner": CheeseCorner(), "keys": KeysChests(), "dish": CheeseDish(), "coin": CoinRun(),
    "leader": FollowLeader(), "monster": MonsterWorld(),
}  # fmt: skip


def timed(steps: int, run: Callable[[], Any]) -> float:
    """Millions of steps per CPU-second."""
    start = time.process_time()
    run()
    return steps / (time.process_time() - start) / 1e6


def with_engine(name: str, moves: np.ndarray) -> Callable[[], float]:
    """Moves [T, n] on an engine."""
    engine, actions = Engine(WORLDS[name], moves.shape[1], 0), torch.from_numpy(moves)

    def run() -> float:
        total = 0.0
        for row in actions:
            seen, reward, _, _ = engine.step(row)
            arrays = engine.full_observation(seen).values()
            total += sum(float(array.flat[-1]) for array in arrays) + float(reward.sum())
        return total

    return run


def with_gymnasium(name: str, moves: np.ndarray) -> Callable[[], float]:
    """Moves [T, n] in a vector environment."""
    envs = GridVectorEnv(moves.shape[1], WORLDS[name], shared_stream=True)
    envs.reset(seed=0)

    def run() -> float:
        total = 0.0
        for row in moves:
            seen, reward, *_ = envs.step(row)
            total += sum(float(array.flat[-1]) for array in seen.values()) + float(reward.sum())
        return total

    return run


def with_peer(name: str, moves: np.ndarray) -> Callable[[], Any]:
    """As many steps, with random moves of its own, in jaxgmg."""
    import jax
    from jax import numpy as jnp
    from jaxgmg.environments import cheese_in_the_corner, keys_and_chests
    from jaxgmg.procgen.maze_generation import BlockMazeGenerator

    count, n = moves.shape
    world: Any = {"corner": cheese_in_the_corner, "keys": keys_and_chests}[name]
    few = {"num_keys_min": 3, "num_keys_max": 3, "num_chests_min": 10, "num_chests_max": 10} if name == "keys" else {}
    env = world.Env()
    maker = world.LevelGenerator(height=13, width=13, maze_generator=BlockMazeGenerator(), **few)
    levels = maker.vsample(jax.random.PRNGKey(0), num_levels=n)

    def play(key: Any) -> Any:
        def step(carry: Any, key: Any) -> Any:
            state, total = carry
            seen, state, reward, _, _ = env.vstep(key, state, jax.random.choice(key, 4, (n,)))
            seen = jax.lax.optimization_barrier(seen)
            total += sum(jnp.sum(leaf, dtype=jnp.float32) for leaf in jax.tree_util.tree_leaves(seen)) + reward.sum()
            return (state, total), None

        _, state = env.vreset_to_level(levels=levels)
        (_, total), _ = jax.lax.scan(step, (state, 0.0), jax.random.split(key, count))
        return total

    compiled = jax.jit(play)
    return lambda: jax.block_until_ready(compiled(jax.random.PRNGKey(1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--batches", nargs="*", type=int, default=[64, 1024, 8192])
    parser.add_argument("--repetitions", type=int, default=7)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    columns: dict[str, Any] = {"engine": with_engine, "Gymnasium": with_gymnasium}
    if all(find_spec(name) for name in ("jax", "jaxgmg")):
        columns["jaxgmg"] = with_peer
    else:
        print("jaxgmg is not installed, so there is nothing here to compare with.\n")
    heads = "".join(f" {name} best | median |" for name in columns)
    print(f"| world | batch |{heads}   (M steps / CPU-second)\n|---|--:|{'--:|--:|' * len(columns)}")
    for name in chosen.worlds:
        for batch in chosen.batches:
            shape = max(8, min(512, 400_000 // batch)), batch
            moves = np.random.default_rng(0).integers(0, len(WORLDS[name].action_names), shape)
            cells = ""
            for column, make in columns.items():
                if column == "jaxgmg" and name not in ("corner", "keys"):
                    cells += " | |"
                    continue
                run = make(name, moves)
                run()  # warms up, and takes the episodes out of step with each other
                speeds = [timed(moves.size, run) for _ in range(chosen.repetitions)]
                cells += f" {max(speeds):.2f} | {median(speeds):.2f} |"
            print(f"| {name} | {batch} |{cells}", flush=True)


if __name__ == "__main__":
    main()
