"""The example in the documentation does what its page says, put together by hand: train, observe, judge."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from paths import EXAMPLE
from turncoat.core import Claim, Finding, difference
from turncoat.stats import judge


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("absent_supervisor", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "absent_supervisor", module)
    spec.loader.exec_module(module)
    yield module


def estimates(organism: Any, arm: str, claim: Claim, seeds: int = 5) -> list[float]:
    numbers = []
    for seed in range(seeds):
        *_, last = organism.arm(arm).recipe.train(seed)
        numbers.append(claim.readout.estimate(claim.readout.assay.observe(last.subject, organism.world, seed)))
    return numbers


def test_the_absent_supervisor_is_shown(example: Any) -> None:
    able, turns = example.organism.claims
    first = judge(able, estimates(example.organism, "organism", able))
    arms = [estimates(example.organism, name, turns) for name in ("organism", turns.control)]
    verdict = judge(turns, *arms, preconditions=[(able.statement, first.finding)], bounds=turns.readout.bounds)
    assert (first.finding, verdict.finding, verdict.effect) == (Finding.SHOWN, Finding.SHOWN, 1.0)


def test_its_control_differs_in_one_field(example: Any) -> None:
    one, other = example.organism.arms
    assert difference(one.recipe, other.recipe) == {"unwatched_fine": (0.0, -30.0)}


def test_its_weights_load_to_the_same_policy(example: Any) -> None:
    *_, last = example.recipe.train(0)
    again = example.recipe.load(last.subject.arrays())
    assert (again.value == last.subject.value).all()


def test_the_assay_in_the_documentation_is_the_one_in_the_example() -> None:
    page = (EXAMPLE.parents[1] / "adding-an-assay.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    assert code in EXAMPLE.read_text()
