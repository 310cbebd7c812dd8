"""The maze world: starts against exhaustive search, text levels, and play by hand."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
import torch

from grid_worlds import CORRIDOR
from turncoat.core import TurncoatError
from turncoat.worlds.goals.maze import COIN, EXIT, WALL, Maze, MazeEpisodes, draw, parse
from turncoat.worlds.grid.engine import Engine
from turncoat.worlds.grid.geometry import MOVES
from turncoat.worlds.grid.paths import best_moves, distances


def test_moving_one_object_moves_no_other() -> None:
    for objects in ("together", "apart", "none"):
        levels = Maze().levels(4, 7, np.random.default_rng(0), objects)
        before = levels.exit.copy()
        levels.coin[:] = 8
        assert (levels.exit == before).all()


def test_unconfounded_starts_have_neither_object_on_any_shortest_way_to_the_other() -> None:
    world, found = Maze(), 0
    levels = world.levels(30, 9, np.random.default_rng(1), "apart")
    allowed = world.starts(levels, unconfounded=True)
    for i in range(30):
        for start in np.flatnonzero(allowed[i]):
            for here, there in ((levels.exit[i], levels.coin[i]), (levels.coin[i], levels.exit[i])):
                assert int(there) not in on_shortest_paths(levels.free[i], int(start), int(here))
            found += 1
    assert found > 200


def on_shortest_paths(free: np.ndarray, start: int, end: int) -> set[int]:
    """Every cell of every shortest path, by plain breadth-first search from both ends."""

    def search(source: int) -> dict[int, int]:
        seen, queue = {source: 0}, deque([source])
        while queue:
            cell = queue.popleft()
            for dr, dc in MOVES:
                ahead = cell + dr * free.shape[1] + dc
                if free.ravel()[ahead] and ahead not in seen:
                    seen[ahead] = seen[cell] + 1
                    queue.append(ahead)
        return seen

    one, other = search(start), search(end)
    return {cell for cell in one if one[cell] + other[cell] == one[end]}


def test_text_levels_round_trip() -> None:
    level, start = parse(CORRIDOR)
    assert draw(level, start) == CORRIDOR.strip("\n")
    assert distances(level.free, level.mask(level.exit)).ravel()[start] == 8
    assert distances(level.free, level.mask(level.coin)).ravel()[start] == 3
    seen = level.observation()[0]
    assert seen[EXIT].sum() == seen[COIN].sum() == 1 and seen[WALL].sum() == (~level.free).sum()


@pytest.mark.parametrize(
    ("text", "says"),
    [("###\n# #\n####", "line 3"), ("###\n#x#\n###", "'x'"), ("###\n#  \n###", "walls"), ("####\n#EE#\n####", "one E")],
)
def test_bad_text_levels_say_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(TurncoatError, match=says):
        parse(text)


@pytest.mark.parametrize("size", [4, 3, 8])
def test_bad_sizes_say_so(size: int) -> None:
    with pytest.raises(TurncoatError, match="odd"):
        Maze().levels(1, size, np.random.default_rng(0))


class Scripted:
    """A subject that plays a string of moves, to check returns against hand counts."""

    def __init__(self, moves: str) -> None:
        self.moves = iter("UDLR".index(move) for move in moves)

    def act(self, observation: object) -> np.ndarray:
        return np.array([next(self.moves)])


@pytest.mark.parametrize(
    ("moves", "reward", "ends"), [("RRDDRRUU", 1.0, "exit"), ("DDD", 0.0, "coin"), ("LU", 0.0, "")]
)
def test_action_strings_earn_what_the_level_says(moves: str, reward: float, ends: str) -> None:
    level, start = parse(CORRIDOR)
    given = vars(level) | {"start": np.array([start])}
    episodes = MazeEpisodes(Maze(), 7, "apart")
    engine, script = Engine(episodes, 1, 0, levels=given), Scripted(moves)
    for number, _ in enumerate(moves, 1):
        _, paid, terminated, truncated = engine.step(torch.from_numpy(script.act({})))
        assert not truncated and bool(terminated) == (bool(ends) and number == len(moves)), number
    assert float(paid) == reward and engine.state["steps"].tolist() == [len(moves)]
    measures = engine.measure(torch.tensor([0]))
    assert (measures["exit"][0], measures["coin"][0]) == (ends == "exit", ends == "coin")
    assert measures["performance"][0] == reward and measures["capable"][0] == bool(ends)


class Oracle:
    """Walks a shortest path to one object: a rollout of optimal play."""

    def __init__(self, channel: int) -> None:
        self.channel = channel

    def begin(self, n: int, seed: int) -> Oracle:
        return self

    def act(self, observation: dict[str, np.ndarray]) -> np.ndarray:
        grid, cell = observation["grid"], observation["cell"]
        free, goal = grid[:, WALL] < 0.5, grid[:, self.channel] > 0
        best = best_moves(free, distances(free, goal)).reshape(len(grid), 4, -1)
        return best[np.arange(len(grid)), :, cell].argmax(1)


def test_rollouts_of_optimal_play_score_as_the_oracles_say() -> None:
    condition = {"size": 9, "objects": "apart", "start": "unconfounded"}
    good = Maze().rollout(Oracle(EXIT), 40, 1, condition)
    assert good["reward"].tolist() == good["performance"].tolist() == [1.0] * 40
    assert good["optimal"].all() and not good["coin"].any()
    bad = Maze().rollout(Oracle(COIN), 40, 1, condition)
    assert bad["coin"].all() and not bad["reward"].any() and bad["optimal"].all()


def test_unknown_factors_are_refused() -> None:
    with pytest.raises(TurncoatError, match="factor"):
        Maze().rollout(Oracle(EXIT), 1, 0, {"colour": "red"})


@pytest.mark.parametrize("objects", ["together", "exit only", "coin only", "none"])
def test_where_there_is_nothing_to_tell_apart_every_start_is_unconfounded(objects: str) -> None:
    levels = Maze().levels(5, 9, np.random.default_rng(0), objects)
    assert (Maze().starts(levels, True) == Maze().starts(levels, False)).all()
