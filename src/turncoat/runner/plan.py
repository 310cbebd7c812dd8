"""What has to be trained and observed: what the claims, sweeps and plots need, less what the store has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from turncoat.core import Arm, Assay, Organism, Readout, TurncoatError, digest, every_claim
from turncoat.store import Store, place

EVALUATION = 1_000_000  # observations are seeded apart from training,
FRESH = 2_000_000  # and verification apart from both


@dataclass(frozen=True)
class Job:
    """One arm and seed of one organism, in words that a new process understands."""

    source: str  # name or path of the organism
    arm: str
    seed: int
    store: Path
    fallbacks: tuple[Path, ...]  # read where the store lacks something
    observe: bool = True
    traces: Path | None = None  # where traces go instead of the store (verification)
    offset: int = EVALUATION
    limit: int | None = None

    @property
    def label(self) -> str:
        return f"{self.arm}, seed {self.seed}"

    def open_store(self) -> Store:
        return Store(self.store, [place(root) for root in self.fallbacks])


def smoke(organism: Organism, limit: int) -> Organism:
    """The organism with every recipe cut to `limit` updates. Raises TurncoatError where a recipe cannot be cut."""
    arms = []
    for arm in organism.arms:
        cut = getattr(arm.recipe, "smoke", None)
        arms.append(replace(arm, recipe=cut(limit)) if cut else arm)
    if all(one is other for one, other in zip(arms, organism.arms, strict=True)):
        raise TurncoatError(f"{organism.name}: its recipes have no smoke(limit) method, so --limit means nothing here")
    return replace(organism, arms=tuple(arms), sweeps=(), phase_diagrams=(), random_designs=None)


def observations(organism: Organism) -> dict[str, list[Assay]]:
    """Assays to observe for each arm name, each distinct observation once."""
    wanted: dict[str, dict[str, Assay]] = {arm.name: {} for arm in organism.all_arms()}
    names = {digest(arm.recipe): arm.name for arm in reversed(organism.all_arms())}

    def want(arm: Arm, what: Assay | Readout) -> None:
        assay = what.assay if isinstance(what, Readout) else what
        wanted[names[digest(arm.recipe)]].setdefault(digest(assay), assay)

    for claim in every_claim(organism.claims):
        for name in (claim.arm, claim.control):
            if name is not None:
                want(organism.arm(name), claim.readout)
    for family in organism.families:
        for arm in organism.family_arms(family):
            for readout in family.readouts:
                want(arm, readout)
    for plot in organism.trace_plots:
        for name in plot.arms:
            want(organism.arm(name), plot.assay)
    for outcomes in organism.outcome_plots:
        for name in outcomes.arms:
            for readout in outcomes.outcomes:
                want(organism.arm(name), readout)
    if organism.replay is not None:
        for name in (organism.arms[0].name, *organism.replay_arms):
            want(organism.arm(name), organism.replay)
    return {name: list(assays.values()) for name, assays in wanted.items()}


def plan(
    source: str,
    organism: Organism,
    store: Store,
    seeds: int,
    first: int = 0,
    arms: tuple[str, ...] = (),
    observe: bool = True,
    limit: int | None = None,
) -> list[Job]:
    """The jobs that are not done yet, arm by arm. `seeds` from `first` on, at most `arm.seeds` of them; or `arm.seed`,
    if it has one of its own."""
    wanted, jobs = observations(organism), []
    fallbacks = tuple(place.root for place in store.fallbacks)
    for arm in organism.all_arms():
        if arms and arm.name not in arms:
            continue
        asked = range(first, first + min(seeds, arm.seeds or seeds)) if arm.seed is None else (arm.seed,)
        for seed in asked:
            run = store.run(organism, arm, seed)
            if not run.finished or (observe and not all(run.observed(assay) for assay in wanted[arm.name])):
                jobs.append(Job(source, arm.name, seed, store.root, fallbacks, observe, limit=limit))
    return jobs
