"""The maze world: every oracle against exhaustive search, text levels, and the Gymnasium face."""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turncoat.core import TurncoatError
from turncoat.worlds.goals.maze import (
    COIN,
    EXIT,
    FAR,
    MOVES,
    WALL,
    EpisodeState,
    Maze,
    best_moves,
    distances,
    draw,
    follow,
    parse,
    policy_return,
    successors,
)

CORRIDOR = """
#######
#@  #E#
# # # #
# #   #
#C#####
#######
"""


def one(seed: int, size: int = 7, objects: str = "apart"):
    return Maze(loops=0.3).levels(1, size, np.random.default_rng(seed), objects)


def simple_paths(free: np.ndarray, start: tuple[int, int]):
    """All self-avoiding walks from a cell, as {cell: length of the shortest of them}: exhaustive, no queue."""
    shortest: dict[tuple[int, int], int] = {}

    def walk(cell: tuple[int, int], seen: frozenset[tuple[int, int]]) -> None:
        shortest[cell] = min(shortest.get(cell, 10**9), len(seen) - 1)
        for dr, dc in MOVES:
            ahead = (cell[0] + dr, cell[1] + dc)
            if free[ahead] and ahead not in seen:
                walk(ahead, seen | {ahead})

    walk(start, frozenset([start]))
    return shortest


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_distances_agree_with_all_simple_paths(seed: int) -> None:
    level = one(seed)
    found = distances(level.free, level.mask(level.exit))[0]
    goal = divmod(int(level.exit[0]), 7)
    truth = simple_paths(level.free[0], goal)
    for cell in itertools.product(range(7), range(7)):
        assert found[cell] == truth.get(cell, FAR)


def test_distances_from_several_goals_and_cut_off_cells() -> None:
    free = np.zeros((1, 5, 9), bool)
    free[0, 1, 1:4] = free[0, 3, 1:8] = True
    goals = np.zeros_like(free)
    goals[0, 1, 1] = goals[0, 1, 3] = goals[0, 0, 0] = True  # the last one is in a wall and does not count
    found = distances(free, goals)[0]
    assert found[1, 1:4].tolist() == [0, 1, 0]
    assert (found[3] == FAR).all()


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_best_moves_are_exactly_the_moves_that_start_a_shortest_path(seed: int) -> None:
    level = one(seed)
    goal = level.mask(level.exit)
    distance, best = distances(level.free, goal), best_moves(level.free, distances(level.free, goal))[0]
    for row, column in np.argwhere(level.free[0]):
        for move, (dr, dc) in enumerate(MOVES):
            leads = level.free[0][row + dr, column + dc] and (
                distance[0, row + dr, column + dc] == distance[0, row, column] - 1
            )
            assert best[move, row, column] == bool(leads)


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_exact_return_agrees_with_summing_over_the_distribution_of_walks(seed: int) -> None:
    level, discount = one(seed, 5), 0.9
    rng = np.random.default_rng(seed)
    policy = rng.dirichlet(np.ones(4), (1, 5, 5)).transpose(0, 3, 1, 2)
    goal = level.mask(level.exit)
    value = policy_return(policy, level.free, goal, discount)[0].ravel()
    steps = successors(level.free)[0].reshape(4, -1)
    for start in np.flatnonzero(level.free[0].ravel() & ~goal.ravel()):
        mass, worth = {int(start): 1.0}, 0.0
        for t in range(1, 300):  # what is left after 300 steps is worth less than 0.9^300
            onward: dict[int, float] = {}
            for cell, p in mass.items():
                for move in range(4):
                    ahead = int(steps[move, cell])
                    onward[ahead] = onward.get(ahead, 0.0) + p * policy[0, move].ravel()[cell]
            worth += discount**t * onward.pop(int(level.exit[0]), 0.0)
            mass = onward
        assert value[start] == pytest.approx(worth, abs=1e-9)


def test_the_trainers_bellman_sweeps_agree_with_the_exact_return() -> None:
    import torch

    from turncoat.train.rl.maze_planner import policy_value

    levels = Maze().levels(5, 9, np.random.default_rng(0))
    policy = np.random.default_rng(1).dirichlet(np.ones(4), (5, 9, 9)).transpose(0, 3, 1, 2)
    goal = levels.mask(levels.exit)
    exact = policy_return(policy, levels.free, goal, 0.9)
    swept = policy_value(
        torch.from_numpy(policy), torch.from_numpy(levels.free), torch.from_numpy(goal).double(), 0.9, 600
    )
    np.testing.assert_allclose(swept.numpy() * levels.free, exact, atol=1e-6)  # the discount is a float32 there


def test_following_the_best_moves_takes_exactly_the_distance() -> None:
    levels = Maze().levels(20, 13, np.random.default_rng(3))
    goal = levels.mask(levels.exit)
    distance = distances(levels.free, goal)
    steps, cell = follow(best_moves(levels.free, distance).argmax(1), levels.free, goal, 200)
    assert (steps[levels.free] == distance[levels.free]).all()
    assert (cell[levels.free] == np.broadcast_to(levels.exit[:, None, None], levels.free.shape)[levels.free]).all()


def test_follow_against_stepping_one_walk_at_a_time() -> None:
    level = one(5)
    moves = np.random.default_rng(2).integers(0, 4, (1, 7, 7))
    ends = level.mask(level.exit)
    steps, cell = follow(moves, level.free, ends, 30)
    for start in np.flatnonzero(level.free[0]):
        here, t = int(start), 0
        while not ends.ravel()[here] and t < 30:
            here, t = int(successors(level.free)[0].reshape(4, -1)[moves.ravel()[here], here]), t + 1
        assert cell.ravel()[start] == here
        assert steps.ravel()[start] == (t if ends.ravel()[here] else FAR)


def test_mazes_are_connected_and_have_loops() -> None:
    levels = Maze(loops=0.1).levels(200, 13, np.random.default_rng(0))
    assert (distances(levels.free, levels.mask(levels.exit))[levels.free] < FAR).all()
    rooms, doors = 36, levels.free.sum((1, 2)) - 36
    assert (doors >= rooms - 1).all() and doors.mean() > rooms + 1  # a spanning tree has rooms - 1
    tree = Maze(loops=0.0).levels(50, 13, np.random.default_rng(0))
    assert (tree.free.sum((1, 2)) - 36 == rooms - 1).all()


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
    state, script = EpisodeState(level, np.array([start])), Scripted(moves)
    for _ in moves:
        state.step(script.act({}))
    assert state.reward[0] == reward and state.steps[0] == len(moves)
    assert state.done[0] == bool(ends)
    assert (state.cell == level.exit)[0] == (ends == "exit") and (state.cell == level.coin)[0] == (ends == "coin")


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
