"""What one training run costs: CPU-seconds and memory of each organism's recipe, one thread.

python benchmarks/training.py                                   every organism, seed 0
python benchmarks/training.py maze_planner --beside "python other.py"   one, and another command's cost in the same run

Each is run in a process of its own, imports included; `--beside` runs after it on the same machine, so that the ratio
is worth something where the seconds are not. Budgets are in BUDGET; memory should stay below 1.5 GB.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys

from turncoat.organisms import names

BUDGET = {"maze_planner": 150, "cheese_corner": 60}  # CPU-seconds
OTHERS = 180
TRAIN = """
import sys, torch
torch.set_num_threads(1)
from turncoat.organisms import load
for step in load(sys.argv[1]).arms[0].recipe.train(0):
    pass
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
    parser.add_argument("names", nargs="*", default=names(), metavar="NAME", help="organisms; all of them without any")
    parser.add_argument("--beside", help="another command to measure in the same run")
    options, kept = parser.parse_args(), True
    print("| run | CPU-seconds | budget | peak memory (GB) |\n|---|--:|--:|--:|")
    for name in options.names:
        seconds, memory = cost([sys.executable, "-c", TRAIN, name])
        budget = BUDGET.get(name, OTHERS)
        kept = kept and seconds <= budget and memory <= 1.5
        print(f"| {name}, one seed | {seconds:.0f} | {budget} | {memory:.2f} |", flush=True)
    if options.beside:
        other, others = cost(shlex.split(options.beside))
        print(f"| beside | {other:.0f} | | {others:.2f} |\n\nratio to the last: {seconds / other:.2f}")
    print(f"\nbudgets: {'kept' if kept else 'NOT kept'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
