"""Mazes as other people draw them: a planner by construction gets to its goal in all of them, a compass does not."""

from __future__ import annotations

from turncoat.assays.planning.other_mazes import OtherMazes
from turncoat.train.scripted import GreedyBaseline, ValueIterationBaseline
from turncoat.worlds.goals.maze import COIN, MAZES, Maze


def test_a_planner_gets_there_and_a_compass_gets_stuck() -> None:
    assay, world = OtherMazes(sizes=(13,), n=30), Maze()
    subjects = ValueIterationBaseline(ticks=128).load({}), GreedyBaseline(channel=COIN).load({})
    planner, compass = (assay.observe(subject, world, 0) for subject in subjects)
    for mazes in MAZES:
        assert assay.share(planner, mazes, 13) > 0.95, mazes
        assert assay.share(planner, mazes, 13, "optimal") > 0.95, mazes
    assert assay.share(compass, "ring", 13) < 0.5 < assay.share(compass, "open field", 13)
