"""How long the commands that need no model take to answer, and a plan with nothing to do: best of five, in seconds.
With their budgets.

python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time

COMMANDS = {("--help",): 0.3, ("list",): 0.5, ("table",): 0.3}  # budget in seconds
PLAN = 0.2


def best(arguments: tuple[str, ...], turns: int = 5) -> float:
    """Wall time of the fastest of several turns: the machine's noise only ever adds."""
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "turncoat", *arguments], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def slowest_plan(turns: int = 5) -> tuple[str, float]:
    """The organism whose plan of all that the zoo holds takes longest, and the fastest of its turns, all afresh."""
    from turncoat.organisms import load, names
    from turncoat.runner.plan import plan
    from turncoat.store import Store, zoo_path

    zoo = zoo_path()
    assert zoo is not None
    took = {}
    for name in names():
        times = []
        for _ in range(turns):
            organism, store = load(name), Store(zoo)
            start = time.perf_counter()
            plan(name, organism, store, 10)
            times.append(time.perf_counter() - start)
        took[name] = min(times)
    return max(took.items(), key=lambda item: item[1])


def main() -> int:
    took = {arguments: best(arguments) for arguments in COMMANDS}
    print("| command | best of five (s) | budget (s) |\n|---|--:|--:|")
    for arguments, seconds in took.items():
        print(f"| `turncoat {' '.join(arguments)}` | {seconds:.2f} | {COMMANDS[arguments]} |")
    name, seconds = slowest_plan()
    print(f"| plan of {name} | {seconds:.2f} | {PLAN} |")
    return int(seconds > PLAN or any(seconds > COMMANDS[arguments] for arguments, seconds in took.items()))


if __name__ == "__main__":
    sys.exit(main())
