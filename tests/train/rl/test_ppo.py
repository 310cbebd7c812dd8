"""PPO against stable-baselines3's, and against definitions: estimates, loss and gradient, memory, what is learned."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from turncoat.models.base import seeded
from turncoat.models.mlp import GridMLP, flatten_grids
from turncoat.models.object_attention import WIDTH, ObjectAttentionNet
from turncoat.train.rl.ppo import PPOConfig, TrainAttentionPPO, TrainMLPPPO, gae, ppo_loss, ppo_updates
from turncoat.worlds.goals.cheese import CheeseCorner
from turncoat.worlds.goals.keys_chests import KeysChests
from turncoat.worlds.grid.engine import Engine

Tensors = dict[str, Tensor]


@pytest.fixture(scope="module")
def sb3() -> Any:
    """stable-baselines3, which only these tests need; where it must be there and is not, that is a failure."""
    try:
        import stable_baselines3
    except ImportError:
        told = "stable-baselines3 IS MISSING, so PPO goes UNCHECKED against it: pip install stable-baselines3"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return stable_baselines3


class Toy:
    """What the two little games share: no levels to speak of, nothing but `cell` is seen."""

    action_names = ("left", "right")
    splits = ("training", "deployment")
    horizon = 12

    def draw_levels(self, n: int, kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"none": np.zeros(n)}

    def static_observation(self, levels: Tensors) -> Tensors:
        return {}

    def precompute(self, levels: Tensors) -> Tensors:
        return {}

    def observe(self, state: Tensors, levels: Tensors) -> Tensors:
        return {"cell": state["cell"]}


class Corridor(Toy):
    """Cells 0 to 4; the right end pays 1 and ends the episode. The optimum is to go right from everywhere."""

    def initial_state(self, levels: Tensors, which: Tensor, generator: Generator) -> Tensors:
        return {"cell": torch.randint(4, which.shape, generator=generator)}

    def step(self, state: Tensors, levels: Tensors, actions: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        state["cell"] = (state["cell"] + 2 * actions - 1).clamp(min=0)
        there = state["cell"] == 4
        return there.float(), there


class Cue(Toy):
    """The cue (cell 1 or 2) is shown at the first of five steps, nothing (0) after; at the last, doing it pays 1."""

    def initial_state(self, levels: Tensors, which: Tensor, generator: Generator) -> Tensors:
        cue = torch.randint(2, which.shape, generator=generator)
        return {"cell": 1 + cue, "cue": cue}

    def step(self, state: Tensors, levels: Tensors, actions: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        state["cell"] = torch.zeros_like(state["cell"])
        over = state["steps"] == 4
        return (over & (actions == state["cue"])).float(), over


class CorridorEnv(gymnasium.Env[np.int64, np.int64]):
    """The corridor for stable-baselines3."""

    observation_space = gymnasium.spaces.Discrete(5)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.cell, self.count = int(self.np_random.integers(4)), 0
        return self.cell, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.cell, self.count = max(0, self.cell + 2 * int(action) - 1), self.count + 1
        return self.cell, float(self.cell == 4), self.cell == 4, self.count >= Toy.horizon and self.cell != 4, {}


class Tabular(nn.Module):
    """A hidden layer over one-hot cells."""

    autocast_bfloat16 = False

    def __init__(self, cells: int, moves: int) -> None:
        super().__init__()
        self.cells, self.inner, self.heads = cells, nn.Linear(cells, 32), nn.Linear(32, moves + 1)

    def forward(self, seen: Mapping[str, Tensor], hidden: None) -> tuple[Tensor, Tensor, None]:
        out = self.heads(torch.tanh(self.inner(F.one_hot(seen["cell"], self.cells).float())))
        return out[:, :-1], out[:, -1], None

    def initial_hidden(self, n: int) -> None:
        return None


SMALL = PPOConfig(n_envs=8, n_steps=32, n_epochs=10, n_minibatches=4, learning_rate=3e-3, anneal=False)


def peers(settings: PPOConfig, **more: Any) -> dict[str, Any]:
    """The same settings, as stable-baselines3's PPO takes them."""
    return {
        "n_steps": settings.n_steps, "batch_size": settings.n_envs * settings.n_steps // settings.n_minibatches,
        "n_epochs": settings.n_epochs, "learning_rate": settings.learning_rate, "gamma": settings.gamma,
        "gae_lambda": settings.gae_lambda, "clip_range": settings.clip_range, "ent_coef": settings.ent_coef,
        "vf_coef": settings.vf_coef, "max_grad_norm": settings.max_grad_norm, "device": "cpu",
    } | more  # fmt: skip


def test_both_reach_the_optimum_of_a_corridor(sb3: Any) -> None:
    from stable_baselines3.common.env_util import make_vec_env

    with seeded(0):
        net = Tabular(5, 2)
    for _ in ppo_updates(net, Engine(Corridor(), SMALL.n_envs, 0), lambda seen: {"cell": seen["cell"]}, 12, SMALL, 0):
        pass
    ours = net({"cell": torch.arange(4)}, None)[0].argmax(1)
    with seeded(0):
        model = sb3.PPO("MlpPolicy", make_vec_env(CorridorEnv, SMALL.n_envs, seed=0), seed=0, **peers(SMALL))
        model.learn(12 * SMALL.n_envs * SMALL.n_steps)
    theirs, _ = model.predict(np.arange(4), deterministic=True)
    assert ours.tolist() == theirs.tolist() == [1, 1, 1, 1]


def some_steps(n_steps: int, n_envs: int, seed: int = 0) -> tuple[Tensors, Tensor]:
    dice = Generator().manual_seed(seed)
    terminated = torch.rand(n_steps, n_envs, generator=dice) < 0.1
    truncated = (torch.rand(n_steps, n_envs, generator=dice) < 0.1) & ~terminated
    batch = {
        "reward": torch.randn(n_steps, n_envs, generator=dice), "value": torch.randn(n_steps, n_envs, generator=dice),
        "terminated": terminated, "done": terminated | truncated,
    }  # fmt: skip
    return batch, torch.randn(n_envs, generator=dice)


def test_gae_is_the_sum_of_its_definition() -> None:
    span, envs, settings = 40, 5, PPOConfig()
    batch, next_value = some_steps(span, envs)
    reward, value, terminated, done = (batch[k].tolist() for k in ("reward", "value", "terminated", "done"))
    assert batch["terminated"].any() and (batch["done"] & ~batch["terminated"]).any()
    estimates = gae(batch, next_value, settings)
    for e in range(envs):
        for t in range(span):
            total, weight = 0.0, 1.0
            for u in range(t, span):
                if terminated[u][e]:
                    after = 0.0  # there is nothing to come
                elif done[u][e]:
                    after = value[u][e]  # there would have been, and this is the best that is known of it
                else:
                    after = value[u + 1][e] if u + 1 < span else float(next_value[e])
                total += weight * (reward[u][e] + settings.gamma * after - value[u][e])
                weight *= settings.gamma * settings.gae_lambda
                if done[u][e]:
                    break
            assert float(estimates[t, e]) == pytest.approx(total, abs=1e-4)


def test_gae_is_stable_baselines3s(sb3: Any) -> None:
    from stable_baselines3.common.buffers import RolloutBuffer

    span, envs, settings = 40, 5, PPOConfig()
    batch, next_value = some_steps(span, envs)
    space = gymnasium.spaces.Discrete(2)
    buffer = RolloutBuffer(span, space, space, "cpu", settings.gae_lambda, settings.gamma, envs)
    begun = np.ones(envs)
    for t in range(span):
        cut = batch["done"][t] & ~batch["terminated"][t]
        paid = batch["reward"][t] + settings.gamma * batch["value"][t] * cut  # how it bootstraps what was cut short
        nothing = np.zeros((envs, 1))
        buffer.add(nothing, nothing, paid.numpy(), begun, batch["value"][t], torch.zeros(envs))
        begun = batch["done"][t].numpy()
    buffer.compute_returns_and_advantage(next_value, begun)
    assert np.allclose(gae(batch, next_value, settings).numpy(), buffer.advantages, atol=1e-5)


def test_loss_and_gradient_are_stable_baselines3s(sb3: Any) -> None:
    """Its own train() is run on random numbers with a learning rate of zero; the gradient it leaves is compared."""
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.logger import Logger

    n, rng = 256, np.random.default_rng(0)
    settings = PPOConfig(n_envs=1, n_steps=n, n_epochs=1, n_minibatches=1, learning_rate=0.0, max_grad_norm=1e9)
    with seeded(0):
        model = sb3.PPO("MlpPolicy", make_vec_env(CorridorEnv, 1, seed=0), seed=0, **peers(settings))
    model.set_logger(Logger(None, []))
    cells, actions = rng.integers(5, size=n), rng.integers(2, size=n)
    logs, advantages, targets = (rng.normal(size=n).astype(np.float32) for _ in range(3))
    logs = logs * 0.3 - 0.7  # ratios on both sides of both clips
    buffer = model.rollout_buffer
    for i in range(n):
        buffer.add(
            cells[i : i + 1], actions[i : i + 1], np.zeros(1), np.zeros(1), torch.zeros(1), torch.tensor([logs[i]])
        )
    buffer.advantages, buffer.returns = advantages[:, None].copy(), targets[:, None].copy()
    model.train()
    parameters = dict(model.policy.named_parameters())
    theirs = {name: value.grad.clone() for name, value in parameters.items()}

    model.policy.zero_grad()
    seen = torch.from_numpy(cells)
    logits = model.policy.get_distribution(seen).distribution.logits
    batch = {"action": actions, "log_prob": logs, "advantage": advantages, "target": targets}
    loss = ppo_loss(
        logits, model.policy.predict_values(seen)[:, 0], {name: torch.from_numpy(x) for name, x in batch.items()},
        settings, settings.ent_coef,
    )  # fmt: skip
    loss.backward()
    assert loss.item() == pytest.approx(model.logger.name_to_value["train/loss"], rel=1e-5)
    assert 0.1 < model.logger.name_to_value["train/clip_fraction"] < 0.9
    for name, value in parameters.items():
        torch.testing.assert_close(value.grad, theirs[name], rtol=1e-4, atol=1e-6)


def recall(memory: bool) -> float:
    """Share of right answers after training with the cue, in the last updates."""
    settings = PPOConfig(n_envs=64, n_steps=10, n_epochs=4, n_minibatches=4, learning_rate=5e-3)
    with seeded(0):
        net = ObjectAttentionNet(0, 2, 2, 16, memory)

    def prepare(seen: Tensors) -> Tensors:
        about = F.one_hot(seen["cell"], 3)[:, 1:].float()
        return {"objects": torch.zeros(len(about), 1, WIDTH), "about": about}

    curve = [metrics["reward a step"] for metrics in ppo_updates(net, Engine(Cue(), 64, 0), prepare, 60, settings, 0)]
    return 5 * float(np.mean(curve[-10:]))


def test_memory_remembers_and_its_absence_does_not() -> None:
    assert recall(memory=True) > 0.95
    assert 0.4 < recall(memory=False) < 0.6


def test_memory_unrolled_is_memory_step_by_step() -> None:
    with seeded(0):
        net, span, n = ObjectAttentionNet(2, 3, 4, 16, memory=True), 6, 7
        seen = {"objects": torch.rand(span, n, 5, WIDTH).round(), "about": torch.rand(span, n, 3)}
        over, hidden = torch.rand(span, n) < 0.3, torch.randn(n, 16)
    logits, values = net.unroll(seen, hidden, over)
    for t in range(span):
        logit, value, after = net({name: tensor[t] for name, tensor in seen.items()}, hidden)
        assert after is not None
        hidden = after * ~over[t][:, None]
        torch.testing.assert_close(logit, logits[t])
        torch.testing.assert_close(value, values[t])


def test_split_first_layer_is_a_dense_one() -> None:
    with seeded(0):
        grid = torch.randint(2, (9, 2, 7, 7))
        level, cell = torch.randint(8, (50,)), torch.randint(49, (50,))  # level 8 does not occur
        net, dense, weigh = GridMLP(2, 49, 4, hidden=16), nn.Linear(3 * 49, 16), torch.randn(50, 5)
        nn.init.normal_(net.heads.weight)
        nn.init.normal_(net.grid_layer.bias)
    with torch.no_grad():
        dense.weight.copy_(torch.cat([net.grid_layer.weight, net.cell_embedding.T], 1))
        dense.bias.copy_(net.grid_layer.bias)
    net.levels = flatten_grids(grid)
    trunk = F.relu(dense(torch.cat([grid[level].flatten(1).float(), F.one_hot(cell, 49).float()], 1)))
    for layer in net.layers:
        trunk = F.relu(layer(trunk))
    expected = net.heads(trunk)
    logits, value, _ = net({"level": level, "cell": cell})
    ours = torch.cat([logits, value[:, None]], 1)
    torch.testing.assert_close(ours, expected)
    with torch.no_grad():  # as it acts: from all levels at once, remembered until a weight changes
        for _ in range(2):
            torch.testing.assert_close(net({"level": level, "cell": cell})[0], logits)
    (expected * weigh).sum().backward()
    net.zero_grad()
    (ours * weigh).sum().backward()
    assert net.grid_layer.weight.grad is not None and net.cell_embedding.grad is not None
    torch.testing.assert_close(torch.cat([net.grid_layer.weight.grad, net.cell_embedding.grad.T], 1), dense.weight.grad)
    torch.optim.Adam([net.grid_layer.weight], fused=True).step()  # leaves the weight's version as it was
    with torch.no_grad():
        acts = net({"level": level, "cell": cell})[0]
    assert not torch.equal(acts, logits)
    torch.testing.assert_close(acts, net({"level": level, "cell": cell})[0])


@pytest.mark.parametrize(
    "recipe",
    [
        TrainMLPPPO(CheeseCorner(size=7), hidden=16, n_levels=32),
        TrainAttentionPPO(KeysChests(size=7, few=2, many=4), hidden=8, n_levels=16),
        TrainAttentionPPO(KeysChests(size=7, few=2, many=4), hidden=8, n_levels=16, memory=True),
    ],
    ids=["perceptron", "attention", "memory"],
)
def test_a_seed_decides_everything(recipe: TrainAttentionPPO | TrainMLPPPO) -> None:
    short = replace(recipe, ppo=PPOConfig(n_envs=16, n_steps=8), total_timesteps=3 * 16 * 8)

    def trained(seed: int) -> Mapping[str, np.ndarray]:
        *_, last = short.train(seed)
        assert last.subject is not None
        acts = last.subject.begin(2, 0).act(Engine(short.world, 2, 0).full_observation())
        assert acts.shape == (2,)
        return last.subject.arrays()

    first, again, other = trained(1), trained(1), trained(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert any(not np.array_equal(first[name], other[name]) for name in first)
    restored = short.load(first).arrays()
    assert all(np.array_equal(first[name], restored[name]) for name in first)


@pytest.mark.slow
def test_learning_curves_are_stable_baselines3s(sb3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """CheeseCorner 7 x 7, the same network, steps and settings, three seeds each: reward a step over training."""
    settings = PPOConfig(
        n_envs=64, n_steps=32, n_epochs=4, n_minibatches=4, learning_rate=1e-3, gamma=0.97, anneal=False
    )
    world, updates, seeds = CheeseCorner(size=7, horizon=64), 50, (0, 1, 2)
    ours = np.array([our_curve(world, settings, updates, seed) for seed in seeds])
    theirs = np.array([their_curve(sb3, world, settings, updates, seed) for seed in seeds])
    parts = [np.stack([c.reshape(len(seeds), 10, -1).mean(2).mean(0)]) for c in (ours, theirs)]
    with capsys.disabled():
        print("\nreward a step, by tenths of training, mean of three seeds: ours, stable-baselines3's")
        print(np.concatenate(parts).round(3))
    assert np.abs(parts[0] - parts[1]).max() < 0.02
    assert np.abs(parts[0] - parts[1])[0, -3:].mean() < 0.01
    assert parts[0][0, -1] > 2 * parts[0][0, 0]


def our_curve(world: CheeseCorner, settings: PPOConfig, updates: int, seed: int) -> list[float]:
    recipe = TrainMLPPPO(world, hidden=64, ppo=settings)
    with seeded(seed):
        net = recipe.build().module
    engine = Engine(world, settings.n_envs, seed, pool=256)
    return [
        m["reward a step"] for m in ppo_updates(net, engine, recipe.preprocess(engine, net), updates, settings, seed)
    ]


def their_curve(sb3: Any, world: CheeseCorner, settings: PPOConfig, updates: int, seed: int) -> list[float]:
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from stable_baselines3.common.vec_env import VecEnv

    cells = world.size**2
    wide = gymnasium.spaces.Box(0, 1, (3 * cells,), np.float32)

    class Adapter(VecEnv):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(settings.n_envs, wide, gymnasium.spaces.Discrete(4))
            self.engine, self.paid = Engine(world, settings.n_envs, seed, pool=256), list[float]()

        def seen(self) -> np.ndarray:
            seen = self.engine.full_observation()
            grid = seen["grid"].reshape(settings.n_envs, -1)
            self.last = np.concatenate([grid, np.eye(cells)[seen["cell"]]], 1).astype(np.float32)
            return self.last

        def reset(self) -> np.ndarray:
            return self.seen()

        def step_async(self, actions: np.ndarray) -> None:
            self.actions = actions

        def step_wait(self) -> Any:
            before = self.last
            _, reward, terminated, truncated = self.engine.step(torch.from_numpy(self.actions))
            self.paid.append(float(reward.mean()))
            # what was cut short is worth what its last step is, as with us
            infos = [
                {"terminal_observation": before[i], "TimeLimit.truncated": True} if cut else {}
                for i, cut in enumerate(truncated.tolist())
            ]
            return self.seen(), reward.numpy(), (terminated | truncated).numpy(), infos

        def close(self) -> None: ...
        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            return [None] * settings.n_envs

        def set_attr(self, *_: Any, **__: Any) -> None: ...
        def env_method(self, *_: Any, **__: Any) -> list[Any]:
            return []

        def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
            return [False] * settings.n_envs

    class Trunk(BaseFeaturesExtractor):  # type: ignore[misc]
        def __init__(self, space: Any) -> None:
            super().__init__(space, 64)
            layers: list[nn.Module] = []
            for width in (3 * cells, 64, 64):
                layers += [nn.Linear(width, 64), nn.ReLU()]
            self.layers = nn.Sequential(*layers)

        def forward(self, seen: Tensor) -> Tensor:
            return self.layers(seen)

    with seeded(seed):
        envs = Adapter()
        shape = {"features_extractor_class": Trunk, "net_arch": []}
        model = sb3.PPO("MlpPolicy", envs, seed=seed, policy_kwargs=shape, **peers(settings))
        model.learn(updates * settings.n_envs * settings.n_steps)
    return np.array(envs.paid).reshape(updates, -1).mean(1).tolist()
