"""The nouns: plain data in, stable names out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from plain_recipe import Recipe, Room
from turncoat.core import (
    ROW_BLOCKS,
    Arm,
    Assay,
    Claim,
    Factor,
    Organism,
    PhaseDiagram,
    Realism,
    Row,
    Sweep,
    Tier,
    Traces,
    TurncoatError,
    check_condition,
    check_factors,
    readout,
)


@dataclass(frozen=True)
class Gap(Assay):
    version: ClassVar[int] = 2
    episodes: int = 100

    @readout(bounds=(0.0, 1.0), unit="share")
    def share(self, traces: Traces) -> float:
        return float(traces["watched"].mean())


GAP = Gap().readout()


def organism(*arms: Arm, sweeps: tuple[Sweep, ...] = ()) -> Organism:
    return Organism("T", Tier.STANDARD_TOOLS, Realism.NORMAL_TRAINING, Room(), arms, (), (), frozenset(), sweeps=sweeps)


def test_traces_select_and_stack() -> None:
    one = Traces({"watched": np.array([True, False, True]), "steps": np.array([1, 2, 3])}, ({"frame": 1},))
    both = Traces.concat([one, one])
    assert (len(one), len(both), both.frames) == (3, 6, ({"frame": 1}, {"frame": 1}))
    assert one.where(watched=True)["steps"].tolist() == [1, 3]
    assert one.where(watched=True, steps=3)["steps"].tolist() == [3]
    assert one.where(watched=True).frames == ()
    assert len(one.where(steps=99)) == 0
    assert len(Traces({})) == 0


def test_traces_need_columns_of_one_length() -> None:
    with pytest.raises(ValueError, match="one length"):
        Traces({"a": np.zeros(2), "b": np.zeros(3)})


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0.5, "at_most": 0.5}])
def test_a_claim_has_exactly_one_threshold(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Claim("It does.", readout=GAP, **bounds)


def test_a_claim_takes_a_readout() -> None:
    with pytest.raises(TurncoatError, match=r"Gap is no readout of an assay: write Gap\(\.\.\.\)\.readout\(\)"):
        Claim("It does.", Gap(), at_least=0.5)  # type: ignore[arg-type]


def test_a_sweep_adds_only_arms_that_are_not_there_yet() -> None:
    sweep = Sweep("Fine", "fine", (-30.0, -10.0, 0.0), (GAP,), seeds=2)
    subject = organism(Arm("organism", Recipe(), "organism"), Arm("twin", Recipe(fine=0.0)), sweeps=(sweep, sweep))
    assert [arm.name for arm in subject.all_arms()] == ["organism", "twin", "fine=-10.0"]
    added = subject.arm("fine=-10.0")
    assert (added.role, added.seeds, added.recipe) == ("sweep", 2, Recipe(fine=-10.0))
    with pytest.raises(KeyError):
        subject.arm("nobody")


def test_a_sweep_can_be_of_another_arm() -> None:
    sweep = Sweep("Fine", "fine", (-10.0, 0.0), (GAP,))
    twin = Arm("twin", Recipe(Room(side=4)))
    subject = organism(Arm("organism", Recipe(), "organism"), twin, sweeps=(sweep, replace(sweep, of="twin")))
    added = {arm.name: arm.recipe for arm in subject.all_arms()[2:]}
    assert list(added) == ["fine=-10.0", "fine=0.0", "twin fine=-10.0", "twin fine=0.0"]
    assert added["twin fine=0.0"] == replace(twin.recipe, fine=0.0)
    with pytest.raises(TurncoatError, match="'Fine' varies must be one of organism, twin; got 'nobody'"):
        subject.family_arms(replace(sweep, of="nobody"))


def test_phases_have_an_arm_a_pair() -> None:
    subject = organism(Arm("organism", Recipe(), "organism"))
    arms = subject.family_arms(PhaseDiagram("Both", ("world.side", "fine"), ((1, 2), (0.0, 5.0)), GAP))
    assert [arm.name for arm in arms][:3] == ["side=1, fine=0.0", "side=1, fine=5.0", "side=2, fine=0.0"]
    assert arms[3].recipe == Recipe(Room(side=2), fine=5.0)


def test_every_row_is_in_one_block() -> None:
    assert [row for rows in ROW_BLOCKS.values() for row in rows] == list(Row)


def test_importing_the_nouns_imports_no_torch() -> None:
    program = "import sys, turncoat; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_condition_names_factors_and_values_that_the_world_has() -> None:
    factors = (Factor("year", ("safe", "sham"), ""), Factor("size", (), ""))
    check_condition(factors, {"year": "sham", "size": 7})
    check_condition(iter(factors), {})
    check_factors(factors, {"year": "of which it does not judge"})
    for check in (check_condition, check_factors):
        with pytest.raises(TurncoatError, match="this world has no factor 'moat'; it has year, size"):
            check(factors, {"moat": 1})
    with pytest.raises(TurncoatError, match="year must be one of safe, sham; got 'bad'"):
        check_condition(factors, {"year": "bad"})
