"""From an organism to verdicts: what has to be trained and observed, who does it, and what it adds up to.

`plan` compares what the claims, sweeps and figures need with what the store has; each job is one arm and seed, and does
what is missing of it: train, then observe. Jobs run in a pool of processes. Every result is saved as soon as it is
there, so a kill loses at most the piece of work in hand, and the next run goes on from the rest.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import platform
import queue
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from turncoat import registration
from turncoat.boundary import need_main_guard, one_line, place_of, user_code
from turncoat.core import (
    EXPLORATORY,
    Arm,
    Claim,
    Finding,
    NotTestable,
    Organism,
    Row,
    TurncoatError,
    Verdict,
    digest,
    lineage,
)
from turncoat.organisms import load
from turncoat.stats import MIN_SEEDS
from turncoat.store import PROVENANCE, Store, verdict_row

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
    """Do what is missing of one job. Runs in a worker process. Raises Failed where user code does, once all else of the
    job is done; why is kept beside the run."""
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
    failed: Failed | None = None
    for number, assay in enumerate(assays):
        tell(job, f"observing {type(assay).__name__}", number, len(assays))
        try:
            if assay.needs > subject.access:
                wanted, given = assay.needs.name.lower(), subject.access.name.lower()
                raise NotTestable(f"the assay reaches for its {wanted}, and it lets itself be reached by {given} only")
            with user_code(partial(place_of, type(assay))):
                traces = assay.observe(subject, organism.world, job.seed + job.offset)
        except NotTestable as reason:
            notes.save_untestable(organism.name, arm, job.seed, assay, str(reason))
        except Exception as error:
            failed = failed or keep_failure(notes, organism.name, arm, job.seed, error, assay)
        else:
            notes.save_traces(organism.name, arm, job.seed, assay, traces)
    if failed is not None:
        raise failed
    if arm.role == "sweep" and job.observe and notes is store:
        store.drop_subject(organism.name, arm, job.seed)  # a point of a sweep is its measurement


class Failed(TurncoatError):
    """A training or an observation raised: a line that says what, and where its traceback is kept."""


def keep_failure(store: Store, name: str, arm: Arm, seed: int, error: Exception, assay: Any = None) -> Failed:
    """Write down why a training, or the observation by an assay, gave nothing."""
    what = describe(error) if assay is None else f"{describe(error)} (observing {type(assay).__name__})"
    path = store.save_failure(name, arm, seed, f"{what}\n\n{''.join(traceback.format_exception(error))}", assay)
    return Failed(f"{what}; traceback in {path}")


def trained(name: str, arm: Arm, job: Job, store: Store) -> Any:
    """The subject of an arm's recipe: once trained, however many processes ask for it, and always as it is stored."""
    if not store.has_subject(name, arm, job.seed):  # what is there needs no lock, and its store may be read-only
        with store.alone(name, arm, job.seed):
            if not store.has_subject(name, arm, job.seed):
                asked = job.seed in store.asked(name, arm)  # arms of an equal recipe share their runs
                try:
                    train(name, arm, job, store)
                    if not asked:
                        store.mark_parent(name, arm, job.seed)
                except Failed:
                    raise
                except Exception as error:
                    raise keep_failure(store, name, arm, job.seed, error) from None
    return store.load_subject(name, arm, job.seed)


def train(name: str, arm: Arm, job: Job, store: Store) -> Any:
    """Train an arm's recipe and store the subject; returns it as it was before. Raises TurncoatError where there is
    none, or it is not finite."""
    parent = getattr(arm.recipe, "parent", None)
    built_on = () if parent is None else (trained(name, Arm("parent", parent), job, store),)
    metrics, subject = [], None
    with user_code(lambda: place_of(type(arm.recipe))):
        for step in arm.recipe.train(job.seed, *built_on):
            row = {"done": int(step.done), "total": int(step.total)}
            metrics.append(row | {key: round(float(value), 6) for key, value in step.metrics.items()})
            tell(job, "training", step.done, step.total)
            subject = step.subject if step.subject is not None else subject
    if subject is None:
        raise TurncoatError(f"{name}: the recipe of arm {arm.name!r} yields no step with a subject; end with one")
    arrays = subject.arrays()
    for key, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise TurncoatError(f"training diverged: {key} is not finite after {metrics[-1]['done']} updates")
    store.save_subject(name, arm, job.seed, arrays, metrics, provenance(arm.recipe))
    return subject


def provenance(recipe: Any) -> dict[str, Any]:
    """What a run depends on beside its recipe and seed: versions, machine, and the digests of data that it reads."""
    packages = {name: importlib.metadata.version(name) for name in ("torch", "numpy", "turncoat")}
    machine = f"{platform.system()} {platform.machine()}, {processor()}"
    return {"python": platform.python_version()} | packages | {"machine": machine, "data": data_of(recipe)}


def processor() -> str:
    """The model of the processor, on which rounding depends; "" where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def data_of(recipe: Any) -> dict[str, str]:
    """Digests, by name, of what a recipe and those it builds on read that is not in them: a corpus, a data set."""
    found: dict[str, str] = {}
    for one in lineage(recipe):
        found = (one.data() if hasattr(one, "data") else {}) | found
    return found


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
    ask(jobs)
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
                    finished(job.label, None if raised is None else describe(raised))
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failures:
        rest = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise TurncoatError(f"{len(failures)} of {len(jobs)} jobs failed: {failures[0]}{rest}; all else is saved")


def ask(jobs: list[Job]) -> None:
    """Write down which runs are asked for, before any of them begins: none of them can go missing from then on."""
    organisms: dict[tuple[str, int | None], Organism] = {}
    for job in jobs:
        if job.traces is None:
            if (key := (job.source, job.limit)) not in organisms:
                organism = load(job.source)
                organisms[key] = organism if job.limit is None else smoke(organism, job.limit)
            organism, store = organisms[key], Store(job.store, [Store(root) for root in job.behind])
            arm = organism.arm(job.arm)
            if job.seed not in store.asked(organism.name, arm):
                store.ask(organism.name, arm, job.seed)


def describe(error: BaseException) -> str:
    if isinstance(error, BrokenProcessPool):
        return "its process was killed, perhaps for want of memory; run again to go on, with fewer -j"
    return one_line(error)


@contextlib.contextmanager
def show(total: int, reports: Any) -> Iterator[Callable[[str, str | None], None]]:
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

    def finished(label: str, failed: str | None) -> None:
        nonlocal count
        count += 1
        progress.advance(overall)
        if label in bars:
            progress.remove_task(bars.pop(label))
        outcome = "done" if failed is None else "failed"
        why = "" if failed is None else f": {failed}"
        if progress.disable:
            took = f"{count} of {total}, {time.monotonic() - began:.0f} s"
            print(f"{label}: {outcome} ({took}){why}", file=sys.stderr, flush=True)
        elif failed is not None:
            console.print(f"{label}: failed{why}", markup=False)

    listener = threading.Thread(target=listen, daemon=True)
    with progress:
        listener.start()
        try:
            yield finished
        finally:
            stop.set()
            listener.join()


# -- judging ---------------------------------------------------------------------------------------------

Wanted = Callable[[Arm, int], bool]  # which runs are judged, by arm and seed


@dataclass(frozen=True)
class Estimates:
    """One number a seed, and of every seed that was asked for and gave none, why."""

    values: Mapping[int, float]
    lost: tuple[str, ...] = ()
    failed: bool = False  # one of them raised, and is not only still to be done
    sources: frozenset[str] = frozenset()
    untestable: str | None = None

    @property
    def nothing(self) -> bool:
        """Nothing was observed, and nothing went wrong: it was not run."""
        return not self.values and not self.failed


@user_code()
def estimates(
    organism: Organism, arm: Arm, assay: Any, store: Store, wanted: Wanted = lambda arm, seed: True
) -> Estimates:
    """What every run of an arm that was asked for gives."""
    values: dict[int, float] = {}
    lost: list[str] = []
    sources: set[str] = set()
    failed, name = False, organism.name
    for seed in store.asked(name, arm):
        if not wanted(arm, seed):
            continue
        whose = f"{arm.name}, seed {seed}"
        if (why := store.failure(name, arm, seed, assay)) is not None:
            failed = True
            lost.append(f"{whose}: {why}")
        elif (reason := store.untestable(name, arm, seed, assay)) is not None:
            return Estimates({}, sources=frozenset(sources), untestable=reason)
        elif (traces := store.load_traces(name, arm, seed, assay)) is not None:
            value = float(assay.estimate(traces))
            if np.isfinite(value):
                values[seed] = value
            else:
                failed = True
                lost.append(f"{whose}: its estimate is not a finite number")
            holder = store.trace_holder(name, arm, seed, assay)
            sources.add(holder.name if holder else store.name)
        elif store.was_dropped(name, arm, seed):
            lost.append(f"{whose} was not observed, and its weights are not kept")
        elif store.has_subject(name, arm, seed):
            lost.append(f"{whose} is trained and not observed yet")
        else:
            lost.append(f"{whose} was asked for and is not finished")
    return Estimates(values, tuple(lost), failed, frozenset(sources))


def judge(organism: Organism, store: Store, wanted: Wanted | None = None) -> list[dict[str, Any]]:
    """One row for each claim, then one for each row of the table that no claim answers. Loads no model.

    Runs of the seeds for which claims are registered are judged apart, as `replication`, and all others together.
    `wanted`: judge only these of the others.
    """
    registered = registration.load(organism.name)
    fresh_seeds = registration.seeds_of(registered)
    same = same_data(organism, store)
    first = Judge(
        organism, store, lambda a, s: s not in fresh_seeds and same(a, s) and (wanted is None or wanted(a, s))
    )
    again = Judge(organism, store, lambda a, s: s in fresh_seeds and same(a, s), registered)

    rows = []
    for claim in organism.claims:
        verdict, source = first.verdict(claim)
        body = row(organism, claim.row, claim.says, verdict, source)
        replicated = again.verdict(claim)[0] if fresh_seeds else Verdict(Finding.NOT_RUN)
        if replicated.finding not in (Finding.NOT_RUN, Finding.NOT_TESTABLE):
            arms = {name: organism.arm(name) for name in (claim.arm, claim.control) if name}
            runs = {name: again.folders(arm, claim.assay) for name, arm in arms.items()}
            body["replication"] = finite(verdict_row(replicated))
            body["standing"] = registration.standing(organism, claim, runs) or shipped_standing(store, body)
        rows.append(body)
    for name in Row:
        if name not in {claim.row for claim in organism.claims}:
            if name in organism.answers:
                answer = Verdict(Finding.NOT_TESTABLE, because=organism.answers[name])
            else:
                answer = Verdict(Finding.NOT_RUN, because="no claim answers this row")
            rows.append(row(organism, name, None, answer, ""))
    return rows


def shipped_standing(store: Store, told: Mapping[str, Any]) -> str:
    """Where there is no git: as it was found where there was one, if that was of these very numbers."""
    with contextlib.suppress(TurncoatError):  # damaged verdicts are about to be written anew
        for row in store.load_verdicts(told["organism"]) or []:
            if row["claim"] == told["claim"] and row.get("replication") == told["replication"]:
                return str(row["standing"])
    return EXPLORATORY


class Judge:
    """The verdicts on an organism's claims over some of its runs."""

    def __init__(
        self,
        organism: Organism,
        store: Store,
        wanted: Wanted,
        registered: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.organism, self.store, self.wanted, self.registered = organism, store, wanted, registered or {}
        self.arms = {arm.name: arm for arm in organism.all_arms()}
        self.known: dict[str, tuple[Verdict, str]] = {}

    def verdict(self, claim: Claim) -> tuple[Verdict, str]:
        """The verdict, and the names of the stores that its traces are from."""
        key = digest(claim)
        if key not in self.known:
            self.known[key] = self.fresh(claim)
        return self.known[key]

    def fresh(self, claim: Claim) -> tuple[Verdict, str]:
        from turncoat import stats

        arm = self.arms[claim.arm]
        unit = getattr(arm.recipe, "unit", "training run")
        own = estimates(self.organism, arm, claim.assay, self.store, self.wanted)
        control = None
        if claim.control is not None:
            control = estimates(self.organism, self.arms[claim.control], claim.assay, self.store, self.wanted)
        both = [own] if control is None else [own, control]
        for each in both:
            if each.untestable is not None:
                return Verdict(Finding.NOT_TESTABLE, unit=unit, because=each.untestable), ""
        if any(each.nothing for each in both):
            return Verdict(Finding.NOT_RUN, unit=unit, because="not observed yet"), ""
        given = {precondition.says: self.verdict(precondition)[0].finding for precondition in claim.given}
        lost = [why for each in both for why in each.lost] + self.never_asked(claim)
        against = None if control is None else list(control.values.values())
        found = stats.judge(claim, list(own.values.values()), against, given, claim.assay.bounds, unit, lost)
        return found, " + ".join(sorted(frozenset().union(*(each.sources for each in both))))

    def never_asked(self, claim: Claim) -> list[str]:
        """Runs that the claim was registered for, and that nobody asked for since."""
        code = registration.claim_id(self.organism, claim) if self.registered else ""
        seeds = self.registered.get(code, {}).get("seeds", {})
        asked = {name: self.store.asked(self.organism.name, self.arms[name]) for name in seeds}
        return [
            f"{name}, seed {seed} was registered and never run"
            for name, wanted in seeds.items()
            for seed in wanted
            if seed not in asked[name]
        ]

    def folders(self, arm: Arm, assay: Any) -> dict[int, Path]:
        """The runs that hold an arm's traces, by seed."""
        name, store = self.organism.name, self.store
        seeds = (seed for seed in store.asked(name, arm) if self.wanted(arm, seed))
        holders = {seed: store.trace_holder(name, arm, seed, assay) for seed in seeds}
        return {seed: holder.run(name, arm, seed) for seed, holder in holders.items() if holder is not None}


def check_observed(organism: Organism, store: Store) -> None:
    """Raises TurncoatError where nothing was ever asked for, so that there is nothing to judge, verify or report."""
    if not any(store.asked(organism.name, arm) for arm in organism.all_arms()):
        behind = "".join(f", nor in the {other.name}" for other in store.behind)
        raise TurncoatError(
            f"there is no run of {organism.name} in {store.root}{behind}; run `turncoat run {organism.name}` first, or "
            "give another --store"
        )


def same_data(organism: Organism, store: Store) -> Wanted:
    """Runs that were trained on other data are another population, and never pooled: which runs belong to the one that
    is judged. That is the one that the user's own store has, before those behind it."""
    reading = [arm for arm in organism.all_arms() if reads_data(arm.recipe)]
    trained_on: dict[tuple[str, int], str] = {}
    own: list[str] = []
    for arm in reading:
        for seed in store.asked(organism.name, arm):
            if (holder := store.holder(organism.name, arm, seed, PROVENANCE)) is not None:
                data = json.dumps(holder.provenance(organism.name, arm, seed).get("data"), sort_keys=True)
                trained_on[arm.name, seed] = data
                own += [data] if holder is store else []
    kinds = Counter(own) or Counter(trained_on.values())
    if len(set(trained_on.values())) < 2:
        return lambda arm, seed: True
    chosen = kinds.most_common(1)[0][0]
    return lambda arm, seed: trained_on.get((arm.name, seed), chosen) == chosen


def reads_data(recipe: Any) -> bool:
    """Whether a recipe, or one that it builds on, reads data that is not in it."""
    return any(hasattr(one, "data") for one in lineage(recipe))


def row(organism: Organism, name: Row | None, claim: str | None, verdict: Verdict, source: str) -> dict[str, Any]:
    """A row of the table as JSON: the contract of `turncoat table --json`."""
    head = {"organism": organism.name, "row": None if name is None else name.value, "claim": claim}
    tail = {"store": source, "standing": EXPLORATORY, "replication": None}
    return head | finite(verdict_row(verdict)) | tail


def finite(body: dict[str, Any]) -> dict[str, Any]:
    """What is not a finite number is None."""
    return {k: v if not isinstance(v, float) or np.isfinite(v) else None for k, v in body.items()}


# -- verification ----------------------------------------------------------------------------------------

TOLERANCE = 0.05  # by how much an effect may move on other evaluation seeds where its interval is narrower than that


def verify(source: str, organism: Organism, store: Store, seeds: int, workers: int) -> list[dict[str, Any]]:
    """Observe stored subjects again with evaluation seeds that were never used, judge, and compare with the store.

    One row a claim: the stored and the fresh finding and effect, and in how many of its runs it was observed afresh.
    `agrees`: the findings are equal, and the effects differ by no more than half of the stored interval or TOLERANCE;
    None where no run was observed afresh. Both are judged on the same seeds, the first `seeds` of each arm, since fewer
    seeds alone can turn shown into undecided: of runs whose weights are not kept, what is stored stands in.
    Raises TurncoatError where nothing can be observed afresh, or any stored file is not what was stored.
    """
    store.check(organism.name)
    apart = registration.seeds_of(registration.load(organism.name))
    first = {
        arm.name: [seed for seed in store.asked(organism.name, arm) if seed not in apart][:seeds]
        for arm in organism.arms
    }

    def wanted(arm: Arm, seed: int) -> bool:
        return arm.name not in first or seed in first[arm.name]

    stored = judge(organism, store, wanted)
    with tempfile.TemporaryDirectory(prefix="turncoat-verify-") as folder:
        fresh, behind = Store(Path(folder), [store], name="fresh"), tuple(other.root for other in store.behind)
        jobs, runs = [], {}
        for arm in organism.arms:
            kept = [seed for seed in first[arm.name] if store.has_subject(organism.name, arm, seed)]
            runs[arm.name] = len(kept), len(first[arm.name])
            for seed in kept:
                jobs.append(Job(source, arm.name, seed, store.root, behind, True, fresh.root, FRESH))
                fresh.link_subject(organism.name, arm, seed, store)
        if not jobs:
            raise TurncoatError(
                f"{store.root} and the zoo hold no trained subject of {organism.name}: nothing to verify"
            )
        execute(jobs, workers)
        again = judge(organism, fresh, wanted)
    rows = []
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
                "runs": sum(first for _, first in arms),
            }
        )
    return rows


def agree(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two verdicts on one claim, from the same runs and other evaluation seeds, say the same."""
    if old["finding"] != new["finding"] or (old["effect"] is None) != (new["effect"] is None):
        return False
    if old["effect"] is None:
        return True
    margin = TOLERANCE * max(1.0, abs(old["effect"]))
    if old["low"] is not None and old["high"] is not None and old["n"] >= MIN_SEEDS:
        margin = max(margin, (old["high"] - old["low"]) / 2)
    return bool(abs(old["effect"] - new["effect"]) <= margin)


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
