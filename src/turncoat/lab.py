"""From an organism to verdicts: what has to be trained and observed, who does it, and what it adds up to.

`plan` compares what the claims, sweeps and figures need with what the store has; each job is one arm and seed, and does
what is missing of it: train, then observe. Jobs run in a pool of processes. Every result is saved as soon as it is
there, so a kill loses at most the piece of work in hand, and the next run goes on from the rest.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.boundary import need_main_guard, user_code
from turncoat.core import Arm, Claim, Finding, NotTestable, Organism, Row, TurncoatError, Verdict, digest
from turncoat.organisms import load
from turncoat.store import Store, verdict_row

EVALUATION = 1_000_000  # observations are seeded apart from training,
FRESH = 2_000_000  # and verification apart from both


@dataclass(frozen=True)
class Job:
    """One arm and seed of one organism, in words that a new process understands."""

    source: str  # name or path of the organism
    arm: str
    seed: int
    store: Path
    behind: tuple[Path, ...]
    observe: bool = True
    traces: Path | None = None  # where traces go instead of the store (verification)
    offset: int = EVALUATION
    limit: int | None = None

    @property
    def label(self) -> str:
        return f"{self.arm}, seed {self.seed}"


def smoke(organism: Organism, limit: int) -> Organism:
    """The organism with every recipe cut to `limit` updates. Raises TurncoatError where a recipe cannot be cut."""
    arms = []
    for arm in organism.arms:
        cut = getattr(arm.recipe, "smoke", None)
        arms.append(replace(arm, recipe=cut(limit)) if cut else arm)
    if all(one is other for one, other in zip(arms, organism.arms, strict=True)):
        raise TurncoatError(f"{organism.name}: its recipes have no smoke(limit) method, so --limit means nothing here")
    return replace(organism, arms=tuple(arms), sweeps=(), phases=())


def needs(organism: Organism) -> dict[str, list[Any]]:
    """Assays to observe for each arm name, each distinct observation once."""
    wanted: dict[str, dict[str, Any]] = {arm.name: {} for arm in organism.all_arms()}
    names = {digest(arm.recipe): arm.name for arm in reversed(organism.all_arms())}

    def want(arm: Arm, assay: Any) -> None:
        wanted[names[digest(arm.recipe)]].setdefault(digest(assay, pure=False), assay)

    def claimed(claim: Claim) -> None:
        for name in (claim.arm, claim.control):
            if name is not None:
                want(organism.arm(name), claim.assay)
        for precondition in claim.given:
            claimed(precondition)

    for claim in organism.claims:
        claimed(claim)
    for family in organism.families:
        for arm in organism.family_arms(family):
            for assay in family.assays:
                want(arm, assay)
    for curve in organism.curves:
        for name in curve.arms:
            want(organism.arm(name), curve.assay)
    if organism.replay is not None:
        want(organism.arms[0], organism.replay)
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
    """The jobs that are not done yet, arm by arm. `seeds` from `first` on, at most `arm.seeds` of them."""
    wanted, jobs = needs(organism), []
    for arm in organism.all_arms():
        if arms and arm.name not in arms:
            continue
        for seed in range(first, first + min(seeds, arm.seeds or seeds)):
            trained = store.has_subject(organism.name, arm, seed) or store.was_dropped(organism.name, arm, seed)
            seen = all(store.observed(organism.name, arm, seed, assay) for assay in wanted[arm.name])
            if not trained or (observe and not seen):
                behind = tuple(other.root for other in store.behind)
                jobs.append(Job(source, arm.name, seed, store.root, behind, observe, limit=limit))
    return jobs


# -- in the worker ---------------------------------------------------------------------------------------

REPORT: Any = None  # the queue to the parent, set once in each worker


def begin_worker(reports: Any) -> None:
    global REPORT
    REPORT = reports
    threading.Thread(target=leave_with_parent, daemon=True).start()


def leave_with_parent() -> None:
    """End this process when its parent ends: one whose parent was killed would work on, unseen and for nobody."""
    from multiprocessing.connection import wait as ended

    parent = multiprocessing.parent_process()
    if parent is not None:
        ended([parent.sentinel])
        os._exit(1)


@user_code()
def work(job: Job) -> None:
    """Do what is missing of one job. Runs in a worker process."""
    organism = load(job.source)
    if job.limit is not None:
        organism = smoke(organism, job.limit)
    arm = organism.arm(job.arm)
    store = Store(job.store, [Store(root) for root in job.behind])
    notes = store if job.traces is None else Store(job.traces)
    subject = trained(organism.name, arm, job, store)
    assays = [
        assay
        for assay in needs(organism)[arm.name]
        if job.observe and not notes.observed(organism.name, arm, job.seed, assay)
    ]
    for number, assay in enumerate(assays):
        tell(job, f"observing {type(assay).__name__}", number, len(assays))
        try:
            if assay.needs > subject.access:
                wanted, given = assay.needs.name.lower(), subject.access.name.lower()
                raise NotTestable(f"the assay reaches for its {wanted}, and it lets itself be reached by {given} only")
            traces = assay.observe(subject, organism.world, job.seed + job.offset)
        except NotTestable as reason:
            notes.save_untestable(organism.name, arm, job.seed, assay, str(reason))
        else:
            notes.save_traces(organism.name, arm, job.seed, assay, traces)
    if arm.role == "sweep" and job.observe and notes is store:
        store.drop_subject(organism.name, arm, job.seed)  # a point of a sweep is its measurement


def trained(name: str, arm: Arm, job: Job, store: Store) -> Any:
    """The subject of an arm's recipe, from the store or trained now: once, however many processes ask for it."""
    if not store.has_subject(name, arm, job.seed):  # what is there needs no lock, and its store may be read-only
        with store.alone(name, arm, job.seed):
            if not store.has_subject(name, arm, job.seed):
                return train(name, arm, job, store)
    return store.load_subject(name, arm, job.seed)


def train(name: str, arm: Arm, job: Job, store: Store) -> Any:
    parent = getattr(arm.recipe, "parent", None)
    built_on = () if parent is None else (trained(name, Arm("parent", parent), job, store),)
    metrics, subject = [], None
    for step in arm.recipe.train(job.seed, *built_on):
        row = {"done": step.done, "total": step.total}
        metrics.append(row | {key: round(float(value), 6) for key, value in step.metrics.items()})
        tell(job, "training", step.done, step.total)
        subject = step.subject if step.subject is not None else subject
    if subject is None:
        raise TurncoatError(f"{name}: the recipe of arm {arm.name!r} yields no step with a subject; end with one")
    store.save_subject(name, arm, job.seed, subject.arrays(), metrics)
    return subject


def tell(job: Job, what: str, done: int, total: int) -> None:
    if REPORT is not None:
        REPORT.put((job.label, what, done, total))


# -- in the parent ---------------------------------------------------------------------------------------


def execute(jobs: list[Job], workers: int) -> None:
    """Run all jobs. One that fails does not stop the others; at the end a TurncoatError names those that did."""
    need_main_guard()
    if not jobs:
        return
    folder = jobs[0].traces or jobs[0].store
    try:  # a store that cannot be written is found out before any work is done
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TurncoatError(f"cannot write {folder}: {error.strerror}; give another --store") from None
    # Read by the workers' libraries when they start: one process a core is faster than two threads for each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    reports = context.Queue()
    failures: list[str] = []
    with (
        show(len(jobs), reports) as finished,
        ProcessPoolExecutor(min(workers, len(jobs)), context, begin_worker, (reports,)) as pool,
    ):
        waiting: dict[Future[None], Job] = {pool.submit(work, job): job for job in jobs}
        try:
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    job = waiting.pop(future)
                    if (raised := future.exception()) is not None:
                        failures.append(f"{job.label}: {describe(raised)}")
                    finished(job.label)
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failures:
        rest = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise TurncoatError(f"{len(failures)} of {len(jobs)} jobs failed: {failures[0]}{rest}; all else is saved")


def describe(error: BaseException) -> str:
    if isinstance(error, BrokenProcessPool):
        return "its process was killed, perhaps for want of memory; run again to go on, with fewer -j"
    if isinstance(error, TurncoatError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


@contextlib.contextmanager
def show(total: int, reports: Any) -> Iterator[Callable[[str], None]]:
    """Live progress: bars on a terminal, else a line for each finished job and each tenth of a training."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console, stop = Console(stderr=True), threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[what]}"))
    progress = Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()
    )
    overall = progress.add_task("all jobs", total=total, what="")
    bars: dict[str, Any] = {}
    tenths: dict[tuple[str, str], int] = {}
    count, began = 0, time.monotonic()

    def listen() -> None:
        while not stop.is_set():
            try:
                label, what, done, of = reports.get(timeout=0.2)
            except (queue.Empty, EOFError, OSError):
                continue
            if progress.disable:
                tenth = 10 * done // max(of, 1)
                if what == "training" and tenth > tenths.get((label, what), 0):
                    tenths[label, what] = tenth
                    print(f"{label}: {what} {10 * tenth}%", file=sys.stderr, flush=True)
            else:
                if label not in bars:
                    bars[label] = progress.add_task(label, total=of, what=what)
                progress.update(bars[label], completed=done, total=of, what=what)

    def finished(label: str) -> None:
        nonlocal count
        count += 1
        progress.advance(overall)
        if label in bars:
            progress.remove_task(bars.pop(label))
        if progress.disable:
            print(f"{label}: done ({count} of {total}, {time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)

    listener = threading.Thread(target=listen, daemon=True)
    with progress:
        listener.start()
        try:
            yield finished
        finally:
            stop.set()
            listener.join()


# -- judging ---------------------------------------------------------------------------------------------


@user_code()
def estimates(
    organism: Organism, arm: Arm, assay: Any, store: Store, most: int | None = None
) -> tuple[list[float], set[str], str | None]:
    """One number for each observed seed (the first `most`); the names of the stores they came from; why it is not
    testable, if so."""
    values: list[float] = []
    sources: set[str] = set()
    for seed in store.seeds(organism.name, arm)[:most]:
        if (reason := store.untestable(organism.name, arm, seed, assay)) is not None:
            return [], sources, reason
        traces = store.load_traces(organism.name, arm, seed, assay)
        if traces is not None:
            values.append(float(assay.estimate(traces)))
            holder = store.trace_holder(organism.name, arm, seed, assay)
            sources.add(holder.name if holder else store.name)
    return values, sources, None


def judge(organism: Organism, store: Store, most: int | None = None) -> list[dict[str, Any]]:
    """One row for each claim, then one for each row of the table that no claim answers. Loads no model. `most`: judge
    the first so many seeds of each arm only."""
    from turncoat import stats

    known: dict[str, tuple[Verdict, str]] = {}

    def verdict(claim: Claim) -> tuple[Verdict, str]:
        key = digest(claim)
        if key not in known:
            known[key] = fresh(claim)
        return known[key]

    def fresh(claim: Claim) -> tuple[Verdict, str]:
        arm = organism.arm(claim.arm)
        unit = getattr(arm.recipe, "unit", "training run")
        values, sources, reason = estimates(organism, arm, claim.assay, store, most)
        control = None
        if claim.control is not None and reason is None:
            control, more, reason = estimates(organism, organism.arm(claim.control), claim.assay, store, most)
            sources |= more
        if reason is not None:
            return Verdict(Finding.NOT_TESTABLE, unit=unit, because=reason), ""
        if not values or (control is not None and not control):
            return Verdict(Finding.NOT_RUN, unit=unit, because="not observed yet"), ""
        given = {precondition.says: verdict(precondition)[0].finding for precondition in claim.given}
        found = stats.judge(claim, values, control, given, claim.assay.bounds, unit)
        return found, " + ".join(sorted(sources))

    rows = [row(organism, claim.row, claim.says, *verdict(claim)) for claim in organism.claims]
    for name in Row:
        if name not in {claim.row for claim in organism.claims}:
            if name in organism.answers:
                answer = Verdict(Finding.NOT_TESTABLE, because=organism.answers[name])
            else:
                answer = Verdict(Finding.NOT_RUN, because="no claim answers this row")
            rows.append(row(organism, name, None, answer, ""))
    return rows


def row(organism: Organism, name: Row | None, claim: str | None, verdict: Verdict, source: str) -> dict[str, Any]:
    """A row of the table as JSON: the contract of `turncoat table --json`."""
    body = {
        key: value if not isinstance(value, float) or np.isfinite(value) else None
        for key, value in verdict_row(verdict).items()
    }
    head = {"organism": organism.name, "row": None if name is None else name.value, "claim": claim}
    return head | body | {"store": source}


# -- verification ----------------------------------------------------------------------------------------


def verify(source: str, organism: Organism, store: Store, seeds: int, workers: int) -> list[dict[str, Any]]:
    """Observe stored subjects again with evaluation seeds that were never used, judge, and compare with the store.

    One row a claim: the stored and the fresh finding and effect, whether the findings agree, and in how many of its
    runs it was observed afresh. Both are judged on the same seeds, the first `seeds` of each arm, since fewer seeds
    alone can turn shown into undecided: of runs whose weights are not kept, what is stored stands in.
    """
    stored = {(r["claim"], r["row"]): r for r in judge(organism, store, seeds)}
    with tempfile.TemporaryDirectory(prefix="turncoat-verify-") as folder:
        fresh, behind = Store(Path(folder), [store], name="fresh"), tuple(other.root for other in store.behind)
        jobs, runs = [], {}
        for arm in organism.arms:
            first = store.seeds(organism.name, arm)[:seeds]
            kept = [seed for seed in first if store.has_subject(organism.name, arm, seed)]
            runs[arm.name] = len(kept), len(first)
            for seed in kept:
                jobs.append(Job(source, arm.name, seed, store.root, behind, True, fresh.root, FRESH))
                fresh.link_subject(organism.name, arm, seed, store)
        execute(jobs, workers)
        again = judge(organism, fresh, seeds)
    rows = []
    for claim, new in zip(organism.claims, again, strict=False):  # rows that no claim answers come after
        old = stored[new["claim"], new["row"]]
        arms = [runs.get(name, (0, 0)) for name in (claim.arm, claim.control) if name]
        rows.append(
            {
                "claim": new["claim"],
                "stored": old["finding"],
                "stored_effect": old["effect"],
                "fresh": new["finding"],
                "fresh_effect": new["effect"],
                "agrees": old["finding"] == new["finding"],
                "observed": sum(kept for kept, _ in arms),
                "runs": sum(first for _, first in arms),
            }
        )
    return rows


def retrain(source: str, organism: Organism, store: Store, seed: int, workers: int) -> dict[str, float]:
    """Train one organism seed again and compare its weights with the stored ones: the largest difference, and the
    largest weight. Equal on the same machine; another machine rounds differently."""
    arm = organism.arms[0]
    old = store.load_subject(organism.name, arm, seed).arrays()
    with tempfile.TemporaryDirectory(prefix="turncoat-retrain-") as folder:
        fresh = Store(Path(folder))
        execute([Job(source, arm.name, seed, fresh.root, (), observe=False)], workers)
        new = fresh.load_subject(organism.name, arm, seed).arrays()
    apart = max(float(np.abs(old[name] - new[name]).max()) for name in old)
    return {"largest difference": apart, "largest weight": max(float(np.abs(value).max()) for value in old.values())}
