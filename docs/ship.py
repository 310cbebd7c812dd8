"""Keep of the zoo what ships: everything that was observed, the weights of every organism, those of one network of each
control, and none of what is a point of a sweep or what others were built on; and the digests of all that is kept.
`make zoo` runs it last; the rest can be trained again."""

from __future__ import annotations

import shutil
from pathlib import Path

from turncoat.organisms import load, names
from turncoat.store import Store, seal

ZOO = Path(__file__).parents[1] / "zoo"
KEPT = {"sweep": 0, "control": 1, "reference": 1, "organism": 1_000}  # networks of an arm, by its role


def slim(root: Path) -> None:
    """Drop the other weights of a store."""
    store = Store(root)
    for name in names():
        for arm in load(name).all_arms():
            for seed in store.seeds(name, arm):
                if seed >= KEPT[arm.role] and store.has_subject(name, arm, seed):
                    store.drop_subject(name, arm, seed)
    for parent in root.glob("*/parent-*"):
        shutil.rmtree(parent)
    for run in root.glob("*/*/seed-*"):
        seal(run)


if __name__ == "__main__":
    slim(ZOO)
