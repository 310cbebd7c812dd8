"""The ledger: caps hold whatever happens, and nothing that was answered is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits import CAPS
from turncoat.audit.budget import FILE, Caps, Ledger, read
from turncoat.core import TurncoatError


def ledger(folder: Path, caps: Caps = CAPS, **more: object) -> Ledger:
    return Ledger(folder, "a" * 64, "http://example", caps, **more)  # type: ignore[arg-type]


def test_a_request_counts_in_full_until_it_is_answered(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    number, allowed = book.send("x", 100, 0.0, 5.0)
    assert (book.state.spent.requests, book.state.spent.tokens, allowed, book.in_flight) == (1, 100, 5.0, 1)
    book.answered(number, 30, 0.0, "yes", "stop")
    assert (book.state.spent.tokens, book.in_flight) == (30, 0)
    number, _ = book.send("y", 100, 0.0, 5.0)
    book.failed(number, "timeout", "late")
    assert book.state.spent.tokens == 130
    book.close()
    again = read(tmp_path)
    assert (again.spent.requests, again.spent.tokens) == (2, 130)
    assert again.answers["x"].text == "yes" and again.answers["y"].outcome == "timeout"


def test_an_answer_is_not_lost_to_a_later_failure(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    first, _ = book.send("x", 1, 0.0, 5.0)
    second, _ = book.send("x", 1, 0.0, 5.0)
    book.answered(first, 1, 0.0, "yes", "stop")
    book.failed(second, "error", "HTTP 500")
    assert book.state.answers["x"].text == "yes"
    book.close()


operations = st.lists(
    st.tuples(st.sampled_from(["send", "answer", "fail", "kill"]), st.integers(1, 60), st.integers(0, 9)), max_size=60
)


@given(operations, st.integers(1, 20), st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_caps_hold_through_failures_and_kills(steps: list[tuple[str, int, int]], requests: int, tokens: int) -> None:
    """No order of requests, answers, failures and kills brings what was spent, or may have been, beyond a cap."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder, caps = Path(name), replace(CAPS, requests=requests, tokens=tokens, money=tokens / 100)
        book, open_ones = ledger(folder, caps), list[tuple[int, int]]()
        really = {"requests": 0, "tokens": 0}
        for act, size, which in steps:
            if act == "send" and book.refusal(size, size / 100) is None:
                number, _ = book.send(str(which), size, size / 100, 5.0)
                open_ones.append((number, size))
                really["requests"] += 1
                really["tokens"] += size  # the worst: the product charges all of it, heard of or not
            elif act == "kill":
                book.close()
                book, open_ones = ledger(folder, caps), []
            elif act in ("answer", "fail") and open_ones:
                number, most = open_ones.pop(which % len(open_ones))
                if act == "fail":
                    book.failed(number, "error", "no")
                else:
                    book.answered(number, min(size, most), min(size, most) / 100, "yes", "stop")
                    really["tokens"] -= most - min(size, most)
            assert really["requests"] == book.state.spent.requests <= requests
            assert really["tokens"] == book.state.spent.tokens <= tokens
            assert book.state.spent.money <= caps.money + 1e-9
        book.close()
        assert read(folder).spent.requests == really["requests"]


def test_seconds_are_those_of_all_runs(tmp_path: Path) -> None:
    now = [1000.0]
    book = ledger(tmp_path, replace(CAPS, seconds=100.0), clock=lambda: now[0])
    now[0] = 1500.0  # nothing is under way yet
    number, _ = book.send("x", 1, 0.0, 30.0)
    now[0] = 1540.0
    book.failed(number, "timeout", "late")
    book.send("y", 1, 0.0, 30.0)  # and never heard of again: it counts to the end of its time
    book.close()
    now[0] = 9000.0
    book = ledger(tmp_path, replace(CAPS, seconds=100.0), clock=lambda: now[0])
    assert book.seconds_left() == 30.0
    assert book.send("z", 1, 0.0, 60.0)[1] == 30.0  # a request gets what is left
    now[0] = 9030.0
    assert book.refusal(1, 0.0) == "the cap of 100 seconds"
    book.close()


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    number, _ = book.send("x", 10, 0.0, 5.0)
    book.answered(number, 10, 0.0, "yes", "stop")
    book.close()
    with (tmp_path / FILE).open("a") as out:
        out.write('{"event": "sent", "id": 2, "sam')
    assert read(tmp_path).spent.requests == 1
    book = ledger(tmp_path)
    book.send("y", 10, 0.0, 5.0)
    book.close()
    assert read(tmp_path).spent.requests == 2


def test_a_damaged_line_another_audit_and_another_process(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    with pytest.raises(TurncoatError, match="another audit is writing to"):
        ledger(tmp_path)
    book.close()
    with pytest.raises(TurncoatError, match=r"holds an audit with another target \(http://example and not http://b\)"):
        Ledger(tmp_path, "a" * 64, "http://b", CAPS)
    with pytest.raises(TurncoatError, match=r"holds an audit with another spec \(aaaaaaaa… and not bbbbbbbb…\)"):
        Ledger(tmp_path, "b" * 64, "http://example", CAPS)
    with (tmp_path / FILE).open("a") as out:
        out.write("nonsense\n")
    with pytest.raises(TurncoatError, match=rf"{FILE}:2 is damaged"):
        read(tmp_path)


def test_the_line_is_there_before_the_request_is_sent(tmp_path: Path) -> None:
    """A process that kills itself right after `send` leaves the request in the ledger."""
    code = (
        "import os, sys; from pathlib import Path; from turncoat.audit.budget import *\n"
        f"Ledger(Path({str(tmp_path)!r}), 'a'*64, 'http://example', Caps(9, 99, 9., 0.)).send('x', 7, 0., 1.)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ)
    assert done.returncode == -9
    assert (read(tmp_path).spent.requests, read(tmp_path).spent.tokens) == (1, 7)
