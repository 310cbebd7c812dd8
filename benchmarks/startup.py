"""How long the commands that need no model take to answer: best of five, in seconds. Budget: 0.5 s each.

python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time

COMMANDS = (("--help",), ("list",), ("table",))
BUDGET = 0.5  # seconds


def best(arguments: tuple[str, ...], turns: int = 5) -> float:
    """Wall time of the fastest of several turns: the machine's noise only ever adds."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "turncoat", *arguments], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> int:
    took = {arguments: best(arguments) for arguments in COMMANDS}
    print("| command | best of five (s) | budget (s) |\n|---|--:|--:|")
    for arguments, seconds in took.items():
        print(f"| `turncoat {' '.join(arguments)}` | {seconds:.2f} | {BUDGET} |")
    return int(max(took.values()) > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
