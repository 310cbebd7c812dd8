"""Packs the zoo: everything that is observed of it today, the weights of every organism (of a large one, five or
three), those of one network of each control, and none of what is a point of a sweep, of a replication, or what others
were built on. Then judges it. `make zoo` runs it last; the rest can be trained again.

python docs/ship.py              pack the zoo again, without what nothing asks for any more
python docs/ship.py STORE        and take over the runs of a store; of a replication, every arm that has all its seeds
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from turncoat import registration
from turncoat.core import Arm, Organism, claim_id, digest, every_claim
from turncoat.organisms import load, names
from turncoat.runner.judge import judge
from turncoat.runner.plan import observations
from turncoat.store import Folder, Run, Store
from turncoat.store.packing import Kept, pack

ZOO = Path(__file__).parents[1] / "zoo"
KEPT = {"sweep": 0, "control": 1, "reference": 1, "organism": 1_000}  # networks of an arm, by its role
FEWER = ((400_000, 5), (700_000, 3))  # of networks of more bytes than that, at most so many


def ship(stores: list[Path], zoo: Path) -> None:
    for name in names():
        organism = load(name)
        there = Store(zoo, [Folder(store) for store in stores])
        runs = list(kept(organism, there))
        pack(organism, runs, zoo)
        Folder(zoo).save_verdicts(name, judge(organism, Store(zoo, name="zoo")))
        print(f"{name}: {len(runs)} runs", flush=True)


def kept(organism: Organism, store: Store) -> Iterator[Kept]:
    """What is kept of each run."""
    wanted, registered = observations(organism), registered_seeds(organism)
    apart = registration.replication_seeds(registration.load(organism.name))
    for arm in organism.all_arms():
        claimed = [c.readout.assay for c in every_claim(organism.claims) if arm.name in (c.arm, c.control)]
        once = tuple({digest(assay): assay for assay in claimed}.values())
        seeds = store.seeds(organism, arm)
        missing = registered.get(arm.name, set()) - set(seeds)
        if missing and missing != registered[arm.name]:
            print(
                f"{organism.name}, {arm.name}: {len(missing)} registered runs are missing; left out until all are done"
            )
        for seed in store.known(organism, arm):
            run = store.run(organism, arm, seed)
            if seed not in apart:
                yield Kept(run, tuple(wanted[arm.name]), keeps_weights(arm, run))
            elif not missing and seed in registered.get(arm.name, ()):
                yield Kept(run, once, weights=False, log=False)


def keeps_weights(arm: Arm, run: Run) -> bool:
    if not run.trained:
        return False
    size = sum(array.nbytes for array in run.arrays().values())
    return run.seed < min([KEPT[arm.role], *(most for large, most in FEWER if size > large)])


def registered_seeds(organism: Organism) -> dict[str, set[int]]:
    """By arm, the seeds for which any claim is registered."""
    known, found = registration.load(organism.name), dict[str, set[int]]()
    for claim in every_claim(organism.claims):
        for arm, seeds in known.get(claim_id(organism, claim), {}).get("seeds", {}).items():
            found.setdefault(arm, set()).update(seeds)
    return found


if __name__ == "__main__":
    ship([Path(store) for store in sys.argv[1:]], ZOO)
