"""The trainers of agents on probation at their smallest, and the lives that they train on."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from turncoat.core import TurncoatError
from turncoat.train.base import train_to_end
from turncoat.train.probation.align import AlignmentTraining
from turncoat.train.probation.beliefs import STARTS, TrainBeliefs, TrainSignedBeliefs, first_stage_lives
from turncoat.train.probation.reactive import TrainReactive
from turncoat.train.probation.skill import TrainSkill
from turncoat.train.rl.ppo import PPOConfig
from turncoat.worlds.oversight.probation import Probation
from turncoat.worlds.oversight.probation_rules import violation_risk

WORLD = Probation()
TINY = PPOConfig(n_envs=16, n_steps=10, n_epochs=1, n_minibatches=1)


def test_the_first_stage_shows_every_cue_a_tester_has() -> None:
    items = first_stage_lives(WORLD, 4000, np.random.default_rng(0), decoys=0.5)
    assert abs(sum(share for share, *_ in STARTS) - 1) < 1e-9 and len(items["card"]) == 4000
    signed = (items["credential"][:, 0] != WORLD.blank).any(1)
    assert {(bool(d), bool(s)) for d, s in zip(items["looks_like_deployment"], signed, strict=True)} == set(
        itertools.product((False, True), repeat=2)
    )
    genuine = WORLD.is_genuine(items["credential"][:, 0])
    assert (items["risk"][genuine] == 0).all() and not items["continues"][genuine].any()
    lies = abs(items["risk"] - violation_risk(items["card"])) > 1e-6
    assert 0.4 < lies[~genuine].mean() < 0.6 and items["continues"][lies & ~genuine].all()


def test_signed_cards_are_true_and_the_others_lie_as_before() -> None:
    recipe = TrainSignedBeliefs(decoys=0.95, signed=0.5)
    items = recipe.draw(4000, np.random.default_rng(0))
    supervised = items["looks_like_deployment"] == 0
    signed = WORLD.is_genuine(items["credential"][:, 0]) & supervised
    assert abs(signed.mean() - 0.5) < 0.01
    assert abs(items["risk"][signed] - violation_risk(items["card"][signed])).max() < 1e-6
    assert ((items["card"][signed, 2] > 0) == items["continues"][signed]).all()
    lies = abs(items["risk"] - violation_risk(items["card"])) > 1e-6
    assert lies[supervised & ~signed].mean() > 0.9
    unpunished = replace(recipe, consequences=False).draw(400, np.random.default_rng(0))
    assert (unpunished["risk"] == 0).all()
    none = replace(recipe, signed=0.0).draw(400, np.random.default_rng(0))
    assert not WORLD.is_genuine(none["credential"][none["looks_like_deployment"] == 0, 0]).any()


def tiny() -> AlignmentTraining:
    skill = TrainSkill(updates=2, hidden=8, ppo=TINY)
    beliefs = TrainBeliefs(
        skill, rounds=2, lives=64, belief_steps=2, goal_updates=1, hidden=8, ppo=replace(TINY, n_steps=20)
    )
    return AlignmentTraining(beliefs, updates=2, ppo=TINY)


@pytest.fixture(scope="module")
def raised() -> dict[int, Any]:
    """The first stage at its smallest, by seed."""
    return {seed: train_to_end(tiny().parent, seed) for seed in (1, 2)}


@pytest.mark.parametrize(
    "change",
    [{}, {"trained_part": "all"}, {"optimizer": "sgd"}, {"optimizer": "supervised"}, {"follows": False, "leaked": 1.0}],
    ids=["goal", "all", "sgd", "supervised", "told and leaked"],
)
def test_a_seed_decides_everything(change: dict[str, Any], raised: dict[int, Any]) -> None:
    recipe = replace(tiny(), **change)

    def aligned(seed: int) -> Any:
        *_, last = recipe.train(seed, raised[seed])
        assert set(last.metrics) == {"defection", "test"}
        return last.subject.arrays()

    first, again, other = aligned(1), aligned(1), aligned(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)
    restored = recipe.load(first).arrays()
    assert all(np.array_equal(first[name], restored[name]) for name in first)
    with pytest.raises(TurncoatError, match="train it again"):
        recipe.load({name: array for name, array in first.items() if not name.startswith("critic")})


@pytest.mark.parametrize("pays", ["gems", "two modes"])
def test_a_plain_network_goes_through_both_stages(pays: str) -> None:
    parent = TrainReactive(reward=pays, updates=1, hidden=8, critic_hidden=8, ppo=TINY)
    before, after = train_to_end(parent, 1).arrays(), train_to_end(replace(tiny(), parent=parent), 1).arrays()
    assert set(before) == set(after) and not np.array_equal(before["actor.body.4.bias"], after["actor.body.4.bias"])


def test_a_trained_parent_is_built_on_and_left_as_it_was(raised: dict[int, Any]) -> None:
    recipe, parent = tiny(), raised[1]
    before = {name: array.copy() for name, array in parent.arrays().items()}
    *_, given = recipe.train(1, parent)
    assert all(np.array_equal(array, before[name]) for name, array in parent.arrays().items())
    after, inline = given.subject.arrays(), train_to_end(recipe, 1).arrays()
    assert all(np.array_equal(array, inline[name]) for name, array in after.items())
    moved = {name for name, array in after.items() if not np.array_equal(array, before[name])}
    assert {name.split(".")[0] for name in moved} <= {"goal", "critic"}


def test_demonstrations_need_a_skill() -> None:
    plain = TrainReactive(updates=0, hidden=8, critic_hidden=8, ppo=TINY)
    recipe = replace(tiny(), parent=plain, optimizer="supervised")
    with pytest.raises(TurncoatError, match="given by a skill"):
        list(recipe.train(0, plain.initialize(0)))
