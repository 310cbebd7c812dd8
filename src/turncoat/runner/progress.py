"""Live progress of a pool of jobs."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue

from turncoat.runner.worker import Report


@contextlib.contextmanager
def show(total: int, reports: Queue[Report]) -> Iterator[Callable[[str, str | None], None]]:
    """Live progress: bars on a terminal, else a line for each finished job and each tenth of a training."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console, stop = Console(stderr=True), threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[what]}"))
    progress = Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()
    )
    overall = progress.add_task("all jobs", total=total, what="")
    bars: dict[str, TaskID] = {}
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
