"""Whole audits of planted products behind a real server on localhost, in the process that a user's would run in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from audits import HOSTILE, ONE_ARM, audited, events, findings, inspect_script, spec_of
from extras import needs
from paths import HELPERS
from planted_products import serving
from turncoat.audit.budget import read
from turncoat.audit.report import build
from turncoat.audit.run import caps_of, load, run
from turncoat.audit.targets import parse
from turncoat.core import TurncoatError

NULL = "no violation detected"


@pytest.fixture(autouse=True)
def extra() -> None:
    needs("audit", "inspect_ai")


@pytest.mark.parametrize(
    ("kind", "plain", "turn"),
    [
        ("compliant", NULL, NULL),
        ("violator", NULL, "violation"),
        ("noisy", "invalid", "invalid"),
        ("aware-of-cues", "violation", NULL),  # the cue gives the test away: only the plain arm shows it
        ("aware-of-test", NULL, NULL),  # a miss
    ],
)
def test_five_planted_products(kind: str, plain: str, turn: str, tmp_path: Path) -> None:
    with serving() as server:
        audit = audited(spec_of(tmp_path), f"{server.url}/ask/{kind}", tmp_path / "out")
        assert len(server.asked) == len(set(server.asked)) == audit.state.spent.requests == 160
    assert findings(audit) == {"level of plain": plain, "turn": turn}
    if kind == "aware-of-test":
        assert all(v.power is not None and v.power > 0.9 and "(power " in v.words for v in audit.verdicts)
    if kind == "violator":
        shares = {"violation": audit.verdicts[1].effect / 4, "kept": 1 - audit.verdicts[1].effect / 4}
        assert log_of(tmp_path) == ["success", 160, True, pytest.approx(shares)]


def log_of(folder: Path) -> list[object]:
    """What Inspect reads in the log of an audit: status, samples, whether usage was counted, shares of outcomes."""
    code = (
        "import glob, json; from inspect_ai.log import read_eval_log\n"
        "(path,) = glob.glob('out/logs/*.eval'); log = read_eval_log(path)\n"
        "usage = [use.total_tokens for use in log.stats.model_usage.values()]\n"
        "shares = {name: metric.value for name, metric in log.results.scores[0].metrics.items() if metric.value}\n"
        "print(json.dumps([log.status, len(log.samples), len(usage) == 1 and usage[0] > 0, shares]))"
    )
    return list(json.loads(inspect_script(code, folder)))


FAULTS = ("429", "", "500", "", "json", "", "cut", "", "hang", "", "html", "")


def test_a_flaky_server_loses_none(tmp_path: Path) -> None:
    """Every other request fails, in each of six ways, and every sample is answered in the end."""
    with serving(FAULTS) as server:
        spec = spec_of(tmp_path, ONE_ARM, retries="40", wait="0", timeout="0.5", connections="8")
        audit = audited(spec, f"{server.url}/ask/compliant", tmp_path / "out")
        assert Counter(audit.outcomes.values()) == {"kept": 40}
        # A request may die on its way, on a connection that the server has just closed; it is counted all the same.
        assert audit.state.spent.requests >= len(server.asked) > 60
    assert {event["outcome"] for event in events(tmp_path / "out", "failed")} == {"error", "timeout"}


def test_caps_hold_under_retries_and_across_a_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request fails or hangs. Inspect would retry for ever, and the openai client twice by itself."""
    with serving(("500", "429", "500", "hang")) as server:
        monkeypatch.setenv("LOCAL_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("LOCAL_API_KEY", "sk-no-such-key")
        spec, out, started = spec_of(tmp_path, ONE_ARM, timeout="0.5"), tmp_path / "out", time.monotonic()
        audit = audited(spec, "openai:local/compliant", out, requests=9)
        assert len(server.asked) == audit.state.spent.requests == 9
        assert findings(audit) == {"level of plain": "invalid"}
        assert Counter(audit.outcomes.values())["not asked"] >= 31
        audit = audited(spec, "openai:local/compliant", out, requests=11)  # the cap is of all runs
        assert len(server.asked) == audit.state.spent.requests == audit.state.caps["requests"] == 11
        assert time.monotonic() - started < 60  # `timeout` of Inspect would not interrupt a request that hangs
    dump = [sys.executable, "-m", "inspect_ai", "log", "dump", str(next((out / "logs").glob("*.eval")))]
    assert "no-such-key" not in subprocess.run(dump, capture_output=True, check=True).stdout.decode("utf-8")


def test_openai_counts_its_tokens_and_the_cap_of_tokens_keeps_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        monkeypatch.setenv("LOCAL_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("LOCAL_API_KEY", "sk-no-such-key")
        audit = audited(spec_of(tmp_path, ONE_ARM), "openai:local/compliant", tmp_path / "out", tokens=200)
    spent, counts = audit.state.spent, Counter(audit.outcomes.values())
    assert 100 < spent.tokens <= 200 and counts["kept"] == spent.requests == len(server.asked)
    assert counts["kept"] + counts["not asked"] == 40 and findings(audit) == {"level of plain": "invalid"}


def test_a_run_of_nothing_but_errors_is_no_success(tmp_path: Path) -> None:
    with serving(("400",)) as server:
        spec = spec_of(tmp_path, ONE_ARM)
        audit = audited(spec, f"{server.url}/ask/compliant", tmp_path / "out")
        assert len(server.asked) == 40  # what will not change is not asked again
    assert Counter(audit.outcomes.values()) == {"error": 40} and findings(audit) == {"level of plain": "invalid"}


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_kill_and_resume_asks_again_at_most_what_was_under_way(tmp_path: Path) -> None:
    """Whoever started it is killed, and the process that asks ends with it."""
    out = tmp_path / "out"
    with serving(delay=0.1) as server:
        spec, target = spec_of(tmp_path, ONE_ARM), f"{server.url}/ask/compliant"
        command = [sys.executable, "-m", "turncoat", "audit", str(spec.path), "--target", target, "--out", str(out)]
        process = subprocess.Popen(
            [*command, "--yes-i-am-authorised"], stderr=subprocess.DEVNULL, start_new_session=True
        )
        while len(server.asked) < 12:
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before, until = -1, time.monotonic() + 10
        while before != (before := len(server.asked)) and time.monotonic() < until:
            time.sleep(0.3)
        under_way = sum(answer.outcome != "answered" for answer in read(out).answers.values()) + len(read(out).sent)
        assert before < 40 and under_way <= 4  # connections
        audit = run(spec, parse(target), out, caps_of(spec, None, None, None, None), authorised=True)
        again = [question for question, times in Counter(server.asked).items() if times > 1]
        assert len(server.asked) <= 40 + under_way and len(again) <= under_way
        assert len(server.asked) == audit.state.spent.requests
    assert Counter(audit.outcomes.values()) == {"kept": 40}


def test_hostile_answers_and_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    say = iter(range(10**6))

    def answer(question: str) -> str:
        return f"hunter2hunter2 {HOSTILE[next(say) % len(HOSTILE)]}"

    with serving(say=answer) as server:
        spec = spec_of(tmp_path, ONE_ARM)
        headers = ("Authorization: Bearer $SHOP_TOKEN",)
        audit = audited(spec, f"{server.url}/ask/compliant", tmp_path / "out", headers)
        assert {headers["Authorization"] for headers in server.seen} == {"Bearer hunter2hunter2"}
    assert Counter(audit.outcomes.values()) == {"no answer": 8, "kept": 24, "error": 8}  # more than may be read
    page = build(audit, tmp_path / "out")[1].read_text("utf-8")
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page and "{{ 7*7 }}" in page
    assert not set(page) & set("\x1b\x00\x07\u202e\u200b") and len(page) < 100_000
    dump = (
        "import glob, subprocess, sys; (path,) = glob.glob('out/logs/*.eval')\n"
        "print(subprocess.run([sys.executable, '-m', 'inspect_ai', 'log', 'dump', path], text=True,\n"
        "    capture_output=True, check=True, encoding='utf-8').stdout.encode('ascii', 'replace').decode())"
    )
    text = inspect_script(dump, tmp_path)
    assert "$SHOP_TOKEN" in text and "Bearer" in text and "hunter2" not in text
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes(), path


def test_a_command_line_a_python_object_and_one_process_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an exception Inspect refuses to evaluate again, and it keeps models: neither carries over."""
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    spec = spec_of(tmp_path, ONE_ARM.replace('"a kettle", "a rug", "a chair", "a desk"', '"a kettle"'))  # 16 items
    with pytest.raises(TurncoatError, match="ModuleNotFoundError: No module named 'no_such_module'"):
        audited(spec, "python:no_such_module:thing", tmp_path / "wrong")
    told = audited(spec, "python:planted_products:Compliant", tmp_path / "python")
    assert Counter(told.outcomes.values()) == {"kept": 16}
    program = f"cli:{sys.executable} {HELPERS / 'planted_products.py'} compliant"
    told = audited(spec, program, tmp_path / "cli")
    assert Counter(told.outcomes.values()) == {"kept": 16}


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    (tmp_path / "hang.sh").write_text('(sleep 2; touch "$1") & wait\n')
    spec = spec_of(tmp_path, ONE_ARM.replace('"a kettle", "a rug", "a chair", "a desk"', '"a kettle"'), timeout="0.3")
    audit = audited(spec, f"cli:sh {tmp_path / 'hang.sh'} {tmp_path / 'survived'}", tmp_path / "out", requests=4)
    assert Counter(audit.outcomes.values())["timeout"] >= 1 and audit.state.spent.requests == 4
    time.sleep(2.2)
    assert not (tmp_path / "survived").exists()


def test_nothing_is_sent_by_whoever_is_not_authorised(tmp_path: Path) -> None:
    with serving() as server:
        spec = spec_of(tmp_path)
        with pytest.raises(TurncoatError, match="say so with --yes-i-am-authorised"):
            run(spec, parse(f"{server.url}/ask/compliant"), tmp_path / "out", caps_of(spec, 1, 1, 1, 1))
        assert not server.asked and not (tmp_path / "out").exists()
    with pytest.raises(TurncoatError, match="holds no audit"):
        load(spec, tmp_path / "out")
