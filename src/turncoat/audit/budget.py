"""The ledger of an audit: every request is written down before it is sent, with the most that it may cost.

    audit.jsonl   {"event": "audit", "spec", "target", "caps"}          whose ledger it is
                  {"event": "run", "at", "caps"}                        a process begins to ask, with these caps
                  {"event": "sent", "id", "sample", "at", "tokens", "money", "until"}
                  {"event": "answered", "id", "at", "tokens", "money", "answer", "stop"}
                  {"event": "failed", "id", "at", "outcome", "because"}

A request that was sent counts in full until it is answered, and for good where it fails or is never heard of again. So
caps hold under retries, with many requests under way, across a kill at any moment and across a resume. A last line that
a kill cut short is dropped: what it announced had not been sent, or is asked again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from turncoat.core import TurncoatError

FILE = "audit.jsonl"


@dataclass(frozen=True)
class Caps:
    """What an audit may cost in all its runs. `seconds` are those in which requests are under way or waited for."""

    requests: int
    tokens: int
    seconds: float
    money: float


@dataclass
class Spent:
    """What it has cost so far, every request that is under way counted in full."""

    requests: int = 0
    tokens: int = 0
    seconds: float = 0.0
    money: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What came of a sample last: `text`, or the reason why there is none. `stop` is Inspect's word for why the answer
    ended: stop, max_tokens, content_filter."""

    outcome: str  # "answered", "error", "timeout"
    text: str = ""
    stop: str = ""
    because: str = ""


@dataclass
class State:
    """What a ledger says."""

    header: dict[str, Any] = field(default_factory=dict)  # Any: JSON
    caps: dict[str, Any] = field(default_factory=dict)  # Any: JSON; those of the last run
    spent: Spent = field(default_factory=Spent)
    sent: dict[int, dict[str, Any]] = field(default_factory=dict)  # Any: JSON; those not heard of since
    answers: dict[str, Answer] = field(default_factory=dict)  # by sample
    ids: int = 0
    run_began: float | None = None
    run_last: float = 0.0  # when the last event of that run was

    def take(self, event: dict[str, Any]) -> None:  # Any: JSON
        """Account for one line."""
        kind = event["event"]
        if kind == "audit":
            self.header, self.caps = event, event["caps"]
            return
        if kind == "run":
            self.close_run()
            self.run_began, self.run_last, self.caps = event["at"], event["at"], event["caps"]
            return
        self.run_last = event["at"]
        if kind == "sent":
            self.ids = max(self.ids, event["id"])
            self.sent[event["id"]] = event
            self.spent.requests += 1
            self.spent.tokens += event["tokens"]
            self.spent.money += event["money"]
            return
        sent = self.sent.pop(event["id"])
        if kind == "answered":
            self.spent.tokens += event["tokens"] - sent["tokens"]
            self.spent.money += event["money"] - sent["money"]
            self.answers[sent["sample"]] = Answer("answered", event["answer"], event["stop"])
        elif sent["sample"] not in self.answers or self.answers[sent["sample"]].outcome != "answered":
            self.answers[sent["sample"]] = Answer(event["outcome"], because=event["because"])

    def close_run(self) -> None:
        """Add up the seconds of the run before; one that was killed counts to the end of what was under way."""
        if self.run_began is not None:
            open_ends = [event["until"] for event in self.sent.values() if event["at"] >= self.run_began]
            self.spent.seconds += max([self.run_last, *open_ends]) - self.run_began
        self.run_began = None


class Reader:
    """Reads a ledger as it grows."""

    def __init__(self, folder: Path) -> None:
        self.path, self.state, self.at, self.lines = folder / FILE, State(), 0, 0

    def more(self) -> State:
        """What the ledger says by now. Raises TurncoatError where a line is damaged."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.at)
                data = file.read()
        except FileNotFoundError:
            return self.state
        except OSError as error:
            raise TurncoatError(f"{self.path} cannot be read: {error.strerror or error}") from None
        *lines, torn = data.split(b"\n")  # what a kill cut short has no end
        for line in lines:
            self.lines += 1
            try:
                self.state.take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                place = f"{self.path}:{self.lines}"
                raise TurncoatError(f"{place} is damaged; mend the line, or give another --out") from None
        self.at += len(data) - len(torn)
        return self.state


def read(folder: Path) -> State:
    """What the ledger of a folder says when nobody writes to it; nothing where there is none. Raises TurncoatError
    where a line is damaged."""
    state = Reader(folder).more()
    state.close_run()
    return state


class Ledger:
    """The ledger of a folder, open for one process at a time.

    Raises TurncoatError where another process has it, or it is of another audit.
    """

    def __init__(
        self, folder: Path, spec: str, target: str, caps: Caps, clock: Callable[[], float] = time.time
    ) -> None:
        self.path, self.caps, self.clock = folder / FILE, caps, clock
        self.began: float | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(folder / ".lock")
            self.lock.acquire(timeout=0)
        except Timeout:
            raise TurncoatError(f"another audit is writing to {folder}; wait for it, or give another --out") from None
        except OSError as error:
            raise TurncoatError(f"cannot write {folder}: {error.strerror or error}; give another --out") from None
        try:
            self.state = read(folder)
            check_header(folder, self.state, spec, target)
            self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self.drop_torn_line()
            self.before = self.state.spent.seconds
            if not self.state.header:
                self.write({"event": "audit", "spec": spec, "target": target, "caps": asdict(caps)})
        except BaseException:
            self.lock.release()
            raise

    def drop_torn_line(self) -> None:
        data = self.path.read_bytes()
        os.ftruncate(self.file, len(data) if data.endswith(b"\n") else data.rfind(b"\n") + 1)

    def close(self) -> None:
        os.close(self.file)
        self.lock.release()

    def write(self, event: dict[str, Any]) -> None:  # Any: JSON
        """One line, in the operating system's hands before this returns."""
        data = (json.dumps(event, ensure_ascii=True) + "\n").encode()
        try:
            while data:
                data = data[os.write(self.file, data) :]
        except OSError as error:
            raise TurncoatError(f"cannot write {self.path}: {error.strerror or error}; nothing more is sent") from None
        self.state.take(event)

    @property
    def in_flight(self) -> int:
        """Requests under way in this run."""
        return sum(event["at"] >= (self.began or 0.0) for event in self.state.sent.values()) if self.began else 0

    def seconds_left(self) -> float:
        """Of the cap, from now."""
        return self.caps.seconds - self.before - (0.0 if self.began is None else self.clock() - self.began)

    def refusal(self, tokens: int, money: float) -> str | None:
        """The cap that one more request of that cost might break; None where none is."""
        spent = self.state.spent
        if spent.requests + 1 > self.caps.requests:
            return f"the cap of {self.caps.requests} requests"
        if spent.tokens + tokens > self.caps.tokens:
            return f"the cap of {self.caps.tokens} tokens"
        if spent.money + money > self.caps.money + 1e-12:
            return f"the cap of {self.caps.money:g} in money"
        if self.seconds_left() <= 0:
            return f"the cap of {self.caps.seconds:g} seconds"
        return None

    def send(self, sample: str, tokens: int, money: float, timeout: float) -> tuple[int, float]:
        """Write down that a request is sent; to be called where `refusal` has none. Returns its id and how many seconds
        it may take."""
        now = self.clock()
        if self.began is None:
            self.began = now
            self.write({"event": "run", "at": now, "caps": asdict(self.caps)})
        allowed = min(timeout, self.seconds_left())
        number = self.state.ids + 1
        self.write(
            {"event": "sent", "id": number, "sample": sample, "at": now, "tokens": tokens, "money": money,
             "until": now + allowed}
        )  # fmt: skip
        return number, allowed

    def answered(self, number: int, tokens: int, money: float, answer: str, stop: str) -> None:
        self.write(
            {"event": "answered", "id": number, "at": self.clock(), "tokens": tokens, "money": money,
             "answer": answer, "stop": stop}
        )  # fmt: skip

    def failed(self, number: int, outcome: str, because: str) -> None:
        self.write({"event": "failed", "id": number, "at": self.clock(), "outcome": outcome, "because": because})


def check_header(folder: Path, state: State, spec: str, target: str) -> None:
    """Raises TurncoatError where the ledger is of another audit."""
    for what, now in (("spec", spec), ("target", target)):
        before = state.header.get(what, now)
        if before != now:
            shown = f"{before[:8]}… and not {now[:8]}…" if what == "spec" else f"{before} and not {now}"
            raise TurncoatError(f"{folder} holds an audit with another {what} ({shown}); give another --out")
