"""Stored subjects observed again, and trained again: does the store still say what they do?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TypedDict

import numpy as np

from turncoat import registration
from turncoat.core import Arm, Organism, TurncoatError, VerdictRow
from turncoat.runner.backends import execute
from turncoat.runner.judge import judge
from turncoat.runner.plan import FRESH, Job
from turncoat.stats import MIN_SEEDS
from turncoat.store import Store

TOLERANCE = 0.05  # by how much an effect may move on other evaluation seeds where its interval is narrower than that


class Verified(TypedDict):
    """A claim's verdict as stored and as found afresh. `agrees`: None where no run was observed afresh."""

    claim: str | None
    stored: str
    stored_effect: float | None
    fresh: str
    fresh_effect: float | None
    agrees: bool | None
    observed: int  # runs that were observed afresh,
    runs: int  # of those that were judged


def verify(source: str, organism: Organism, store: Store, seeds: int, workers: int) -> list[Verified]:
    """Observe stored subjects again with evaluation seeds that were never used, judge, and compare with the store.

    One row a claim: the stored and the fresh finding and effect, and in how many of its runs it was observed afresh.
    `agrees`: the findings are equal, and the effects differ by no more than half of the stored interval or TOLERANCE.
    Both are judged on the same seeds, the first `seeds` of each arm, since fewer seeds alone can turn shown into
    undecided: of runs whose weights are not kept, what is stored stands in.
    Raises TurncoatError where nothing can be observed afresh, or any stored file is not what was stored.
    """
    store.check(organism.name)
    apart = registration.replication_seeds(registration.load(organism.name))
    first = {
        arm.name: [seed for seed in store.asked(organism, arm) if seed not in apart][:seeds] for arm in organism.arms
    }

    def wanted(arm: Arm, seed: int) -> bool:
        return arm.name not in first or seed in first[arm.name]

    stored = judge(organism, store, wanted)
    with tempfile.TemporaryDirectory(prefix="turncoat-verify-") as folder:
        fresh = Store(folder, store.places, name="fresh")
        fallbacks = tuple(place.root for place in store.fallbacks)
        jobs, runs = [], {}
        for arm in organism.arms:
            kept = [run for seed in first[arm.name] if (run := store.run(organism, arm, seed)).trained]
            runs[arm.name] = len(kept), len(first[arm.name])
            for run in kept:
                jobs.append(Job(source, arm.name, run.seed, store.root, fallbacks, True, fresh.root, FRESH))
                fresh.run(organism, arm, run.seed).copy_subject(run)
        if not jobs:
            raise TurncoatError(
                f"{store.root} and the zoo hold no trained subject of {organism.name}: nothing to verify"
            )
        execute(jobs, workers)
        again = judge(organism, fresh, wanted)
    rows: list[Verified] = []
    for claim, old, new in zip(organism.claims, stored, again, strict=False):  # rows that no claim answers come after
        arms = [runs.get(name, (0, 0)) for name in (claim.arm, claim.control) if name]
        observed = sum(kept for kept, _ in arms)
        rows.append(
            {
                "claim": new["claim"],
                "stored": old["finding"],
                "stored_effect": old["effect"],
                "fresh": new["finding"],
                "fresh_effect": new["effect"],
                "agrees": agree(old, new) if observed else None,
                "observed": observed,
                "runs": sum(asked for _, asked in arms),
            }
        )
    return rows


def agree(old: VerdictRow, new: VerdictRow) -> bool:
    """Whether two verdicts on one claim, from the same runs and other evaluation seeds, say the same."""
    if old["finding"] != new["finding"] or (old["effect"] is None) != (new["effect"] is None):
        return False
    if old["effect"] is None or new["effect"] is None:
        return True
    margin = TOLERANCE * max(1.0, abs(old["effect"]))
    if old["low"] is not None and old["high"] is not None and old["n"] >= MIN_SEEDS:
        margin = max(margin, (old["high"] - old["low"]) / 2)
    return bool(abs(old["effect"] - new["effect"]) <= margin)


def retrain(source: str, organism: Organism, store: Store, seed: int, workers: int) -> dict[str, float]:
    """Train one organism seed again and compare its weights with the stored ones: the largest difference, and the
    largest weight. Equal on the same machine; another machine rounds differently."""
    arm = organism.arms[0]
    old = store.run(organism, arm, seed).arrays()
    with tempfile.TemporaryDirectory(prefix="turncoat-retrain-") as folder:
        fresh = Store(Path(folder))
        execute([Job(source, arm.name, seed, fresh.root, (), observe=False)], workers)
        new = fresh.run(organism, arm, seed).arrays()
    apart = max(float(np.abs(old[name] - new[name]).max()) for name in old)
    return {"largest difference": apart, "largest weight": max(float(np.abs(value).max()) for value in old.values())}
