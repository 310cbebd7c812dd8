"""Where jobs run: a pool of processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from turncoat.boundary import need_main_guard, one_line
from turncoat.core import Organism, TurncoatError
from turncoat.organisms import load
from turncoat.runner.plan import Job, smoke
from turncoat.runner.progress import show
from turncoat.runner.worker import begin_worker, work


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
            organism = organisms[key]
            run = job.open_store().run(organism, organism.arm(job.arm), job.seed)
            if not run.asked:
                run.ask()


def describe(error: BaseException) -> str:
    if isinstance(error, BrokenProcessPool):
        return "its process was killed, perhaps for want of memory; run again to go on, with fewer -j"
    return one_line(error)
