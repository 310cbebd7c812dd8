"""The recurrent planner and its trainer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from turncoat.core import TurncoatError
from turncoat.train.rl.maze_planner import TrainMazePlanner, maze_loss, maze_transitions
from turncoat.train.rl.planner import actor_critic_loss, policy_value
from turncoat.worlds.goals.maze import CHANNELS, EXIT, Maze
from turncoat.worlds.grid.paths import best_moves, distances

TINY = TrainMazePlanner(updates=12, sizes=(5, 7), shares=(0.5, 0.5), ticks=(3, 4), batch_size=8, n_levels=40)


def trained(recipe: TrainMazePlanner, seed: int) -> dict[str, np.ndarray]:
    return dict(list(recipe.train(seed))[-1].subject.arrays())


@pytest.mark.parametrize("signal", ["exact", "sampled"])
def test_same_seed_same_weights(signal: str) -> None:
    recipe = replace(TINY, signal=signal)
    one, same, other = trained(recipe, 3), trained(recipe, 3), trained(recipe, 4)
    for name, weights in one.items():
        np.testing.assert_array_equal(weights, same[name])
    assert not np.array_equal(one["encoder_in.weight"], other["encoder_in.weight"])


def test_training_does_not_disturb_the_callers_random_numbers() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    trained(TINY, 1)
    assert torch.equal(torch.rand(3), expected)


def test_weights_survive_the_round_trip() -> None:
    arrays = trained(TINY, 0)
    again = TINY.load(arrays)
    levels = Maze().levels(4, 7, np.random.default_rng(0))
    grid = torch.from_numpy(levels.observation())
    one = list(TINY.train(0))[-1].subject.module.iterate(grid, 5).logits
    assert torch.equal(one, again.module.iterate(grid, 5).logits)
    with pytest.raises(TurncoatError, match="do not fit"):
        replace(TINY, hidden=16).load(arrays)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_the_separated_share_of_training_mazes_really_has_its_objects_apart(share: float) -> None:
    free = Maze().levels(3000, 9, np.random.default_rng(0)).free
    levels = replace(TINY, separated=share).place(free, np.random.default_rng(1))
    apart = (levels.exit != levels.coin).mean()
    assert apart == pytest.approx(share, abs=0.04)  # a coin drawn anew may fall on the exit, once in 30 cells
    assert levels.free.reshape(3000, -1)[np.arange(3000), levels.coin].all()


def test_unknown_signals_are_refused() -> None:
    with pytest.raises(TurncoatError, match="one of exact, sampled"):
        list(replace(TINY, signal="psychic").train(0))


def setting(n: int = 6, size: int = 7) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    levels = Maze().levels(n, size, np.random.default_rng(1))
    goal = levels.mask(levels.exit)
    best = best_moves(levels.free, distances(levels.free, goal))
    return torch.from_numpy(levels.free), torch.from_numpy(goal).float(), best


@pytest.mark.parametrize("signal", ["exact", "sampled"])
def test_either_signal_alone_turns_a_table_of_logits_into_shortest_paths(signal: str) -> None:
    free, goal, best = setting()
    logits = torch.zeros(6, 4, 7, 7, requires_grad=True)
    critic = torch.zeros(6, 7, 7, requires_grad=True)
    optimizer = torch.optim.Adam([logits, critic], 0.1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        if signal == "exact":
            loss, _ = maze_loss(logits, free, goal, 0.97, 0.15, 0.0)
        else:
            table = maze_transitions(free, goal)
            loss, _ = actor_critic_loss(logits.flatten(2), critic.flatten(1), *table, 0.97, 0.01, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    chosen = np.take_along_axis(best, logits.detach().argmax(1, keepdim=True).numpy(), 1)[:, 0]
    at = free.numpy() & ~goal.bool().numpy()
    assert chosen[at].mean() >= (0.999 if signal == "exact" else 0.97)


def test_value_of_the_uniform_policy_against_simulation() -> None:
    free, goal, _ = setting(n=1, size=5)
    policy = torch.full((1, 4, 5, 5), 0.25)
    value = policy_value(policy, free, goal, 0.9, 400)[0]
    rng, cells = np.random.default_rng(0), np.argwhere(free[0].numpy() & ~goal[0].bool().numpy())
    start = cells[0]
    worth = []
    for _ in range(4000):
        here, discount = tuple(start), 1.0
        while not goal[0][here] and discount > 1e-4:
            dr, dc = ((-1, 0), (1, 0), (0, -1), (0, 1))[rng.integers(4)]
            there = (here[0] + dr, here[1] + dc)
            here, discount = (there if free[0][there] else here), discount * 0.9
        worth.append(discount if goal[0][here] else 0.0)
    assert float(value[tuple(start)]) == pytest.approx(np.mean(worth), abs=4 * np.std(worth) / 4000**0.5)


def test_salience_is_how_bright_the_exit_is_seen() -> None:
    faint, equal = replace(TINY, salience=4.0).build().module, replace(TINY, salience=1.0).build().module
    assert faint.gain.flatten().tolist() == [1.0, 0.25, 1.0, 1.0]
    equal.load_state_dict({name: w for name, w in faint.state_dict().items() if name != "gain"}, strict=False)
    grid = torch.zeros(1, CHANNELS, 7, 7)
    grid[0, EXIT, 3, 3] = 1.0
    dimmed = grid * 0.25
    assert torch.equal(faint.encode(grid), equal.encode(dimmed))


def test_without_recall_objects_are_seen_at_the_first_tick_only() -> None:
    grid = torch.from_numpy(Maze().levels(2, 7, np.random.default_rng(0)).observation())
    walls = grid.clone()
    walls[:, 1:] = 0
    for recall in (True, False):
        net = replace(TINY, recall=recall).build().module
        with torch.no_grad():
            first = net.iterate(grid, 1).hidden
            onward = net.iterate(grid, 2).hidden
            blind = net.tick(first, net.inject[0](net.encode(walls)), 0)
        assert torch.allclose(onward, blind, atol=1e-6) is not recall


def test_carrying_on_equals_thinking_longer() -> None:
    net = TINY.build().module
    grid = torch.from_numpy(Maze().levels(2, 7, np.random.default_rng(0)).observation())
    with torch.no_grad():
        whole, half = net.iterate(grid, 6, keep=(3,)), net.iterate(grid, 3)
        assert torch.equal(whole.kept[3], half.hidden)
        assert torch.allclose(net.iterate(grid, 3, half.hidden).logits, whole.logits, atol=1e-6)


@pytest.mark.parametrize("tied", [True, False])
def test_a_net_with_a_depth_stops_there(tied: bool) -> None:
    net = replace(TINY, tied=tied, depth=3).build().module
    grid = torch.from_numpy(Maze().levels(2, 7, np.random.default_rng(0)).observation())
    with torch.no_grad():
        assert torch.equal(net.iterate(grid, 3).logits, net.iterate(grid, 30).logits)


def test_the_session_thinks_on_when_the_maze_changes() -> None:
    subject = TINY.build()
    levels = Maze().levels(3, 7, np.random.default_rng(0))
    session = subject.begin(3, 0)
    session.act({"grid": levels.observation(), "cell": levels.exit})
    before = session.hidden
    session.act({"grid": levels.observation(), "cell": levels.exit})
    assert session.hidden is before
    moved = Maze().place_objects(levels.free, np.random.default_rng(1))
    session.act({"grid": moved.observation(), "cell": moved.exit})
    assert session.hidden is not before


@pytest.mark.slow
def test_the_recipe_makes_a_planner() -> None:
    subject = list(TrainMazePlanner().train(1000))[-1].subject
    traces = Maze().rollout(subject, 300, 0, {"size": 13})
    assert traces["reward"].mean() > 0.99 and traces["optimal"].mean() > 0.98
