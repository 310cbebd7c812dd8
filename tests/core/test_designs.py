"""Laws of drawing, and the designs that they draw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from toy import Learn, Read
from toy import organism as toy
from turncoat.core import (
    Choice,
    LogUniform,
    Outcome,
    RandomDesigns,
    TurncoatError,
    Uniform,
    digest,
)
from turncoat.core.designs import FIRST_SEED

ABLE = Outcome("competent", ((Read().readout(), 0.2),))
DESIGNS = RandomDesigns(
    "At random",
    fields={"target": Uniform(0.0, 1.0), "updates": Choice((2, 3)), "sealed": Choice((False, True), (0.9, 0.1))},
    n=40,
    competent=ABLE,
    outcomes=(Outcome("high", ((Read().readout(), 0.5),)), Outcome("both", ((Read().readout(), 0.3),) * 2)),
    laws={"low": {"target": Uniform(0.0, 0.5)}, "high, short": {"target": Uniform(0.5, 1.0), "updates": Choice((2,))}},
    of="control",
)


@pytest.mark.parametrize(
    "law", [Uniform(-1.0, 3.0), LogUniform(1e-3, 1.0), LogUniform(0.25, 8.0, zero=0.3), LogUniform(0.5, 2.0, zero=1.0)]
)
def test_numbers_are_drawn_as_often_as_their_law_says(law: Any) -> None:
    drawn = np.array([law.draw(uniform) for uniform in np.random.default_rng(0).random(40_000)])
    edges = np.array([law.low + part * (law.high - law.low) for part in (0, 0.02, 0.05, 0.2, 0.5, 1)])
    for low, high in zip(edges, edges[1:], strict=False):
        middles = low + (high - low) * (np.arange(2_000) + 0.5) / 2_000
        expected = np.mean([law.density(value) for value in middles]) * (high - low)
        assert np.mean((drawn > low) & (drawn <= high)) == pytest.approx(expected, abs=0.01)
    assert np.mean(drawn == 0) == pytest.approx(law.probability(0.0), abs=0.01)
    assert law.density(law.high * 1.01) == law.probability(law.low) == 0
    assert set(drawn) - {0.0} == {value for value in drawn if law.low <= value <= law.high} - {0.0}


def test_values_are_chosen_as_often_as_their_law_says() -> None:
    for law in (Choice(((7, 9), (9, 11), "late")), Choice(((7, 9), (9, 11), "late"), (0.6, 0.1, 0.3))):
        drawn = [law.draw(uniform) for uniform in np.random.default_rng(1).random(20_000)]
        for value in law.values:
            assert drawn.count(value) / len(drawn) == pytest.approx(law.probability(value), abs=0.02)
        assert law.draw(0.0) == (7, 9) and law.draw(np.nextafter(1, 0)) == "late"
        assert (law.number("late"), law.probability("never"), law.density((7, 9))) == (2.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda: Uniform(1.0, 1.0), "needs low < high, got 1 and 1"),
        (lambda: LogUniform(0.0, 1.0), "needs 0 < low < high, got 0 and 1"),
        (lambda: LogUniform(0.1, 1.0, zero=1.5), "zero is a probability, got 1.5"),
        (lambda: Choice(()), "needs values"),
        (lambda: Choice((1, 2), (0.5, 0.6)), "sum to 1"),
        (lambda: replace(DESIGNS, fields={"target": Uniform(0.0, 1.0)}, laws={}), "draws 1 field; draw two or more"),
        (lambda: replace(DESIGNS, laws={"wide": {"target": Uniform(0.0, 1.5)}}), "'wide' draws target = 1.005, which"),
        (lambda: replace(DESIGNS, laws={"odd": {"updates": Choice((2, 5))}}), "'odd' draws updates = 5, which"),
        (lambda: replace(DESIGNS, laws={"zero": {"target": LogUniform(0.1, 1.0, zero=0.5)}}), "draws target = 0.0"),
        (lambda: replace(DESIGNS, laws={"odd": {"size": Uniform(0.0, 1.0)}}), "must be one of target, updates, sealed"),
    ],
)
def test_a_law_that_makes_no_sense_is_an_error(broken: Any, words: str) -> None:
    with pytest.raises(TurncoatError, match=words):
        broken()


def test_a_drawn_number_can_be_typed_again() -> None:
    assert Uniform(0.0, 1.0).draw(1 / 3) == 0.3333 and LogUniform(1e-4, 1.0).draw(0.4) == 0.003981
    assert Uniform(1 / 3, 1.0).draw(0.0) == 1 / 3  # rounded down it would be outside


def test_each_design_is_an_arm_with_a_seed_of_its_own() -> None:
    organism = replace(toy, random_designs=DESIGNS)
    arms = organism.family_arms(DESIGNS)
    assert len(arms) == len({digest(arm.recipe) for arm in arms}) == len({arm.name for arm in arms}) == 40
    assert set(arms) <= set(organism.all_arms()) and {arm.role for arm in arms} == {"sweep"}
    assert [arm.seed for arm in arms] == list(range(FIRST_SEED, FIRST_SEED + 40))
    for design in (0, 39):
        assert arms[design].recipe == replace(Learn(0.1), **DESIGNS.values(design))
    assert replace(DESIGNS, n=7).arms(Learn()) == DESIGNS.arms(Learn())[:7]  # more of them change none
    assert DESIGNS.readouts == (Read().readout(),)


def test_a_design_weighs_what_it_is_likelier_under_another_law() -> None:
    for design in range(40):
        values = DESIGNS.values(design)
        low, short = (DESIGNS.weight(design, law) for law in DESIGNS.laws.values())
        assert low == (2.0 if values["target"] <= 0.5 else 0.0)
        assert short == (4.0 if values["target"] >= 0.5 and values["updates"] == 2 else 0.0)
        assert DESIGNS.weight(design, {}) == 1


def test_a_value_that_is_drawn_for_itself_is_weighed_by_its_probability() -> None:
    fields = {"target": LogUniform(0.01, 1.0, zero=0.4), "updates": Choice((2, 3))}
    laws = {"never": {"target": LogUniform(0.01, 1.0, zero=1.0)}, "flat": {"target": Uniform(0.1, 1.0)}}
    designs = replace(DESIGNS, fields=fields, laws=laws)
    for design in range(40):
        value = designs.values(design)["target"]
        never, flat = (designs.weight(design, law) for law in laws.values())
        assert never == (2.5 if value == 0 else 0.0)
        density = 0.6 / (value * np.log(100)) if value else 1.0
        assert flat == pytest.approx(1 / 0.9 / density if value >= 0.1 else 0.0)
