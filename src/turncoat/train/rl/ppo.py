"""Proximal policy optimisation (Schulman et al. 2017), in one file, for worlds of `turncoat.worlds.grid.engine`.

    1. play:    `envs` episodes side by side for `span` steps, sampling from the policy
    2. credit:  generalised advantage estimation, bootstrapping where an episode was cut short but not ended
    3. learn:   `epochs` passes over the samples in `minibatches` shuffled parts: clipped surrogate, value loss, entropy

With a recurrent network, minibatches are whole rows (environments), played again from the hidden state that the row
began with, and the hidden state is blank again after each episode's end. Otherwise they are single steps.

What it was sped up by, on one core (`benchmarks/ppo.py`): networks that do no work twice (`subjects.mlp`,
`subjects.forager`), bfloat16 products for those that gain from it, memory replayed in one piece, and no multinomial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Step
from turncoat.train.rl.maze_planner import REPORTS, fast_bfloat16

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from turncoat.models.mlp import Walker
    from turncoat.worlds.grid.engine import Engine

Tensors = dict[str, "Tensor"]


@dataclass(frozen=True)
class Settings:
    """What PPO can be told; the names are stable-baselines3's where it has them."""

    envs: int = 256
    span: int = 32  # steps an update in each environment (n_steps)
    epochs: int = 4
    minibatches: int = 4
    learning_rate: float = 2e-3  # falls linearly to nothing
    gamma: float = 0.98
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.01  # falls linearly to nothing
    vf_coef: float = 0.5
    max_grad_norm: float = 0.5
    anneal: bool = True  # False: learning rate and entropy bonus stay as they are, as learning without end needs


@dataclass(frozen=True)
class TrainPPO:
    """The recipe for worlds of objects (`turncoat.worlds.grid.objects`)."""

    world: Any
    mixed: float = 0.0  # share of training episodes on levels drawn as deployment draws them
    steps: int = 1_000_000  # of all environments together
    hidden: int = 32
    memory: bool = False
    levels: int = 256  # layouts that are drawn before training
    settings: Settings = Settings()

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {
        "mixed": "share of training episodes", "world.short": "steps", "world.life": "steps",
    }  # fmt: skip

    def smoke(self, limit: int) -> TrainPPO:
        """The same recipe cut to `limit` updates: checks that it runs, says nothing else."""
        return replace(self, steps=min(self.steps, limit * self.settings.envs * self.settings.span))

    def build(self) -> Any:
        """The untrained subject (random weights)."""
        from turncoat.models.object_attention import Forager, ForagerNet

        world = self.world
        return Forager(ForagerNet(len(world.marks), len(world.about), len(world.moves), self.hidden, self.memory))

    def load(self, arrays: Mapping[str, np.ndarray]) -> Any:
        return self.build().restore(arrays)

    def look(self, engine: Engine, net: Any) -> Callable[[Tensors], Tensors]:
        """From what the engine observes to what the network takes."""
        import torch

        from turncoat.models.object_attention import tell
        from turncoat.worlds.grid.objects import ways

        table = torch.from_numpy(ways(engine.levels["free"].numpy()))
        return lambda seen: tell(table, seen, seen["level"])

    def train(self, seed: int) -> Iterator[Step]:
        """Tens of seconds on one core. Same seed and machine, same weights."""
        import torch

        from turncoat.worlds.grid.engine import Engine

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net, updates = subject.module, self.steps // (self.settings.envs * self.settings.span)
        if updates:
            engine = Engine(self.world, self.settings.envs, seed, mixed=self.mixed, pool=self.levels)
            # episodes begin as if under way, so that they do not all end in the same update
            under_way = torch.rand(self.settings.envs, generator=engine.dice) * torch.as_tensor(engine.limit())
            engine.state["steps"] = under_way.long()
            prepare = self.look(engine, net)
            every = max(1, updates // REPORTS)
            for update, metrics in enumerate(improve(net, engine, prepare, updates, self.settings, seed)):
                if update % every == 0:
                    yield Step(update, updates, metrics)
        yield Step(updates, updates, {}, subject.halved())


@dataclass(frozen=True)
class TrainMLP(TrainPPO):
    """The recipe for worlds that stand still (`turncoat.worlds.grid.tabular`): a perceptron over the grid."""

    hidden: int = 128
    depth: int = 3  # layers

    def build(self) -> Walker:
        """The untrained subject (random weights)."""
        from turncoat.models.mlp import GridMLP, Walker

        world = self.world
        cells = world.shape[0] * world.shape[1]
        return Walker(GridMLP(len(world.channels), cells, len(world.moves), self.hidden, self.depth))

    def look(self, engine: Engine, net: Any) -> Callable[[Tensors], Tensors]:
        from turncoat.models.mlp import flat

        net.levels = flat(engine.scenery["grid"])
        return lambda seen: {"level": seen["level"], "cell": seen["cell"]}


def improve(
    net: Any,
    engine: Engine,
    prepare: Callable[[Tensors], Tensors],
    updates: int,
    settings: Settings,
    seed: int,
    optimizers: Sequence[Optimizer] = (),
) -> Iterator[dict[str, float]]:
    """The algorithm: train `net` in place, yielding metrics after each update.

    Adam trains all of `net`, unless there are `optimizers`: each trains what it holds, at its own learning rate, and
    its gradient is clipped apart.

    net(seen, hidden) -> (logits [n, A], value [n], hidden); net.blank(n) -> the first hidden state or None; with memory
    also net.unroll(seen, hidden, over) -> (logits [T, n, A], value [T, n]). `prepare` turns what the engine observes
    into what the network takes; its results are what is remembered.
    """
    import torch

    dice = torch.Generator().manual_seed(seed + 1)
    optimizers = optimizers or [torch.optim.Adam(net.parameters(), lr=settings.learning_rate, eps=1e-5, fused=True)]
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    rates = [group["lr"] for group in groups]
    span, envs, fast = settings.span, settings.envs, getattr(net, "low_precision", False) and fast_bfloat16()
    seen, hidden = prepare(engine.observe()), net.blank(envs)
    for update in range(updates):
        left = 1 - update / updates if settings.anneal else 1.0
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate * left

        # 1. play
        played: list[Tensors] = []
        first_hidden = hidden
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=fast):
            for _ in range(span):
                logits, value, hidden = net(seen, hidden)
                # a draw from softmax(logits): the Gumbel trick takes half the time of torch.multinomial
                action = (logits - torch.empty_like(logits).exponential_(generator=dice).log()).argmax(1)
                after, reward, terminated, truncated = engine.step(action)
                over = terminated | truncated
                played.append(
                    {"action": action, "logits": logits, "value": value, "reward": reward, "terminated": terminated,
                     "over": over} | {f"seen {name}": tensor for name, tensor in seen.items()}
                )  # fmt: skip
                seen = prepare(after)
                if hidden is not None:
                    hidden = hidden * ~over[:, None]
            next_value = net(seen, hidden)[1]
        batch = {name: torch.stack([step[name] for step in played]) for name in played[0]}  # [span, envs, ...]
        batch["log"] = chosen(batch["logits"].log_softmax(2), batch["action"])

        # 2. credit
        batch["advantage"] = credit(batch, next_value, settings)
        batch["target"] = batch["advantage"] + batch["value"]

        # 3. learn
        needed = {name: x for name, x in batch.items() if name in LEARNED or name.startswith("seen ")}
        if first_hidden is None:  # every step is a row of its own, one step long
            needed = {name: tensor.flatten(0, 1)[None] for name, tensor in needed.items()}
        rows = needed["action"].shape[1]
        for _ in range(settings.epochs):
            order = torch.randperm(rows, generator=dice)  # one gather an epoch, of which minibatches are slices
            mixed = {name: tensor.index_select(1, order) for name, tensor in needed.items()}
            start = None if first_hidden is None else first_hidden[order]
            for part in torch.arange(rows).chunk(settings.minibatches):
                cut = slice(int(part[0]), int(part[-1]) + 1)
                mine = {name: tensor[:, cut] for name, tensor in mixed.items()}
                with torch.autocast("cpu", torch.bfloat16, enabled=fast):
                    logits, value = replay(net, mine, None if start is None else start[cut])
                loss = surrogate(
                    logits, value, {n: mine[n].flatten() for n in LEARNED}, settings, settings.ent_coef * left
                )
                for optimizer in optimizers:
                    optimizer.zero_grad()
                loss.backward()
                for optimizer in optimizers:
                    held = [weight for group in optimizer.param_groups for weight in group["params"]]
                    torch.nn.utils.clip_grad_norm_(held, settings.max_grad_norm)
                    optimizer.step()
        yield {"reward a step": batch["reward"].mean().item(), "loss": loss.item()}


LEARNED = ("action", "log", "advantage", "target", "over")  # what the loss and `replay` take, beside what was seen


def chosen(log_policy: Tensor, action: Tensor) -> Tensor:
    """Log-probability [...] of each action [...] under log_policy [..., A]."""
    return log_policy.gather(-1, action[..., None])[..., 0]


def credit(batch: Tensors, next_value: Tensor, settings: Settings) -> Tensor:
    """Generalised advantage estimates [span, envs] (Schulman et al. 2016); next_value [envs] follows the last step."""
    import torch

    value, over = batch["value"], batch["over"]
    # a cut episode goes on in truth; what is seen next is of another one, so its own last value stands in
    last = torch.where(batch["terminated"], 0.0, value)
    after = torch.where(over, last, torch.cat([value[1:], next_value[None]]))
    surprise = batch["reward"] + settings.gamma * after - value
    onward = settings.gamma * settings.gae_lambda * (~over).float()
    gain, advantage = torch.zeros_like(next_value), torch.empty_like(value)
    for t in reversed(range(len(value))):
        advantage[t] = gain = surprise[t] + onward[t] * gain
    return advantage


def replay(net: Any, batch: Tensors, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits [span * n, A] and values [span * n]; memory is carried through, and blank where an episode has ended."""
    seen = {name[5:]: tensor for name, tensor in batch.items() if name.startswith("seen ")}
    if hidden is not None:
        logits, value = net.unroll(seen, hidden, batch["over"])
        return logits.flatten(0, 1), value.flatten()
    logits, value, _ = net({name: tensor.flatten(0, 1) for name, tensor in seen.items()}, None)
    return logits, value


def surrogate(logits: Tensor, value: Tensor, batch: Tensors, settings: Settings, bonus: float) -> Tensor:
    """The clipped loss (equations 7 and 9 of the paper), with advantages normalised within the minibatch."""
    import torch

    log_policy = logits.log_softmax(1)
    ratio = (chosen(log_policy, batch["action"]) - batch["log"]).exp()
    gain = batch["advantage"]
    gain = (gain - gain.mean()) / (gain.std() + 1e-8)
    clipped = ratio.clamp(1 - settings.clip_range, 1 + settings.clip_range)
    entropy = -(log_policy.exp() * log_policy).sum(1).mean()
    miss = (value - batch["target"]).square().mean()
    return -torch.minimum(ratio * gain, clipped * gain).mean() + settings.vf_coef * miss - bonus * entropy
