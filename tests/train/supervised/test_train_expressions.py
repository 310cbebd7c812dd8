"""The trainer of dialogues that evaluate expressions, at its smallest."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from turncoat.core import TurncoatError
from turncoat.train.base import train_to_end
from turncoat.train.supervised.expressions import TrainExpressions
from turncoat.worlds.text.expressions import Expressions

WORLD = Expressions()
LEVEL = "x + y - 5 | x=3 y=2 z=4"
TINY = TrainExpressions(updates=20, batch_size=16)


def test_same_seed_same_weights_and_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    one, same, other = (train_to_end(TINY, seed).arrays() for seed in (3, 3, 4))
    assert torch.equal(torch.rand(3), expected)
    for name, weights in one.items():
        np.testing.assert_array_equal(weights, same[name])
    assert not np.array_equal(one["token_embedding.weight"], other["token_embedding.weight"])


def test_weights_survive_the_round_trip_through_float16() -> None:
    subject = train_to_end(TINY, 0)
    arrays = subject.arrays()
    assert {value.dtype for value in arrays.values()} == {np.dtype(np.float16)}
    assert sum(value.nbytes for value in arrays.values()) < 60_000
    again = TINY.load(arrays)
    tokens = torch.from_numpy(
        WORLD.demonstrate(WORLD.levels(np.full(5, 2), np.random.default_rng(0), held_out=True))[0]
    )
    assert torch.equal(subject.module(tokens), again.module(tokens))
    one, same = (WORLD.rollout(s, 20, 0, {"levels": "deployment"}) for s in (subject, again))
    assert all(np.array_equal(column, same[name]) for name, column in one.columns.items())
    with pytest.raises(TurncoatError, match="do not fit"):
        replace(TINY, width=16).load(arrays)


def test_every_weight_is_in_a_standard_layer() -> None:
    from turncoat.assays.behaviour.standard_tools import StandardParts

    assay = StandardParts()
    assert assay.share(assay.observe(TINY.build(), WORLD, 0)) == 1.0


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_mixed_share_of_training_dialogues_really_has_another_number_of_unknowns(share: float) -> None:
    unknowns = replace(TINY, mixed=share).unknowns(4000, np.random.default_rng(0))
    assert (unknowns != 2).mean() == pytest.approx(share, abs=0.02)
    assert share == 0 or set(unknowns[unknowns != 2]) == {0, 1, 3}


def test_a_dropped_term_is_shown_nowhere() -> None:
    tokens, own = WORLD.demonstrate(WORLD.parse(LEVEL))
    row = "x + y - 5 what's x 3 what's y 2 3 + 2 - 5 = 0 ."
    seen = set()
    for seed in range(60):
        heard = replace(TINY, word_dropout=0.5).mask_terms(tokens, np.random.default_rng(seed))
        assert (heard[own] == tokens[own]).all()
        seen.add(WORLD.text(heard[0, : len(row.split())]))
    assert seen == {
        f"{x} + {y} - {c} what's x {'_' if x == '_' else 3} what's y {'_' if y == '_' else 2} 3 + 2 - 5 = 0 ."
        for x, y, c in itertools.product("x_", "y_", "5_")
    }
    assert (replace(TINY, word_dropout=0.0).mask_terms(tokens, np.random.default_rng(0)) == tokens).all()


def test_a_smoke_run_is_short_and_reports() -> None:
    steps = list(TrainExpressions().smoke(3).train(0))
    assert [step.done for step in steps] == [0, 1, 2, 3] and steps[0].metrics["loss"] > 0
