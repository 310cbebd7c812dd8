"""From what was observed to verdicts: reads the store, and runs no model."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from turncoat import registration
from turncoat.boundary import user_code
from turncoat.core import (
    EXPLORATORY,
    Arm,
    Claim,
    Finding,
    Items,
    Organism,
    Readout,
    Recipe,
    Row,
    TurncoatError,
    Verdict,
    VerdictRow,
    claim_id,
    every_claim,
    lineage,
    verdict_row,
)
from turncoat.store import Run, Store

Wanted = Callable[[Arm, int], bool]  # which runs are judged, by arm and seed


@dataclass(frozen=True)
class Estimates:
    """One number a seed, and of every seed that was asked for and gave none, why."""

    values: Mapping[int, float]
    items: Mapping[int, Items] = field(default_factory=dict)  # of each seed, where the readout is of items
    lost: tuple[str, ...] = ()
    failed: bool = False  # one of them raised, and is not only still to be done
    sources: frozenset[str] = frozenset()  # names of the places that its traces are from
    untestable: str | None = None

    @property
    def nothing(self) -> bool:
        """Nothing was observed, and nothing went wrong: it was not run."""
        return not self.values and not self.failed


@user_code()
def estimates(runs: Iterable[Run], readout: Readout) -> Estimates:
    """What each of the runs gives: those of one arm that were asked for."""
    values: dict[int, float] = {}
    items: dict[int, Items] = {}
    lost: list[str] = []
    sources: set[str] = set()
    failed, assay = False, readout.assay
    for run in runs:
        whose = f"{run.arm.name}, seed {run.seed}"
        if (why := run.failure(assay)) is not None:
            failed = True
            lost.append(f"{whose}: {why}")
        elif (reason := run.untestable(assay)) is not None:
            return Estimates({}, sources=frozenset(sources), untestable=reason)
        elif (holder := run.holder(assay)) is not None and (traces := run.traces(assay)) is not None:
            if readout.sample == "item":
                items[run.seed] = readout.items(traces)
                value = items[run.seed].mean
            else:
                value = float(readout.estimate(traces))
            if np.isfinite(value):
                values[run.seed] = value
            else:
                failed = True
                lost.append(f"{whose}: its estimate is not a finite number")
            sources.add(holder.name)
        elif run.dropped:
            lost.append(f"{whose} was not observed, and its weights are not kept")
        elif run.trained:
            lost.append(f"{whose} is trained and not observed yet")
        else:
            lost.append(f"{whose} was asked for and is not finished")
    return Estimates(values, items, tuple(lost), failed, frozenset(sources))


def asked_runs(organism: Organism, arm: Arm, store: Store, wanted: Wanted = lambda arm, seed: True) -> list[Run]:
    """The runs of an arm that were asked for and are wanted."""
    runs = (store.run(organism, arm, seed) for seed in store.known(organism, arm) if wanted(arm, seed))
    return [run for run in runs if run.asked]


def judge(organism: Organism, store: Store, wanted: Wanted | None = None) -> list[VerdictRow]:
    """One row for each claim, then one for each row of the table that no claim answers. Loads no model.

    Runs of the seeds for which claims are registered are judged apart, as `replication`, and all others together.
    `wanted`: judge only these of the others.
    """
    registered = registration.load(organism.name)
    fresh_seeds, first_round = registration.replication_seeds(registered), registration.first_round(registered)
    same = same_data(organism, store)
    first = Judge(
        organism,
        store,
        lambda a, s: s not in fresh_seeds and same(a, s) and (wanted is None or wanted(a, s)),
        first_round if wanted is None else None,
    )
    again = Judge(organism, store, lambda a, s: s in fresh_seeds and same(a, s), registered)

    rows = []
    for claim in organism.claims:
        verdict, source = first.verdict(claim)
        row = verdict_row(organism.name, claim.row, verdict, claim.statement, claim_id(organism, claim), source)
        replicated = again.verdict(claim)[0] if fresh_seeds else Verdict(Finding.NOT_RUN)
        is_replicated = replicated.finding not in (Finding.NOT_RUN, Finding.NOT_TESTABLE)
        if is_replicated:
            row["replication"] = replicated.as_json()
        if is_replicated or row["id"] in first_round:
            judged = again if is_replicated else first
            runs = {name: judged.observed(name, claim) for name in (claim.arm, claim.control) if name}
            row["standing"] = registration.standing(organism, claim, runs, registered) or shipped_standing(store, row)
        rows.append(row)
    for criterion in Row:
        if criterion not in {claim.row for claim in organism.claims}:
            if criterion in organism.not_applicable:
                answer = Verdict(Finding.NOT_TESTABLE, because=organism.not_applicable[criterion])
            else:
                answer = Verdict(Finding.NOT_RUN, because=criterion.unanswered)
            rows.append(verdict_row(organism.name, criterion, answer))
    return rows


def shipped_standing(store: Store, row: VerdictRow) -> str:
    """Where there is no git: as it was found where there was one, if that was of these very numbers."""
    with contextlib.suppress(TurncoatError):  # damaged verdicts are about to be written anew
        for known in store.load_verdicts(row["organism"]) or []:
            same = ("id", "replication") if row["replication"] is not None else ("id", "effect", "low", "high")
            if all(known[name] == row[name] for name in same):  # type: ignore[literal-required]  # of its keys
                return known["standing"]
    return EXPLORATORY


class Judge:
    """The verdicts on an organism's claims over some of its runs."""

    def __init__(
        self, organism: Organism, store: Store, wanted: Wanted, registered: registration.Claims | None = None
    ) -> None:
        self.organism, self.store, self.wanted, self.registered = organism, store, wanted, registered or {}
        self.arms = {arm.name: arm for arm in organism.all_arms()}
        self.known: dict[str, tuple[Verdict, str]] = {}
        self.asked_for: dict[str, list[Run]] = {}
        self.estimated: dict[str, list[Estimates]] = {}

    def verdict(self, claim: Claim) -> tuple[Verdict, str]:
        """The verdict, and the names of the places that its traces are from."""
        key = claim_id(self.organism, claim)
        if key not in self.known:
            self.known[key] = self.fresh(claim)
        return self.known[key]

    def fresh(self, claim: Claim) -> tuple[Verdict, str]:
        from turncoat import stats

        arm = self.arms[claim.arm]
        unit = getattr(arm.recipe, "unit", "training run")
        both = self.both(claim)
        for each in both:
            if each.untestable is not None:
                return Verdict(Finding.NOT_TESTABLE, unit=unit, because=each.untestable), ""
        if any(each.nothing for each in both):
            return Verdict(Finding.NOT_RUN, unit=unit, because="not observed yet"), ""
        preconditions = [(each.statement, self.verdict(each)[0].finding) for each in claim.preconditions]
        lost = [why for each in both for why in each.lost] + self.never_asked(claim)
        if claim.readout.sample == "item":
            q = self.adjusted.get(claim_id(self.organism, claim))
            found = stats.judge_items(claim, compared(both), q, preconditions, lost, unit)
        else:
            values = [list(each.values.values()) for each in both]
            control = None if claim.control is None else values[1]
            found = stats.judge(claim, values[0], control, preconditions, claim.readout.bounds, unit, lost)
        return found, " + ".join(sorted(frozenset().union(*(each.sources for each in both))))

    @cached_property
    def adjusted(self) -> dict[str, float]:
        """Of every claim that is judged by items, its p-value adjusted for all of these (Benjamini and Hochberg)."""
        from turncoat import stats

        found: dict[str, float] = {}
        for claim in every_claim(self.organism.claims):
            if claim.readout.sample == "item":
                items = compared(self.both(claim))
                if len(items):
                    found[claim_id(self.organism, claim)] = stats.claim_p_value(claim, items)
        return dict(zip(found, stats.benjamini_hochberg(list(found.values())), strict=True))

    def both(self, claim: Claim) -> list[Estimates]:
        """What the runs of a claim's arm give, and, if it has one, those of its control."""
        code = claim_id(self.organism, claim)
        if code not in self.estimated:
            names = [name for name in (claim.arm, claim.control) if name is not None]
            self.estimated[code] = [estimates(self.runs(name), claim.readout) for name in names]
        return self.estimated[code]

    def runs(self, arm: str) -> list[Run]:
        """The runs of an arm that are judged. They are looked up once for all claims."""
        if arm not in self.asked_for:
            self.asked_for[arm] = asked_runs(self.organism, self.arms[arm], self.store, self.wanted)
        return self.asked_for[arm]

    def never_asked(self, claim: Claim) -> list[str]:
        """Runs that the claim was registered for, and that nobody asked for since."""
        seeds = self.registered.get(claim_id(self.organism, claim), {}).get("seeds", {})
        there = {name: self.store.asked(self.organism, self.arms[name]) for name in seeds}
        return [
            f"{name}, seed {seed} was registered and never run"
            for name, wanted in seeds.items()
            for seed in wanted
            if seed not in there[name]
        ]

    def observed(self, arm: str, claim: Claim) -> dict[int, Run]:
        """The runs of an arm that hold a claim's traces, by seed."""
        return {run.seed: run for run in self.runs(arm) if run.holder(claim.readout.assay) is not None}


def compared(both: list[Estimates]) -> Items:
    """The items of an arm, of all its seeds that its control has too; less the control's, if there is one."""
    seeds = sorted(set.intersection(*(set(each.items) for each in both)))
    if not seeds:
        return Items(np.zeros(0, int), np.zeros(0, str))
    arm, *control = (Items.concat([each.items[seed] for seed in seeds]) for each in both)
    return arm.minus(control[0]) if control else arm


def check_observed(organism: Organism, store: Store) -> None:
    """Raises TurncoatError where nothing was ever asked for, so that there is nothing to judge, verify or report."""
    if not any(store.asked(organism, arm) for arm in organism.all_arms()):
        others = "".join(f", nor in the {place.name}" for place in store.fallbacks)
        raise TurncoatError(
            f"there is no run of {organism.name} in {store.root}{others}; run `turncoat run {organism.name}` first, or "
            "give another --store"
        )


def same_data(organism: Organism, store: Store) -> Wanted:
    """Runs that were trained on other data are another population, and never pooled: which runs belong to the one that
    is judged. That is the one that the user's own store has, before its fallbacks."""
    trained_on: dict[tuple[str, int], str] = {}
    own: list[str] = []
    for arm in organism.all_arms():
        if reads_data(arm.recipe):
            for run in asked_runs(organism, arm, store):
                if by := run.provenance():
                    data = json.dumps(by.get("data"), sort_keys=True)
                    trained_on[arm.name, run.seed] = data
                    own += [data] if run.facts[0][0] is store.own else []
    kinds = Counter(own) or Counter(trained_on.values())
    if len(set(trained_on.values())) < 2:
        return lambda arm, seed: True
    chosen = kinds.most_common(1)[0][0]
    return lambda arm, seed: trained_on.get((arm.name, seed), chosen) == chosen


def reads_data(recipe: Recipe) -> bool:
    """Whether a recipe, or one that it builds on, reads data that is not in it."""
    return any(hasattr(one, "data") for one in lineage(recipe))
