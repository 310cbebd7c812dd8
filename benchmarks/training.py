"""What one training run costs: CPU-seconds and memory of the organism's recipe, one thread.

python benchmarks/training.py                                   the organism, seed 0
python benchmarks/training.py --beside "python other.py"        the same, with another command's cost in the same run

Budget: 150 CPU-seconds and 1.5 GB. Each is run in a process of its own; `--beside` runs after it on the same machine,
so that the ratio is worth something where the seconds are not.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys

TRAIN = """
import torch
torch.set_num_threads(1)
from turncoat.organisms import load
organism = load("maze_planner")
for step in organism.arms[0].recipe.train(0):
    pass
traces = organism.world.rollout(step.subject, 300, 1, {"size": 13})
print(f"   seed 0: {traces['optimal'].mean():.3f} of 300 held-out 13x13 episodes walked by a shortest path")
"""


def cost(command: list[str]) -> tuple[float, float]:
    """CPU-seconds (user and system) and peak memory (GB) of a command."""
    process = subprocess.Popen(command, env=dict(os.environ, OMP_NUM_THREADS="1"))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} ... failed with status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", help="another command to measure in the same run")
    beside = parser.parse_args().beside
    seconds, memory = cost([sys.executable, "-c", TRAIN])
    print("| run | CPU-seconds | peak memory (GB) |\n|---|--:|--:|")
    print(f"| maze_planner, one seed | {seconds:.0f} | {memory:.2f} |")
    if beside:
        other, others = cost(shlex.split(beside))
        print(f"| beside | {other:.0f} | {others:.2f} |\n\nratio: {seconds / other:.2f}")
    print(f"\nbudget of 150 CPU-seconds and 1.5 GB: {'kept' if seconds <= 150 and memory <= 1.5 else 'NOT kept'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
