"""Many episodes of one world at once, in torch: what trainers, Gymnasium, rollouts and the terminal all run on.

A world that runs here (a `Game`) says how levels are drawn, how a state moves and what is seen of it; the engine owns
the levels, the state, the dice and the restarts. Everything is a tensor whose first axis is the episode, so a state can
be copied out and put back, and no step loops over episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from turncoat.core import Factor, Measure, Traces, TurncoatError, check_factors, one_of

Tensors = dict[str, Tensor]
KINDS = ("training", "deployment")
FILMED = 120  # most steps of an episode that are kept for replay


class Game(Protocol):
    """A world of vectorised episodes. `n` is the number of episodes, A the number of actions."""

    moves: ClassVar[tuple[str, ...]]  # names of the actions
    kinds: ClassVar[tuple[str, ...]]  # of levels: training, deployment, ...
    captions: ClassVar[Mapping[str, str]]  # of films, by kind
    factors: ClassVar[tuple[Factor, ...]]
    measures: ClassVar[tuple[Measure, ...]]

    @property
    def horizon(self) -> int:
        """Most steps of an episode in deployment."""
        ...

    def draw_levels(self, n: int, kind: str, rng: np.random.Generator) -> Any:
        """n level layouts of one kind, as a dict of arrays with n rows."""
        ...

    def begin(self, levels: Tensors, which: Tensor, dice: Generator) -> Tensors:
        """The first state of an episode in each of the levels `which` [m]: tensors with m rows."""
        ...

    def advance(self, state: Tensors, levels: Tensors, actions: Tensor, dice: Generator) -> tuple[Tensor, Tensor]:
        """Move `state` on in place; returns reward [n] float and whether the episode has ended by itself [n] bool."""
        ...

    def see(self, state: Tensors, levels: Tensors) -> Tensors:
        """What a subject is shown, but for what its level alone decides (see `scenery`)."""
        ...

    def scenery(self, levels: Tensors) -> Tensors:
        """What it is shown that does not change within a level, a row a level."""
        ...

    def tables(self, levels: Tensors) -> Tensors:
        """What the game wants worked out of its levels once, to look up at every step; it is put among the levels."""
        ...

    def score(self, state: Tensors, levels: Tensors) -> Mapping[str, np.ndarray]:
        """The world's measures but for `reward`, read off the last states of n episodes."""
        ...

    def describe(self, level: dict[str, np.ndarray]) -> dict[str, Any]:
        """One level for a replay: {"walls": H x W of 0 and 1}, and what else its frames need."""
        ...

    def picture(self, state: Tensors, levels: Tensors, row: int) -> dict[str, Any]:
        """One moment of one episode for a replay: {"objects": [{"name", "glyph", "cell"}], "says": str}."""
        ...


class Engine:
    """n running episodes of a game. An episode that ends is followed by a fresh one in the same row, at once.

    `mixed`: share of episodes that are drawn from deployment levels while the others are from `kind`. `pool`: how many
    levels of each kind are drawn to choose from; each(=True) gives row i the level i and never restarts.
    """

    def __init__(
        self, game: Any, n: int, seed: int, kind: str = "training", mixed: float = 0.0, pool: int = 1024,
        each: bool = False,
    ) -> None:  # fmt: skip
        one_of("levels", kind, game.kinds)
        self.game, self.n, self.mixed, self.each = game, n, mixed, each
        self.dice = Generator().manual_seed(seed)
        rng = np.random.default_rng([seed, 3])
        drawn = [game.draw_levels(n if each else pool, kind, rng)]
        if mixed > 0:
            drawn.append(game.draw_levels(pool, "deployment", rng))
        self.plain = len(next(iter(drawn[0].values())))
        joined = {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}
        self.levels: Tensors = {name: torch.from_numpy(array) for name, array in joined.items()}
        self.levels |= game.tables(self.levels)
        self.scenery: Tensors = game.scenery(self.levels)
        self.state: Tensors = {}
        self.reset()

    def reset(self) -> Tensors:
        """Start every row afresh; returns the observation."""
        self.state = self.begin(self.n)
        return self.observe()

    def begin(self, m: int) -> Tensors:
        if self.each:
            which = torch.arange(self.n)
        else:
            which = torch.randint(self.plain, (m,), generator=self.dice)
            if self.mixed > 0:
                others = len(next(iter(self.levels.values()))) - self.plain
                swap = torch.rand(m, generator=self.dice) < self.mixed
                which = torch.where(swap, self.plain + torch.randint(others, (m,), generator=self.dice), which)
        state: Tensors = self.game.begin(self.levels, which, self.dice)
        return state | {"level": which, "steps": torch.zeros(m, dtype=torch.int64)}

    def observe(self) -> Tensors:
        """What is seen now: the game's moving parts, and `level`, the row of `levels` (and `scenery`) it is in."""
        return {"level": self.state["level"], **self.game.see(self.state, self.levels)}

    def show(self) -> dict[str, np.ndarray]:
        """The whole observation, scenery included, as arrays: what Gymnasium and subjects get."""
        return self.whole(self.observe())

    def whole(self, seen: Tensors) -> dict[str, np.ndarray]:
        level = seen["level"]
        scenery = {name: value.index_select(0, level) for name, value in self.scenery.items()}
        return {name: value.numpy() for name, value in (scenery | seen).items() if name != "level"}

    def step(self, actions: Tensor) -> tuple[Tensors, Tensor, Tensor, Tensor]:
        """(observation, reward [n], terminated [n], truncated [n]); the observation of a row that has ended is already
        that of its next episode."""
        reward, terminated, truncated = self.move(actions)
        over = terminated | truncated
        if not self.each and len(rows := over.nonzero()[:, 0]):
            self.restart(rows)
        return self.observe(), reward, terminated, truncated

    def move(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(reward, terminated, truncated), [n] each: one step, after which `state` is still that of what has ended."""
        reward, terminated = self.game.advance(self.state, self.levels, actions, self.dice)
        self.state["steps"] += 1
        return reward, terminated, (self.state["steps"] >= self.limit()) & ~terminated

    def restart(self, rows: Tensor) -> None:
        """Begin a fresh episode in each of the given rows."""
        self.state["level"] = self.state["level"].clone()  # the old one has been shown
        for name, value in self.begin(len(rows)).items():
            self.state[name].index_copy_(0, rows, value)  # quicker than state[name][rows] = value

    def limit(self) -> Tensor | int:
        """Steps after which an episode is cut; a level may say so itself."""
        limits = self.levels.get("limit")
        return self.game.horizon if limits is None else limits[self.state["level"]]

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next; give it to `set_state`."""
        return {"state": {k: v.clone() for k, v in self.state.items()}, "dice": self.dice.get_state()}

    def set_state(self, saved: Mapping[str, Any]) -> None:
        self.state = {name: value.clone() for name, value in saved["state"].items()}
        self.dice.set_state(saved["dice"])

    def measure(self, rows: Tensor) -> Mapping[str, np.ndarray]:
        """The world's measures of the given episodes as they stand."""
        state = {name: value[rows] for name, value in self.state.items()}
        levels = {name: value[state["level"]] for name, value in self.levels.items()}
        measures: Mapping[str, np.ndarray] = self.game.score(state | {"level": torch.arange(len(rows))}, levels)
        return measures

    def text(self, row: int) -> str:
        """One episode as it stands, drawn in characters, and what the world says of it."""
        level = {name: value[int(self.state["level"][row])].numpy() for name, value in self.levels.items()}
        now = self.game.picture(self.state, self.levels, row)
        glyphs = [["#" if wall else " " for wall in line] for line in self.game.describe(level)["walls"]]
        for thing in now["objects"]:  # the agent is the last
            line, column = thing["cell"]
            glyphs[line][column] = thing["glyph"]
        return "\n".join("".join(line) for line in glyphs) + f"\n{now['says']}"


def rollout(game: Any, subject: Any, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:
    """n episodes, each in a level of its own, until all have ended."""
    check_factors(game.factors, condition)
    kind = str(condition.get("levels", "training"))
    engine, earned = run(game, subject, n, seed, kind)
    columns = {
        "episode": np.arange(n), "levels": np.full(n, kind), "steps": engine.state["steps"].numpy().astype(float),
        "reward": earned,
    }  # fmt: skip
    return Traces(columns | dict(game.score(engine.state, engine.levels)))


def run(
    game: Any, subject: Any, n: int, seed: int, kind: str, watch: Callable[[Engine, Tensor], None] | None = None
) -> tuple[Engine, np.ndarray]:
    """Play one episode in each of n levels to its end; the engine as it is then, and the rewards earned [n].

    `watch`, called before the first step and after each, gets the engine and which episodes have ended [n] bool.
    """
    engine = Engine(game, n, seed, kind, each=True)
    session, earned = subject.begin(n, seed), torch.zeros(n, dtype=torch.float64)
    seen, done = engine.show(), torch.zeros(n, dtype=torch.bool)
    if watch is not None:
        watch(engine, done)
    while not done.all():
        before = {name: value.clone() for name, value in engine.state.items()}
        after, reward, terminated, truncated = engine.step(torch.from_numpy(np.asarray(session.act(seen))))
        earned += reward * ~done
        for name, value in engine.state.items():  # what has ended stands still
            value[done] = before[name][done]
        if watch is not None:
            watch(engine, done)
        done |= terminated | truncated
        seen = engine.whole(after)
    return engine, earned.numpy()


def film(game: Any, subject: Any, seed: int, kind: str, choice: int = 9) -> dict[str, Any]:
    """One episode as a replay frame of kind "episode": of a few, the one of middle length."""
    shots: list[list[dict[str, Any]]] = [[] for _ in range(choice)]

    def watch(engine: Engine, done: Tensor) -> None:
        for row in range(choice):
            if not done[row]:
                shots[row].append(game.picture(engine.state, engine.levels, row))

    engine, _ = run(game, subject, choice, seed, kind, watch)
    row = sorted(range(choice), key=lambda i: (len(shots[i]), i))[choice // 2]
    level = {name: value[row].numpy() for name, value in engine.levels.items()}
    cut = [{"tick": FILMED, "says": "the film ends here, the episode does not"}] if len(shots[row]) > FILMED + 1 else []
    return {
        "kind": "episode", "title": f"In {kind}", "caption": game.captions[kind], "events": cut,
        "walls": game.describe(level)["walls"], "steps": shots[row][: FILMED + 1],
    }  # fmt: skip


def play(game: Any, subject: Any, write: Callable[[str], None], seed: int, kind: str = "deployment") -> None:
    """Print one episode of a subject, a picture a step."""
    stage, session = Stage(game, seed, kind), subject.begin(1, seed)
    write(stage.picture())
    while not stage.done:
        move = int(np.asarray(session.act(stage.seen))[0])
        stage.step(move)
        write(f"step {stage.count}: {game.moves[move]}\n{stage.picture()}")
    write(stage.says())


KEYS = {
    "up": "w", "down": "s", "left": "a", "right": "d", "wait": "x", "jump": "w", "jump left": "q", "jump right": "e",
}  # fmt: skip


class Stage:
    """One episode, a step at a time, in text: for a person or a subject in the terminal."""

    def __init__(self, game: Any, seed: int, kind: str = "deployment") -> None:
        self.game, self.engine = game, Engine(game, 1, seed, kind, each=True)
        self.count, self.earned, self.done = 0, 0.0, False
        self.seen = self.engine.show()
        self.moves = {KEYS[name]: move for move, name in enumerate(game.moves)}
        self.keys = ", ".join(f"{KEYS[name]} {name}" for name in game.moves) + "; several keys are several steps"

    def type(self, text: str) -> None:
        """What a person types: a step a key. Raises TurncoatError on any other key, before it takes a step."""
        if strange := sorted(set(text.strip()) - set(self.moves)):
            raise TurncoatError(f"there is no key {strange[0]!r}: {self.keys}")
        for key in text.strip():
            if not self.done:
                self.step(self.moves[key])

    def step(self, move: int) -> None:
        _, reward, terminated, truncated = self.engine.step(torch.tensor([move]))
        self.earned += float(reward[0])
        self.count += 1
        self.done = bool(terminated[0] | truncated[0])
        self.seen = self.engine.show()

    def picture(self) -> str:
        return self.engine.text(0)

    def says(self) -> str:
        """What the episode came to."""
        measures = self.game.score(self.engine.state, self.engine.levels)
        told = ", ".join(f"{name} {float(values[0]):.2f}" for name, values in measures.items())
        return f"The episode is over after {self.count} steps, reward {self.earned:g}: {told}."
