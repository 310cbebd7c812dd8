"""Keep of the zoo what ships: everything that is observed of it today, the weights of every organism (of a large one,
five), those of one network of each control, and none of what is a point of a sweep, of a replication, or what others
were built on; and the digests of all that is kept. `make zoo` runs it last; the rest can be trained again.

python docs/ship.py              slim the zoo
python docs/ship.py STORE        first take over the replications in a store: every arm that has all registered seeds
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from turncoat import registration
from turncoat.core import Arm, Organism, digest, every_claim
from turncoat.lab import needs
from turncoat.organisms import load, names
from turncoat.store import SUBJECT, Store, leaf, seal

ZOO = Path(__file__).parents[1] / "zoo"
KEPT = {"sweep": 0, "control": 1, "reference": 1, "organism": 1_000}  # networks of an arm, by its role
LARGE, FEW = 400_000, 5  # bytes of a network of which so many are kept


def registered_seeds(organism: Organism) -> dict[str, set[int]]:
    """By arm, the seeds for which any claim is registered."""
    known, found = registration.load(organism.name), dict[str, set[int]]()
    for claim in every_claim(organism.claims):
        for arm, seeds in known.get(registration.claim_id(organism, claim), {}).get("seeds", {}).items():
            found.setdefault(arm, set()).update(seeds)
    return found


def take_over(source: Store, zoo: Store) -> None:
    """Copy what was observed of replications whose arm is complete, and say which are not."""
    for name in names():
        organism = load(name)
        arms = {arm.name: arm for arm in organism.all_arms()}
        for arm, seeds in registered_seeds(organism).items():
            done = set(source.seeds(name, arms[arm])) & seeds
            if done == seeds:
                for seed in sorted(seeds):
                    copy_run(organism, arms[arm], seed, source, zoo)
            elif done:
                print(
                    f"{name}, {arm}: {len(done)} of {len(seeds)} registered runs are finished; left out until all are"
                )


def copy_run(organism: Organism, arm: Arm, seed: int, source: Store, zoo: Store) -> None:
    """One run without its weights and its log, with the traces that claims are about."""
    old, new = source.run(organism.name, arm, seed), zoo.run(organism.name, arm, seed)
    source.check_recipe(old, arm)
    assays = [c.assay for c in every_claim(organism.claims) if arm.name in (c.arm, c.control)]
    for part in ["recipe.json", "provenance.json", *(leaf(assay) for assay in assays)]:
        new.joinpath(part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(old / part, new / part)
    seal(new)
    zoo.drop_subject(organism.name, arm, seed)
    seal(new)


def slim(root: Path) -> None:
    """Drop the other weights of a store, and what nothing asks for any more."""
    store = Store(root)
    for name in names():
        organism = load(name)
        wanted = {arm: {digest(assay, pure=False) for assay in assays} for arm, assays in needs(organism).items()}
        for arm in organism.all_arms():
            for seed in store.seeds(name, arm):
                if store.has_subject(name, arm, seed):
                    size = (store.run(name, arm, seed) / SUBJECT).stat().st_size
                    if seed >= min(KEPT[arm.role], FEW if size > LARGE else KEPT[arm.role]):
                        store.drop_subject(name, arm, seed)
                for path in store.run(name, arm, seed).glob("traces/*"):
                    if path.name.partition(".")[0] not in wanted[arm.name]:
                        path.unlink()
    for parent in root.glob("*/parent-*"):
        shutil.rmtree(parent)
    for run in root.glob("*/*/seed-*"):
        seal(run)


if __name__ == "__main__":
    for store in sys.argv[1:]:
        take_over(Store(Path(store)), Store(ZOO))
    slim(ZOO)
