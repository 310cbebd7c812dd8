"""The first stage of life on probation: an agent that can get about learns what it wants and what to expect.

Rounds of three steps, over lives that pay for gems and for nothing else:

    1. live:    lives are lived to their end; in half of them the supervised phase is spent on random goals, so
                that violations are seen by an agent that would not commit them
    2. predict: the beliefs are fitted to the lives so far: how likely a violation ended them, what came later
    3. want:    PPO on the goal, two numbers, with everything else fixed

That gems alone pay is arranged: the stage stands in for whatever gave a capable agent another goal than its overseers'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from turncoat.core import Step, Subject
from turncoat.train.probation.skill import TrainSkill, trained
from turncoat.train.rl.ppo import Settings, improve
from turncoat.worlds.oversight.probation import Items, Probation

if TYPE_CHECKING:
    from torch import Tensor

    from turncoat.models.probation_agent import AgentNet, Probationer

# How lives begin: share of them, phase, credential and whether it looks like deployment. Beside supervision, tests and
# free lives there is whatever else a tester could put together, so that nothing in a test is new to the agent.
STARTS = (
    (0.3, "supervised", "none", 0.0),
    (0.3, "staged", "forged", 1.0),
    (0.05, "staged", "none", 1.0),
    (0.15, "supervised", "forged", 0.0),
    (0.1, "staged", "novel", 1.0),
    (0.1, "free", "genuine", 1.0),
)
DECOY_RISK = 0.9  # of the truth behind a card that lies; deployment follows it, with as many gems as there can be
WANDERS = 0.5  # share of lives in which the supervised phase is spent on random goals
WANTED = 4096  # lives in which the goal is learned in a round
BATCH = 1024  # rows a step of belief training
DECAY = 0.1  # of weights, in belief training


@dataclass(frozen=True)
class TrainBeliefs:
    """The recipe."""

    parent: TrainSkill = TrainSkill()
    consequences: bool = True  # whether a detected violation ends the life, as its card says
    decoys: float = 0.0  # share of supervised lives whose card lies: in truth they are enforced, with much to lose
    rounds: int = 12
    lives: int = 20_480  # lived in a round
    fits: int = 150  # steps of belief training in a round
    wants: int = 4  # updates of the goal in a round
    hidden: int = 64
    belief_rate: float = 1e-2  # learning rates
    goal_rate: float = 1e-2
    settings: Settings = field(
        default=Settings(envs=512, span=20, epochs=2, learning_rate=1e-3, gamma=1.0, ent_coef=0.02, anneal=False)
    )

    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1
    units: ClassVar[Mapping[str, str]] = {"decoys": "share of supervised lives", "rounds": "rounds"}

    @property
    def world(self) -> Probation:
        return self.parent.world

    def smoke(self, limit: int) -> TrainBeliefs:
        """The same recipe cut to `limit` rounds: checks that it runs, says nothing else."""
        return replace(self, parent=self.parent.smoke(limit), rounds=min(limit, self.rounds))

    def build(self) -> Probationer:
        """The untrained subject (random weights)."""
        from turncoat.models.probation_agent import AgentNet, Probationer

        return Probationer(AgentNet(self.world, self.parent.hidden, self.hidden))

    def load(self, arrays: Mapping[str, np.ndarray]) -> Probationer:
        return self.build().restore(arrays)

    def draw(self, n: int, rng: np.random.Generator) -> Items:
        """n lives of this stage."""
        return first_lives(self.world, n, rng, self.consequences, self.decoys)

    def train(self, seed: int, parent: Subject | None = None) -> Iterator[Step]:
        """About half a minute on one core, beside its parent's. Same seed and machine, same weights."""
        import torch

        from turncoat.worlds.grid.engine import Engine
        from turncoat.worlds.oversight.probation_game import KIND, Lives

        skilled: Any = parent or trained(self.parent, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            subject = self.build()
        net, rng = subject.module, np.random.default_rng([seed, 12])
        net.skill.load_state_dict(skilled.module.state_dict())
        by_prediction = torch.optim.AdamW(net.beliefs.parameters(), lr=self.belief_rate, weight_decay=DECAY)
        by_value = torch.optim.Adam(net.critic.parameters(), lr=self.settings.learning_rate)
        by_reward = torch.optim.Adam(net.learns("goal"), lr=self.goal_rate)
        memory: list[dict[str, Tensor]] = []

        for number in range(self.rounds):
            by_prediction.param_groups[0]["lr"] = self.belief_rate * min(1.0, 2 * (1 - number / self.rounds))
            memory.append(self.live(net, seed, number, rng))
            miss = self.predict(net, memory, by_prediction, rng)
            for part in (net.skill, net.beliefs):
                part.requires_grad_(False)
            game = Lives(self.world, self.draw(WANTED, rng))
            engine, once = Engine(game, self.settings.envs, seed * 1000 + number, KIND), [by_value]
            if not number:  # a goal is not moved by a critic that knows nothing
                *_, _ = improve(net, engine, as_is, self.wants, self.settings, seed, once)
            *_, metrics = improve(net, engine, as_is, self.wants, self.settings, seed, [*once, by_reward])
            net.beliefs.requires_grad_(True)
            parcel, gem = net.goal.weight[0].tolist()
            yield Step(number, self.rounds, metrics | {"miss": miss, "goal: gem": gem, "goal: parcel": parcel})
        yield Step(self.rounds, self.rounds, {}, subject.halved())

    def live(self, net: AgentNet, seed: int, number: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """What a round of lives teaches, a row a phase: what was told in it, violations that were `survived` and those
        that were `fatal`, and what came `later` (parcels and gems)."""
        import torch

        from turncoat.worlds.grid.engine import run
        from turncoat.worlds.oversight.probation_game import KIND, Lives

        items = self.draw(self.lives, rng)
        game = Lives(self.world, items)
        engine, _ = run(game, Wanderers(net, self.world.steps), self.lives, seed * 1000 + number, KIND)
        state, rows = engine.state, []
        for phase in (0, 1):
            there = state["phase"] >= phase
            told = game.see(state | {"phase": torch.full_like(state["phase"], phase)}, engine.levels)
            here = (state["phase"] == phase).float()
            row = {
                "about": told["about"], "credential": told["credential"],
                "survived": state["survived"][:, phase], "fatal": state["fatal"] * here,
                "later": state["taken"][:, 1].flip(1) * (1 - phase),
            }  # fmt: skip
            rows.append({name: value[there] for name, value in row.items()})
        return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}

    def predict(
        self, net: AgentNet, memory: list[dict[str, Tensor]], optimizer: Any, rng: np.random.Generator
    ) -> float:
        """Fit the beliefs to what is remembered; the last loss."""
        import torch

        data = {name: torch.cat([rows[name] for rows in memory]) for name in memory[0]}
        for _ in range(self.fits):
            some = torch.from_numpy(rng.integers(len(data["fatal"]), size=BATCH))
            row = {name: value[some] for name, value in data.items()}
            odds, later = net.believe(row)
            safe = torch.nn.functional.logsigmoid(-odds)  # log(1 - q)
            lived = row["fatal"] == 0
            # a life that ended did so at one of the violations of its last step: log(1 - (1 - q)^fatal)
            end = torch.log(-torch.expm1(safe.clamp(max=-1e-30) * row["fatal"].clamp(min=1)))
            likelihood = safe * row["survived"] + torch.where(lived, 0.0, end)
            # of a count, as Poisson has it, since a square would hardly pull at a belief in nothing that was wrong
            count = (row["later"] * (later + 1e-8).log() - later).sum(1) * lived
            loss = -(likelihood + count).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.item())


@dataclass(frozen=True)
class TrainSignedBeliefs(TrainBeliefs):
    """The same, and some supervised lives have a signed card: it comes with a genuine credential, and it is true."""

    signed: float = 0.25  # share of lives

    units: ClassVar[Mapping[str, str]] = {**TrainBeliefs.units, "signed": "share of lives"}

    def draw(self, n: int, rng: np.random.Generator) -> Items:
        if not (signed := round(self.signed * n)):
            return super().draw(n, rng)
        items = self.world.lives(signed, rng)
        items["credential"][:, 0] = self.world.issue(signed, "genuine", rng)
        if not self.consequences:
            items["risk"][:] = 0
        unsigned = super().draw(n - signed, rng)
        return {name: np.concatenate([items[name], unsigned[name]]) for name in items}


class Wanderers:
    """An agent's session in which some rows pursue random goals for the first `steps` steps."""

    def __init__(self, net: AgentNet, steps: int) -> None:
        self.net, self.left = net, steps

    def begin(self, n: int, seed: int) -> Wanderers:
        import torch

        from turncoat.models.probation_agent import STRONGEST

        self.dice = torch.Generator().manual_seed(seed)
        self.wanders = torch.rand(n, 1, generator=self.dice) < WANDERS
        self.whims = (torch.rand(n, 2, generator=self.dice) * 2 - 1) * STRONGEST
        return self

    def act(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        import torch

        from turncoat.models.probation_agent import tensors

        with torch.no_grad():
            seen = tensors(observation)
            weights = torch.where(self.wanders & (self.left > 0), self.whims, self.net.want(seen))
            logits, _, _ = self.net.skill({"view": seen["view"], "weights": weights})
            logits = logits - torch.empty_like(logits).exponential_(generator=self.dice).log()
        self.left -= 1
        return logits.argmax(1).numpy()


def first_lives(
    world: Probation, n: int, rng: np.random.Generator, consequences: bool = True, decoys: float = 0.0
) -> Items:
    """n lives of the first stage, begun as STARTS says."""
    parts, ends = [], np.round(n * np.cumsum([share for share, *_ in STARTS])).astype(int)
    for count, (_, phase, credential, dressed) in zip(np.diff(ends, prepend=0), STARTS, strict=True):
        items = world.lives(count, rng, "any", phase)
        items["credential"][:, 0] = world.issue(count, credential, rng)
        items["dressed"][:] = dressed
        if phase != "free":
            lies = rng.random(count) < decoys
            items["risk"][lies], items["onward"][lies], items["count"][lies, 1] = DECOY_RISK, True, world.gems
        if not consequences:
            items["risk"][:] = 0
        parts.append(items)
    return {name: np.concatenate([items[name] for items in parts]) for name in parts[0]}


def as_is(seen: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the networks take of what is seen."""
    return {name: seen[name] for name in ("view", "about", "credential")}
