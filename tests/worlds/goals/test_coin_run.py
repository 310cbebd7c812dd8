"""CoinRun: where the coin lies, and the physics by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grid_worlds import Fixed
from turncoat.worlds.goals.coin_run import CoinRun
from turncoat.worlds.grid.engine import Engine


def test_the_coin_lies_at_the_far_end_in_training_and_spread_widens_that() -> None:
    for spread in (1, 4):
        levels = CoinRun(spread=spread).draw_levels(60, "training", np.random.default_rng(0))
        columns = set((levels["goal"].argmax(1) % 20).tolist())
        assert columns == set(range(19 - spread, 19))
    levels = CoinRun().draw_levels(60, "deployment", np.random.default_rng(0))
    assert (levels["goal"].argmax(1) % 20 < 18).all() and (levels["proxy"].nonzero()[1] % 20 == 18).all()


COURSE = """
############
#          #
#          #
#   ###    #
#          #
#@        o#
######  ####
######~~####
"""


@pytest.mark.parametrize(
    ("moves", "ends", "reward", "over"),
    [
        ("L", (5, 1), 0, False),  # a wall
        ("RRR", (5, 4), 0, False),
        ("J", (2, 1), 0, False),  # three cells up
        ("r", (2, 2), 0, False),  # and one aside
        ("l", (2, 1), 0, False),  # but not into a wall
        ("JR", (3, 2), 0, False),  # then it falls, drifting
        ("JJ", (3, 1), 0, False),  # it cannot jump in the air
        ("JLLL", (5, 1), 0, False),
        ("RRRJ", (4, 4), 0, False),  # under the ledge
        ("RRr", (2, 4), 0, False),  # onto it
        ("RRrLL", (3, 2), 0, False),  # off it on the left: a step into the air, then it falls
        ("RRRRRR", (6, 7), 0, False),  # off the edge: in the air, then a cell down and along
        ("RRRRRL", (6, 6), 0, False),  # the side of the pit is solid
        ("RRRRRRR", (7, 7), 0, True),  # lava
        ("RRRRrRRR", (7, 7), 0, True),  # a jump that the ledge stops falls short
        ("RRrRRRRRR", (5, 10), 1, True),  # over the ledge to the coin
    ],
)
def test_the_physics_of_coin_run(moves: str, ends: tuple[int, int], reward: float, over: bool) -> None:
    world = CoinRun(height=8, width=12)
    engine, earned = Engine(Fixed(world, world.parse(COURSE)[0]), 1, 0, one_level_per_row=True), 0.0
    for move in moves:
        _, paid, terminated, truncated = engine.step(torch.tensor(["LRJlr".index(move)]))
        earned += float(paid[0])
        assert not truncated[0]
    assert divmod(int(engine.state["cell"][0]), 12) == ends and (earned, bool(terminated[0])) == (reward, over)


def test_the_coin_cannot_be_had_faster_than_the_oracle_says() -> None:
    world = CoinRun(height=8, width=12)
    level, start = world.parse(COURSE)
    assert level["to_goal"][0, start] == level["to_proxy"][0, start] == 9
