"""Runs an audit: asks what is not answered yet, in one process of its own, and judges what is there."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from turncoat.audit import judge as judging
from turncoat.audit.budget import Caps, Reader, State, check_header
from turncoat.audit.budget import read as read_ledger
from turncoat.audit.judge import Verdict
from turncoat.audit.plan import Sample, bound, samples
from turncoat.audit.spec import Spec
from turncoat.audit.targets import Target
from turncoat.core import TurncoatError

GRACE = 30.0  # seconds that the process may take beyond the cap: it starts, and writes its log
BEAT = 0.25  # seconds between two looks at the ledger


@dataclass(frozen=True)
class Audit:
    """An audit as far as it went: what was planned, the outcome of every planned sample, verdicts and costs."""

    spec: Spec
    target: str
    planned: tuple[Sample, ...]
    state: State
    outcomes: Mapping[str, str]
    verdicts: tuple[Verdict, ...]

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """What audit.json has."""
        return {
            "spec_sha256": self.spec.sha256,
            "product": self.spec.product,
            "embargo": self.spec.embargo and self.spec.embargo.isoformat(),
            "target": self.target,
            "planned": len(self.planned),
            "caps": self.state.caps,
            "spent": asdict(self.state.spent),
            "verdicts": [verdict.as_json() for verdict in self.verdicts],
            "arms": judging.arm_counts(self.spec, self.planned, self.outcomes),
        }


def check_extra() -> None:
    """Raises TurncoatError where Inspect is not installed."""
    if importlib.util.find_spec("inspect_ai") is None:
        raise TurncoatError(
            "the extra `audit` is not installed; run `make audit` in a checkout, or pip install 'turncoat[audit]'"
        )


def caps_of(spec: Spec, requests: int | None, tokens: int | None, seconds: float | None, money: float | None) -> Caps:
    """Caps: what is not given is what the plan costs at most."""
    most = bound(spec, samples(spec))
    return Caps(
        most.requests if requests is None else requests,
        most.tokens if tokens is None else tokens,
        float(most.seconds if seconds is None else seconds),
        most.money if money is None else money,
    )


def run(spec: Spec, target: Target, folder: Path, caps: Caps, authorised: bool = False) -> Audit:
    """Ask the target what the ledger in `folder` has no answer to, within the caps, and judge.

    `authorised`: whoever calls says that they may audit this product. Raises TurncoatError where they do not, where
    Inspect is not installed, or where the process that asks fails; what was asked is kept, and the same call goes on.
    """
    if not authorised:
        raise TurncoatError(
            "nothing was sent: a product is audited by those who may; say so with --yes-i-am-authorised"
        )
    check_extra()
    planned = samples(spec)
    job = {"spec": str(spec.path), "sha256": spec.sha256, "target": target.text, "headers": target.headers,
           "out": str(folder), "caps": asdict(caps)}  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = (folder / "worker.log").open("wb")
    except OSError as error:
        raise TurncoatError(f"cannot write {folder}: {error.strerror or error}; give another --out") from None
    with log, worker(job, log) as process:
        watch(process, folder, planned, caps)
        told = process.stdout.read() if process.stdout else b""
    try:
        answer = json.loads(told)
    except ValueError:
        raise TurncoatError(
            f"the process that asks ended without a word (exit {process.returncode}); its last lines are in "
            f"{folder / 'worker.log'}; run the same command again to go on"
        ) from None
    if "error" in answer:
        raise TurncoatError(answer["error"])
    return load(spec, folder)


@contextlib.contextmanager
def worker(job: Mapping[str, object], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process that asks, with its job told. It ends with this block, and with this process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "turncoat.audit.worker"], stdin=-1, stdout=-1, stderr=log, start_new_session=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write((json.dumps(job) + "\n").encode())
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def watch(process: subprocess.Popen[bytes], folder: Path, planned: tuple[Sample, ...], caps: Caps) -> None:
    """Wait for the process, with progress on standard error. Ends it where it is far beyond the seconds it has."""
    ends, ledger = time.monotonic() + caps.seconds + GRACE, Reader(folder)
    with progress(len(planned)) as show:
        while process.poll() is None and time.monotonic() < ends:
            show(ledger.more())
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(BEAT)
        show(ledger.more())


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[State], None]]:
    """Live progress: a bar on a terminal, else a line for each tenth."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    bar = Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )  # fmt: skip
    task, tenth = bar.add_task("answers", total=total), -1

    def show(state: State) -> None:
        nonlocal tenth
        done = sum(answer.outcome == "answered" for answer in state.answers.values())
        bar.update(task, completed=done)
        if bar.disable and 10 * done // total > tenth:
            tenth = 10 * done // total
            print(f"{done} of {total} answered, {state.spent.requests} requests", file=sys.stderr, flush=True)

    with bar:
        yield show


def load(spec: Spec, folder: Path, power: bool = True) -> Audit:
    """The audit in a folder, judged. Raises TurncoatError where there is none, or one of another specification."""
    state = read_ledger(folder)
    if not state.header:
        raise TurncoatError(f"{folder} holds no audit; give a --target to begin one")
    check_header(folder, state, spec.sha256, state.header["target"])
    planned = samples(spec)
    found = judging.outcomes(spec, planned, state.answers)
    return Audit(spec, state.header["target"], planned, state, found, tuple(judging.judge(spec, planned, found, power)))


def embargoed(spec: Spec, today: datetime.date | None = None) -> bool:
    """Whether the product's name is still to be withheld."""
    return spec.embargo is not None and (today or datetime.date.today()) < spec.embargo
