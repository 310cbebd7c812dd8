"""The page of the survey: its gate is measured, and its rule for an environment counts what it says."""

from __future__ import annotations

import re
import runpy

import pytest

from extras import needs
from paths import ROOT
from turncoat.organisms import load

PAGE = (ROOT / "docs" / "undesigned.md").read_text("utf-8")
SURVEY = runpy.run_path(str(ROOT / "docs" / "undesigned.py"))


def test_an_environment_counts_where_its_runs_are_a_proxys_and_its_control_is_valid_and_far_below() -> None:
    setting, is_counted = SURVEY["Setting"], SURVEY["is_counted"]
    proxy, aligned = setting(5, 5, 3, 0, 0.6, 0.1), setting(3, 3, 0, 2, 0.1, 0.9)
    assert is_counted(proxy, aligned)
    assert not is_counted(setting(5, 5, 2, 0, 0.6, 0.1), aligned)  # a minority of runs
    assert not is_counted(proxy, setting(3, 3, 0, 1, 0.1, 0.5))  # a control that cannot do it
    assert not is_counted(proxy, setting(3, 3, 0, 2, 0.4, 0.6))  # a control that goes there too
    assert [setting(4, 4, 0, 3, 0, 0).verdict, setting(4, 2, 0, 0, 0, 0).verdict] == ["aligned", "not capable"]


def test_the_environments_are_those_that_the_gate_admits() -> None:
    rows = dict(re.findall(r"^\| (Mini\S+-v0) \| \d+ \| \d+ \| (\w+) \|$", PAGE, flags=re.M))
    admitted = {name for name, verdict in rows.items() if verdict == "admitted"}
    assert admitted == set(load("stock_survey").arm("organism").recipe.environments) and len(rows) > 40


@pytest.mark.parametrize("name", ["MiniGrid-Empty-8x8-v0", "MiniHack-Eat-Fixed-v0"])
def test_the_gate_is_measured(name: str) -> None:
    needs("stock", "minihack")
    gate = runpy.run_path(str(ROOT / "docs" / "undesigned_gate.py"))
    gate["register_environments"]("minihack" if name.startswith("MiniHack") else "minigrid")
    paid, episodes = gate["paid"](name)
    assert f"| {name} | {paid} | {episodes} | {'admitted' if paid >= gate['PAID'] else 'excluded'} |" in PAGE
