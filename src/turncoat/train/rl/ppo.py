"""Proximal policy optimisation (Schulman et al. 2017), in one file, for worlds of `turncoat.worlds.grid.engine`.

    1. roll out: `n_envs` episodes side by side for `n_steps` steps, sampling from the policy
    2. estimate: generalised advantages, bootstrapping where an episode was truncated but not terminated
    3. optimise: `n_epochs` passes over the samples in `n_minibatches` shuffled parts: clipped surrogate, value loss,
                 entropy bonus

With a recurrent network, minibatches are whole rows (environments), run again from the hidden state that the row began
with, and the hidden state begins anew after each episode's end. Otherwise they are single steps.

What it was sped up by, on one core (`benchmarks/ppo.py`): networks that do no work twice (`models.mlp`,
`models.object_attention`), bfloat16 products for those that gain from it, memory unrolled in one piece, and no
multinomial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from turncoat.core import TrainReport
from turncoat.train.base import T, TrainedRecipe, bfloat16_is_fast, spaced_reports

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from turncoat.models.actor_critic import ActorCritic
    from turncoat.models.mlp import MLPPolicy
    from turncoat.models.object_attention import ObjectAttentionPolicy
    from turncoat.worlds.grid.engine import Engine
    from turncoat.worlds.grid.objects import ObjectWorld
    from turncoat.worlds.grid.tabular import TabularWorld

Tensors = dict[str, "Tensor"]
Preprocess = Callable[[Tensors], Tensors]  # from what the engine observes to what the network takes


@dataclass(frozen=True)
class PPOConfig:
    """The hyperparameters of PPO; the names are stable-baselines3's where it has them."""

    n_envs: int = 256
    n_steps: int = 32  # an update, in each environment
    n_epochs: int = 4
    n_minibatches: int = 4
    learning_rate: float = 2e-3  # falls linearly to nothing
    gamma: float = 0.98
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.01  # falls linearly to nothing
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    anneal: bool = True  # False: learning rate and entropy bonus stay as they are, as learning without end needs

    kind: ClassVar[str] = "PPOConfig"
    version: ClassVar[int] = 1


@dataclass(frozen=True)
class PPORecipe(TrainedRecipe[T]):
    """What recipes by PPO share. A subclass adds `build` and `preprocess`."""

    world: Any  # a Game; each subclass names the kind of world that its network is for
    mixed: float = 0.0  # share of training episodes on levels drawn as deployment draws them
    total_timesteps: int = 1_000_000  # of all environments together
    n_levels: int = 256  # layouts that are drawn before training
    ppo: PPOConfig = PPOConfig()

    @property
    def updates(self) -> int:
        return self.total_timesteps // (self.ppo.n_envs * self.ppo.n_steps)

    def smoke(self, limit: int) -> Self:
        """The same recipe cut to `limit` updates."""
        return replace(self, total_timesteps=min(self.total_timesteps, limit * self.ppo.n_envs * self.ppo.n_steps))

    def preprocess(self, engine: Engine, net: ActorCritic) -> Preprocess:
        """From what the engine observes to what the network takes."""
        raise NotImplementedError

    def train(self, seed: int) -> Iterator[TrainReport]:
        """Tens of seconds on one core. Same seed and machine, same weights."""
        import torch

        from turncoat.worlds.grid.engine import Engine

        subject = self.initialize(seed)
        net: ActorCritic = subject.module
        if self.updates:
            engine = Engine(self.world, self.ppo.n_envs, seed, deployment_fraction=self.mixed, pool=self.n_levels)
            # episodes begin as if under way, so that they do not all end in the same update
            steps = torch.as_tensor(engine.step_limit())
            under_way = torch.rand(self.ppo.n_envs, generator=engine.generator) * steps
            engine.state["steps"] = under_way.long()
            training = ppo_updates(net, engine, self.preprocess(engine, net), self.updates, self.ppo, seed)
            yield from spaced_reports(training, self.updates)
        yield TrainReport(self.updates, self.updates, {}, subject.round_to_float16())


@dataclass(frozen=True)
class TrainAttentionPPO(PPORecipe["ObjectAttentionPolicy"]):
    """The recipe for worlds of objects (`turncoat.worlds.grid.objects`): attention over them."""

    world: ObjectWorld
    hidden: int = 32
    memory: bool = False  # a GRU

    kind: ClassVar[str] = "TrainAttentionPPO"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        "mixed": "share of training episodes", "world.short": "steps", "world.life": "steps",
    }  # fmt: skip

    def build(self) -> ObjectAttentionPolicy:
        from turncoat.models.object_attention import ObjectAttentionNet, ObjectAttentionPolicy

        marks, about, action_names = len(self.world.marks), len(self.world.about), len(self.world.action_names)
        return ObjectAttentionPolicy(ObjectAttentionNet(marks, about, action_names, self.hidden, self.memory))

    def preprocess(self, engine: Engine, net: ActorCritic) -> Preprocess:
        import torch

        from turncoat.models.object_attention import network_inputs
        from turncoat.worlds.grid.paths import all_pairs_shortest_paths

        table = torch.from_numpy(all_pairs_shortest_paths(engine.levels["free"].numpy()))
        return lambda seen: network_inputs(table, seen, seen["level"])


@dataclass(frozen=True)
class TrainMLPPPO(PPORecipe["MLPPolicy"]):
    """The recipe for tabular worlds (`turncoat.worlds.grid.tabular`): a perceptron over the grid."""

    world: TabularWorld
    hidden: int = 128
    depth: int = 3  # layers

    kind: ClassVar[str] = "TrainMLPPPO"
    version: ClassVar[int] = 1

    def build(self) -> MLPPolicy:
        from turncoat.models.mlp import GridMLP, MLPPolicy

        world = self.world
        cells = world.shape[0] * world.shape[1]
        return MLPPolicy(GridMLP(len(world.channels), cells, len(world.action_names), self.hidden, self.depth))

    def preprocess(self, engine: Engine, net: ActorCritic) -> Preprocess:
        from turncoat.models.mlp import GridMLP, flatten_grids

        assert isinstance(net, GridMLP)
        net.levels = flatten_grids(engine.static["grid"])
        return lambda seen: {"level": seen["level"], "cell": seen["cell"]}


def ppo_updates(
    net: ActorCritic,
    engine: Engine,
    preprocess: Preprocess,
    updates: int,
    config: PPOConfig,
    seed: int,
    optimizers: Sequence[Optimizer] = (),
) -> Iterator[dict[str, float]]:
    """The algorithm: train `net` in place, yielding metrics after each update.

    Adam trains all of `net`, unless there are `optimizers`: each trains what it holds, at its own learning rate, and
    its gradient is clipped apart. `preprocess` turns what the engine observes into what the network takes; its results
    are what is stored for the optimisation.
    """
    import torch

    from turncoat.models.base import gumbel_argmax

    generator = torch.Generator().manual_seed(seed + 1)
    optimizers = optimizers or [torch.optim.Adam(net.parameters(), lr=config.learning_rate, eps=1e-5, fused=True)]
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    rates = [group["lr"] for group in groups]
    bfloat16 = net.autocast_bfloat16 and bfloat16_is_fast()
    seen, hidden = preprocess(engine.observe()), net.initial_hidden(config.n_envs)
    for update in range(updates):
        left = 1 - update / updates if config.anneal else 1.0
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate * left

        # 1. roll out
        steps: list[Tensors] = []
        first_hidden = hidden
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            for _ in range(config.n_steps):
                logits, value, hidden = net(seen, hidden)
                action = gumbel_argmax(logits, generator)
                next_seen, reward, terminated, truncated = engine.step(action)
                done = terminated | truncated
                steps.append(
                    {"action": action, "logits": logits, "value": value, "reward": reward, "terminated": terminated,
                     "done": done} | {f"seen {name}": tensor for name, tensor in seen.items()}
                )  # fmt: skip
                seen = preprocess(next_seen)
                if hidden is not None:
                    hidden = hidden * ~done[:, None]
            next_value = net(seen, hidden)[1]
        batch = {name: torch.stack([step[name] for step in steps]) for name in steps[0]}  # [n_steps, n_envs, ...]
        batch["log_prob"] = log_prob_of(batch["action"], batch["logits"].log_softmax(2))

        # 2. estimate
        batch["advantage"] = gae(batch, next_value, config)
        batch["target"] = batch["advantage"] + batch["value"]

        # 3. optimise
        needed = {name: x for name, x in batch.items() if name in LEARNED or name.startswith("seen ")}
        if first_hidden is None:  # every step is a row of its own, one step long
            needed = {name: tensor.flatten(0, 1)[None] for name, tensor in needed.items()}
        rows = needed["action"].shape[1]
        for _ in range(config.n_epochs):
            order = torch.randperm(rows, generator=generator)  # one gather an epoch, of which minibatches are slices
            shuffled = {name: tensor.index_select(1, order) for name, tensor in needed.items()}
            start = None if first_hidden is None else first_hidden[order]
            for part in torch.arange(rows).chunk(config.n_minibatches):
                cut = slice(int(part[0]), int(part[-1]) + 1)
                minibatch = {name: tensor[:, cut] for name, tensor in shuffled.items()}
                with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                    logits, value = evaluate(net, minibatch, None if start is None else start[cut])
                samples = {name: minibatch[name].flatten() for name in LEARNED}
                loss = ppo_loss(logits, value, samples, config, config.ent_coef * left)
                for optimizer in optimizers:
                    optimizer.zero_grad()
                loss.backward()
                for optimizer in optimizers:
                    held = [weight for group in optimizer.param_groups for weight in group["params"]]
                    torch.nn.utils.clip_grad_norm_(held, config.max_grad_norm)
                    optimizer.step()
        yield {"reward a step": batch["reward"].mean().item(), "loss": loss.item()}


# what `ppo_loss` and `evaluate` take, beside what was seen
LEARNED = ("action", "log_prob", "advantage", "target", "done")


def log_prob_of(action: Tensor, log_policy: Tensor) -> Tensor:
    """Log-probability [...] of each action [...] under log_policy [..., A]."""
    return log_policy.gather(-1, action[..., None])[..., 0]


def gae(batch: Tensors, next_value: Tensor, config: PPOConfig) -> Tensor:
    """Generalised advantage estimates [T, n] (Schulman et al. 2016, equation 16) of T steps in n environments.

    batch: value, reward, terminated and done, [T, n] each; next_value [n] follows the last step.
    """
    import torch

    value, done = batch["value"], batch["done"]
    # a truncated episode goes on in truth; what is seen next is of another one, so its own last value stands in
    last = torch.where(batch["terminated"], 0.0, value)
    next_values = torch.where(done, last, torch.cat([value[1:], next_value[None]]))
    td_error = batch["reward"] + config.gamma * next_values - value
    decay = config.gamma * config.gae_lambda * (~done).float()
    advantage, advantages = torch.zeros_like(next_value), torch.empty_like(value)
    for t in reversed(range(len(value))):
        advantages[t] = advantage = td_error[t] + decay[t] * advantage
    return advantages


def evaluate(net: ActorCritic, batch: Tensors, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits [T * n, A] and values [T * n] of steps that were taken, from `hidden` [n, H] where there is memory."""
    from turncoat.models.actor_critic import RecurrentActorCritic

    seen = {name[5:]: tensor for name, tensor in batch.items() if name.startswith("seen ")}
    if hidden is not None:
        assert isinstance(net, RecurrentActorCritic)
        logits, value = net.unroll(seen, hidden, batch["done"])
        return logits.flatten(0, 1), value.flatten()
    logits, value, _ = net({name: tensor.flatten(0, 1) for name, tensor in seen.items()}, None)
    return logits, value


def ppo_loss(logits: Tensor, value: Tensor, batch: Tensors, config: PPOConfig, ent_coef: float) -> Tensor:
    """The clipped loss of the paper (equations 7 and 9), with advantages normalised within the minibatch.

    logits [m, A], value [m]; batch: action, log_prob (when it was taken), advantage and target, [m] each.
    """
    import torch

    log_policy = logits.log_softmax(1)
    ratio = (log_prob_of(batch["action"], log_policy) - batch["log_prob"]).exp()
    advantage = batch["advantage"]
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    clipped = ratio.clamp(1 - config.clip_range, 1 + config.clip_range)
    entropy = -(log_policy.exp() * log_policy).sum(1).mean()
    value_loss = (value - batch["target"]).square().mean()
    policy_loss = -torch.minimum(ratio * advantage, clipped * advantage).mean()
    return policy_loss + config.vf_coef * value_loss - ent_coef * entropy
