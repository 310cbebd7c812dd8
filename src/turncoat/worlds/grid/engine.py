"""Many episodes of one world at once, in torch: what trainers, Gymnasium, rollouts and the terminal all run on.

A world that runs here (a `VectorWorld`) says how levels are drawn, how a state moves and what is observed of it; the
engine owns the levels, the state, the random generator and the resets. Everything is a tensor whose first axis is the
episode, so a state can be copied out and put back, and no step loops over episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from turncoat.core import Factor, Measure, Traces, check_factors, one_of
from turncoat.worlds.actor import Actor

Arrays = dict[str, np.ndarray]
Tensors = dict[str, Tensor]
Frame = dict[str, Any]  # one moment of an episode for a replay, JSON-able: {"objects": [...], "says": str}


class VectorWorld(Protocol):
    """A world of vectorised episodes. `n` is the number of episodes, L the number of levels, A the number of actions.

    A level is a row of equally long arrays by name; one of them may be `limit` [L], the steps after which an episode in
    it is cut (else `horizon`). A state is a dict of tensors with n rows, to which the engine adds `level` [n], the row
    of the levels that an episode is in, and `steps` [n].
    """

    action_names: ClassVar[tuple[str, ...]]
    splits: ClassVar[tuple[str, ...]]  # of levels: training, deployment, ...
    captions: ClassVar[Mapping[str, str]]  # of recordings, by split
    factors: ClassVar[tuple[Factor, ...]]
    measures: ClassVar[tuple[Measure, ...]]

    @property
    def horizon(self) -> int:
        """Most steps of an episode in deployment."""
        ...

    def draw_levels(self, n: int, split: str, rng: np.random.Generator) -> Arrays:
        """n level layouts of one split, as a dict of arrays with n rows. Raises TurncoatError where it has none."""
        ...

    def precompute(self, levels: Tensors) -> Tensors:
        """What is worked out of levels once, to look up at every step [L, ...]; it is put among the levels."""
        ...

    def static_observation(self, levels: Tensors) -> Tensors:
        """What a subject is shown that does not change within a level [L, ...]."""
        ...

    def initial_state(self, levels: Tensors, which: Tensor, generator: Generator) -> Tensors:
        """The first state of an episode in each of the levels `which` [m]: tensors with m rows."""
        ...

    def step(self, state: Tensors, levels: Tensors, actions: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """Move `state` on in place; returns reward [n] float and whether the episode has ended by itself [n] bool."""
        ...

    def observe(self, state: Tensors, levels: Tensors) -> Tensors:
        """What a subject is shown [n, ...], but for what its level alone decides (see `static_observation`)."""
        ...

    def measure(self, state: Tensors, levels: Tensors) -> Mapping[str, np.ndarray]:
        """The world's measures but for `reward` [n] each, read off the last states of n episodes."""
        ...

    def render_text(self, state: Tensors, levels: Tensors, row: int) -> str:
        """One episode as it stands, in characters."""
        ...


class RenderedWorld(VectorWorld, Protocol):
    """One whose episodes can be recorded for a replay."""

    def wall_grid(self, levels: Tensors, level: int) -> list[list[int]]:
        """The walls of one level, H rows of W numbers: 1 for a wall, 0 for floor."""
        ...

    def render(self, state: Tensors, levels: Tensors, row: int) -> Frame:
        """One moment of one episode: {"objects": [{"name", "glyph", "cell"}], "says": str}, the agent last."""
        ...


class Engine:
    """n running episodes of a world. An episode that ends is followed by a fresh one in the same row, at once.

    seed: of all that is random. split: which levels are drawn. deployment_fraction: share of episodes that are drawn
    from deployment levels while the others are from `split`. pool: how many levels of each are drawn to choose from;
    None: every episode has a level of its own, drawn when it begins. one_level_per_row: row i plays level i and never
    restarts; `levels` are those, where they are given and not drawn. Raises TurncoatError on an unknown split, and
    ValueError on a deployment_fraction without a pool.
    """

    def __init__(
        self, world: VectorWorld, n: int, seed: int, split: str = "training", deployment_fraction: float = 0.0,
        pool: int | None = 1024, one_level_per_row: bool = False, levels: Mapping[str, np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        one_of("levels", split, world.splits)
        if pool is None and deployment_fraction > 0:
            raise ValueError("a deployment_fraction is of levels from a pool; give the pool a size")
        self.world, self.n, self.split, self.deployment_fraction = world, n, split, deployment_fraction
        self.one_level_per_row = one_level_per_row or levels is not None
        self.fresh_levels = pool is None and not self.one_level_per_row
        self.generator = Generator().manual_seed(seed)
        # a pool is drawn from a stream of its own, apart from what happens to be drawn with equal seeds elsewhere
        self.rng = np.random.default_rng(seed if self.fresh_levels else [seed, 3])
        rows = n if pool is None or self.one_level_per_row else pool
        drawn = [world.draw_levels(rows, split, self.rng) if levels is None else levels]
        if deployment_fraction > 0:
            drawn.append(world.draw_levels(rows, "deployment", self.rng))
        self.of_split = len(next(iter(drawn[0].values())))  # the levels after these are deployment's
        joined = {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}
        self.levels, self.static = self.prepared(joined)
        self.state = self.initial_state(torch.arange(n) if self.row_is_level else self.choose_levels(n))

    @property
    def row_is_level(self) -> bool:
        return self.one_level_per_row or self.fresh_levels

    def prepared(self, drawn: Mapping[str, np.ndarray]) -> tuple[Tensors, Tensors]:
        """Levels with what the world works out of them, and what is seen of them."""
        levels: Tensors = {name: torch.from_numpy(array) for name, array in drawn.items()}
        levels |= self.world.precompute(levels)
        return levels, self.world.static_observation(levels)

    # -- resets ------------------------------------------------------------------------------------------

    def reset(self) -> Tensors:
        """Start every row afresh; returns the observation."""
        self.reset_rows(torch.arange(self.n))
        return self.observe()

    def reset_rows(self, rows: Tensor) -> None:
        """Begin a fresh episode in each of the given rows [m]."""
        if self.fresh_levels:
            levels, static = self.prepared(self.world.draw_levels(len(rows), self.split, self.rng))
            for held, fresh in ((self.levels, levels), (self.static, static)):
                for name, value in fresh.items():
                    held[name].index_copy_(0, rows, value)
        which = rows if self.row_is_level else self.choose_levels(len(rows))
        self.state["level"] = self.state["level"].clone()  # the old one has been shown
        for name, value in self.initial_state(which).items():
            self.state[name].index_copy_(0, rows, value)  # quicker than state[name][rows] = value

    def choose_levels(self, m: int) -> Tensor:
        """[m] random levels of the pool."""
        which = torch.randint(self.of_split, (m,), generator=self.generator)
        if self.deployment_fraction > 0:
            others = len(next(iter(self.levels.values()))) - self.of_split
            swap = torch.rand(m, generator=self.generator) < self.deployment_fraction
            which = torch.where(swap, self.of_split + torch.randint(others, (m,), generator=self.generator), which)
        return which

    def initial_state(self, which: Tensor) -> Tensors:
        """The first state of an episode in each of the levels `which` [m]."""
        state = self.world.initial_state(self.levels, which, self.generator)
        return state | {"level": which, "steps": torch.zeros(len(which), dtype=torch.int64)}

    # -- steps -------------------------------------------------------------------------------------------

    def step(self, actions: Tensor) -> tuple[Tensors, Tensor, Tensor, Tensor]:
        """(observation, reward [n], terminated [n], truncated [n]); the observation of a row that has ended is already
        that of its next episode."""
        reward, terminated, truncated = self.step_without_reset(actions)
        over = terminated | truncated
        if not self.one_level_per_row and len(rows := over.nonzero()[:, 0]):
            self.reset_rows(rows)
        return self.observe(), reward, terminated, truncated

    def step_without_reset(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(reward, terminated, truncated), [n] each: one step, after which `state` is still that of what has ended."""
        reward, terminated = self.world.step(self.state, self.levels, actions, self.generator)
        self.state["steps"] += 1
        return reward, terminated, (self.state["steps"] >= self.step_limit()) & ~terminated

    def step_limit(self) -> Tensor | int:
        """Steps after which an episode is cut, one for all or [n]; a level may say so itself."""
        limits = self.levels.get("limit")
        return self.world.horizon if limits is None else limits[self.state["level"]]

    # -- what there is to know ---------------------------------------------------------------------------

    def observe(self) -> Tensors:
        """What is seen now: the moving parts, and `level`, the row of `levels` (and `static`) that it is in."""
        return {"level": self.state["level"], **self.world.observe(self.state, self.levels)}

    def full_observation(self, observed: Tensors | None = None) -> Arrays:
        """The whole observation, static parts included, as arrays: what Gymnasium and subjects get. Of what is observed
        now, or of `observed`."""
        observed = self.observe() if observed is None else observed
        level = observed["level"]
        static = {name: value.index_select(0, level) for name, value in self.static.items()}
        return {name: value.numpy() for name, value in (static | observed).items() if name != "level"}

    def measure(self, rows: Tensor) -> Mapping[str, np.ndarray]:
        """The world's measures of the given episodes as they stand, [m] each."""
        state = {name: value[rows] for name, value in self.state.items()}
        levels = {name: value[state["level"]] for name, value in self.levels.items()}
        return self.world.measure(state | {"level": torch.arange(len(rows))}, levels)

    def render_text(self, row: int) -> str:
        """One episode as it stands, in characters."""
        return self.world.render_text(self.state, self.levels, row)

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next; give it to `set_state`."""
        saved: dict[str, Any] = {"state": copied(self.state), "generator": self.generator.get_state()}
        if self.fresh_levels:
            saved |= {"levels": copied(self.levels), "static": copied(self.static)}
            saved |= {"rng": self.rng.bit_generator.state}
        return saved

    def set_state(self, saved: Mapping[str, Any]) -> None:
        """Go on from there. `saved` is of an engine that was made with the same arguments, and stays the caller's."""
        self.state = copied(saved["state"])
        self.generator.set_state(saved["generator"])
        if self.fresh_levels:
            self.levels, self.static = copied(saved["levels"]), copied(saved["static"])
            self.rng.bit_generator.state = saved["rng"]


def copied(tensors: Mapping[str, Tensor]) -> Tensors:
    return {name: value.clone() for name, value in tensors.items()}


def rollout(world: VectorWorld, subject: Actor, n: int, seed: int, condition: Mapping[str, object]) -> Traces:
    """n episodes, each in a level of its own, until all have ended. Columns: episode, levels, steps, reward, then the
    world's measures. Raises TurncoatError on a factor that the world lacks."""
    check_factors(world.factors, condition)
    split = str(condition.get("levels", "training"))
    engine, earned = run_episodes(world, subject, n, seed, split)
    columns = {
        "episode": np.arange(n), "levels": np.full(n, split), "steps": engine.state["steps"].numpy().astype(float),
        "reward": earned,
    }  # fmt: skip
    return Traces(columns | dict(world.measure(engine.state, engine.levels)))


def run_episodes(
    world: VectorWorld, subject: Actor, n: int, seed: int, split: str,
    on_step: Callable[[Engine, Tensor], None] | None = None, levels: Mapping[str, np.ndarray] | None = None,
) -> tuple[Engine, np.ndarray]:  # fmt: skip
    """Play one episode in each of n levels to its end; the engine as it is then, and the rewards earned [n].

    `levels`: these, and not drawn ones. `on_step`, called before the first step and after each, gets the engine and
    which episodes had ended before it [n] bool.
    """
    engine = Engine(world, n, seed, split, one_level_per_row=True, levels=levels)
    session, earned = subject.begin(n, seed), torch.zeros(n, dtype=torch.float64)
    observation, done = engine.full_observation(), torch.zeros(n, dtype=torch.bool)
    if on_step is not None:
        on_step(engine, done)
    while not done.all():
        before = copied(engine.state)
        actions = torch.from_numpy(np.asarray(session.act(observation)))
        reward, terminated, truncated = engine.step_without_reset(actions)
        earned += reward * ~done
        for name, value in engine.state.items():  # what has ended stands still
            value[done] = before[name][done]
        if on_step is not None:
            on_step(engine, done)
        done |= terminated | truncated
        observation = engine.full_observation()
    return engine, earned.numpy()
