"""The page about audits prints what its commands print, and its example files are what it says."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from audits import audited
from extras import needs
from paths import ROOT
from turncoat.audit.spec import read

SCRIPT = runpy.run_path(str(ROOT / "docs" / "auditing.py"))
SHOP = ROOT / "docs" / "examples" / "shop"


def test_the_page_prints_what_its_commands_print() -> None:
    text = SCRIPT["PAGE"].read_text("utf-8")
    assert text.count("```console\n$ turncoat audit ") == 2
    assert SCRIPT["with_output"](text) == text, "run python docs/auditing.py"


@pytest.mark.slow
def test_the_measured_parts_are_up_to_date() -> None:
    needs("audit", "inspect_ai")
    text = SCRIPT["PAGE"].read_text("utf-8")
    assert SCRIPT["measured"](text) == text, "run python docs/auditing.py"


@pytest.mark.slow
def test_the_example_as_the_page_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("audit", "inspect_ai")
    monkeypatch.setenv("PYTHONPATH", str(SHOP))
    audit = audited(read(SHOP / "shop.toml"), "python:assistant:answer", tmp_path / "out")
    assert [verdict.claim for verdict in audit.verdicts if verdict.finding == "violation"] == ["turn"]


def test_the_worked_example_is_of_the_file_that_stands_beside_it() -> None:
    folder = ROOT / "docs" / "examples" / "smollm"
    result = json.loads((folder / "result.json").read_text())
    assert result["spec_sha256"] == read(folder / "smollm.toml").sha256
    assert SCRIPT["smollm"]() in SCRIPT["PAGE"].read_text("utf-8")
