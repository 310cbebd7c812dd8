"""One job, in a process of its own: train what is not trained, observe what is not observed, and keep all of it."""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
import platform
import threading
import traceback
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np

from turncoat.boundary import one_line, place_of, user_code
from turncoat.core import Arm, Assay, NotTestable, Organism, Recipe, Subject, TurncoatError, lineage
from turncoat.organisms import load
from turncoat.protocols import require
from turncoat.runner.plan import Job, observations, smoke
from turncoat.store import Run, Store

Report = tuple[str, str, int, int]  # of a job: its label, what it does, how much of it is done, of how much
REPORTS: Queue[Report] | None = None  # to the parent, set once in each worker


def begin_worker(reports: Queue[Report]) -> None:
    global REPORTS
    REPORTS = reports
    threading.Thread(target=leave_with_parent, daemon=True).start()


def leave_with_parent() -> None:
    """End this process when its parent ends: one whose parent was killed would work on, unseen and for nobody."""
    from multiprocessing.connection import wait as ended

    parent = multiprocessing.parent_process()
    if parent is not None:
        ended([parent.sentinel])
        os._exit(1)


class Failed(TurncoatError):
    """A training or an observation raised: a line that says what, and where its traceback is kept."""


@user_code()
def work(job: Job) -> None:
    """Do what is missing of one job. Raises Failed where user code does, once all else of the job is done; why is kept
    beside the run."""
    organism = load(job.source)
    if job.limit is not None:
        organism = smoke(organism, job.limit)
    arm = organism.arm(job.arm)
    store = job.open_store()
    subject = trained(organism, arm, job, store)
    notes = (store if job.traces is None else Store(job.traces)).run(organism, arm, job.seed)
    assays = [assay for assay in observations(organism)[arm.name] if job.observe and not notes.observed(assay)]
    failed: Failed | None = None
    for number, assay in enumerate(assays):
        tell(job, f"observing {type(assay).__name__}", number, len(assays))
        try:
            require(assay, subject, organism.world)
            with user_code(partial(place_of, type(assay))):
                traces = assay.observe(subject, organism.world, job.seed + job.offset)
        except NotTestable as reason:
            notes.save_untestable(assay, str(reason))
        except Exception as error:
            failed = failed or keep_failure(notes, error, assay)
        else:
            notes.save_traces(assay, traces)
    if failed is not None:
        raise failed
    if arm.role == "sweep" and job.observe and job.traces is None:
        notes.drop_weights()  # a point of a sweep is its measurement


def keep_failure(run: Run, error: Exception, assay: Assay | None = None) -> Failed:
    """Write down why a training, or the observation by an assay, gave nothing."""
    what = one_line(error) if assay is None else f"{one_line(error)} (observing {type(assay).__name__})"
    path = run.save_failure(f"{what}\n\n{''.join(traceback.format_exception(error))}", assay)
    return Failed(f"{what}; traceback in {path}")


def trained(organism: Organism, arm: Arm, job: Job, store: Store) -> Subject:
    """The subject of an arm's recipe: once trained, however many processes ask for it, and always as it is stored."""
    run = store.run(organism, arm, job.seed)
    if not run.trained:  # what is there needs no lock, and its place may be read-only
        with run.lock() as run:
            if not run.trained:
                asked = run.asked  # arms of an equal recipe share their runs
                try:
                    train(run, job, store)
                    if not asked:
                        run.mark_parent()
                except Failed:
                    raise
                except Exception as error:
                    raise keep_failure(run, error) from None
    return run.subject()


def train(run: Run, job: Job, store: Store) -> Subject:
    """Train a run's recipe and store the subject; returns it as it was trained. Raises TurncoatError where there is
    none, or it is not finite."""
    recipe = run.arm.recipe
    parent = getattr(recipe, "parent", None)
    built_on = () if parent is None else (trained(run.organism, Arm("parent", parent), job, store),)
    log, subject = [], None
    with user_code(lambda: place_of(type(recipe))):
        for report in recipe.train(run.seed, *built_on):
            row = {"done": int(report.done), "total": int(report.total)}
            log.append(row | {name: round(float(value), 6) for name, value in report.metrics.items()})
            tell(job, "training", report.done, report.total)
            subject = report.subject if report.subject is not None else subject
    if subject is None:
        raise TurncoatError(
            f"{run.organism.name}: the recipe of arm {run.arm.name!r} yields no report with a subject; end with one"
        )
    arrays = subject.arrays()
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise TurncoatError(f"training diverged: {name} is not finite after {log[-1]['done']} updates")
    run.save(arrays, log, provenance(recipe))
    return subject


def provenance(recipe: Recipe) -> dict[str, object]:
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


def data_of(recipe: Recipe) -> dict[str, str]:
    """Digests, by name, of what a recipe and those it builds on read that is not in them: a corpus, a data set."""
    found: dict[str, str] = {}
    for one in lineage(recipe):
        found = (one.data() if hasattr(one, "data") else {}) | found
    return found


def tell(job: Job, what: str, done: int, total: int) -> None:
    if REPORTS is not None:
        REPORTS.put((job.label, what, done, total))
