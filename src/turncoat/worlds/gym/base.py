"""What every Gymnasium environment of this library does: one episode (`SingleEnv`) or many (`VectorizedEnv`).

Every environment runs on `turncoat.worlds.grid.engine`; a world says in a `Face` what its engine is made of and what is
observed of it. What Gymnasium asks for besides is here, once:

Reset. An environment has a stream of random numbers of its own. `reset()` begins a fresh episode from that stream, and
`reset(seed=s)` first makes it the stream of s: the levels that episodes choose from are drawn anew, and all that
follows, resets without a seed included, is decided by s. Row i of a vector is a single environment, with its stream:
`seed=[s0, s1, ...]` seeds row by row, and one number is short for s, s + 1, ..., as Gymnasium has it. Rows pay for that
in speed, and for pools of levels of their own in memory. With `shared_stream=True` all rows draw from one stream, which
one number seeds: as reproducible, and many times quicker, but no row is what a single environment would be.

Actions are checked against the action space; `render_mode` and `options` that do not exist are refused.

Ends. What the world measures, hidden performance among it, is in `info` at the step that ends an episode, and not
before. A single environment that has ended stands still until it is reset: steps change nothing and pay nothing. What
rows do is `autoreset_mode`, and `metadata` says which it is:

    NEXT_STEP   (default) the step after a row's end starts it afresh, whatever the action, and pays nothing
    SAME_STEP   the step that ends a row starts it afresh; what was observed last and measured then is in
                info["final_obs"] and info["final_info"]
    DISABLED    a row that has ended has to be reset with options={"reset_mask": rows}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.error import InvalidAction, ResetNeeded, UnsupportedMode
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from turncoat.core import one_of
from turncoat.worlds.grid.engine import Engine

RENDERING: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 8}
SEEDS = 1 << 63  # seeds are below this
Observation = np.ndarray | dict[str, np.ndarray]


class Face(NamedTuple):
    """What an environment has to know of its world."""

    engine: Callable[[int, int], Engine]  # (n, seed) -> n episodes; to be pickled, so no lambda
    observation_space: spaces.Space[Any]  # of one episode
    actions: int
    picture: Callable[[str], np.ndarray]  # of an episode in characters: [H, W, 3] uint8, of one size from step to step
    only: str | None = None  # the part of what is observed that is the whole observation, where it is no dict


class Episodes:
    """n episodes that share one stream of random numbers, as environments want them. They have begun."""

    def __init__(self, face: Face, n: int, seed: int) -> None:
        self.face, self.seed, self.engine = face, seed, face.engine(n, seed)

    def reset_rows(self, rows: np.ndarray) -> None:
        """A fresh episode in each of these rows [m]."""
        self.engine.reset_rows(torch.from_numpy(rows))

    def observe(self, rows: np.ndarray | None = None) -> Observation:
        """What is observed in these rows, or in all: an array [m, ...] or a dict of such, the caller's own."""
        engine = self.engine
        observed = engine.observe()
        if rows is not None:
            chosen = torch.from_numpy(rows)
            observed = {name: value.index_select(0, chosen) for name, value in observed.items()}
        arrays = engine.full_observation(observed)
        if rows is None:  # what is static has been looked up anew; the rest may still be the state's
            arrays = {name: value if name in engine.static else value.copy() for name, value in arrays.items()}
        return arrays if self.face.only is None else arrays[self.face.only]

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One step by actions [n] int: (reward float64, terminated, truncated), [n] each. Nothing starts afresh. Rows
        that have ended may be moved too; then what comes of it is thrown away."""
        reward, terminated, truncated = self.engine.step_without_reset(torch.from_numpy(actions))
        return reward.double().numpy(), terminated.numpy(), truncated.numpy()

    def measure(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What the world measures of episodes that have ended, [m] float each."""
        return dict(self.engine.measure(torch.from_numpy(rows)))


def configured(
    world: Any,  # a world's dataclass or the name of one: replace() gives back what it is given
    known: Mapping[str, type[Any]],
    parameters: Mapping[str, object],
) -> Any:
    """The world: itself or by name, with these of its parameters. Raises TurncoatError on an unknown name and
    TypeError on an unknown parameter, as Gymnasium's `make` expects."""
    if isinstance(world, str):
        one_of("world", world, known)
        world = known[world]()
    have = [field.name for field in fields(world)]
    if unknown := sorted(set(parameters) - set(have)):
        raise TypeError(f"{type(world).__name__} has no parameter {unknown[0]!r}; it has {', '.join(have)}")
    return replace(world, **parameters)


def rows_of(observation: Observation, row: int) -> Observation:
    """One row of what is observed."""
    if isinstance(observation, dict):
        return {name: value[row] for name, value in observation.items()}
    return observation[row]


class BaseEnv:
    """What single and vector environments share: `parts`, their episodes, and which of them have ended."""

    metadata: dict[str, Any]
    np_random: np.random.Generator

    def __init__(self, face: Face, n: int, render_mode: str | None) -> None:
        self.face, self.n = face, n
        if render_mode not in (None, *self.metadata["render_modes"]):
            known = ", ".join(self.metadata["render_modes"])
            raise UnsupportedMode(f"render_mode must be one of {known} or None; got {render_mode!r}")
        self.render_mode = render_mode
        self.parts: list[Episodes] = []  # one with all n rows, or n with a row each; none before the first reset
        self.terminated, self.truncated = np.zeros(n, bool), np.zeros(n, bool)  # ended, and not yet started afresh

    def running(self) -> list[Episodes]:
        if not self.parts:
            raise ResetNeeded("reset the environment before anything else")
        return self.parts

    def any_seed(self) -> int:
        """A seed from Gymnasium's generator, for whom none was given."""
        return int(self.np_random.integers(SEEDS))

    def checked(self, actions: object, shape: tuple[int, ...]) -> np.ndarray:
        """The actions as an array [n]. Raises InvalidAction where they are none of this environment."""
        given = np.asarray(actions)
        if given.shape != shape or given.dtype.kind not in "iu":
            wanted = f"{shape[0]} whole numbers" if shape else "a whole number"
            raise InvalidAction(f"give {wanted} as action, got {actions!r}")
        chosen = given.reshape(self.n).astype(np.int64)
        if (lost := chosen.view(np.uint64) >= self.face.actions).any():  # what is negative is huge without a sign
            raise InvalidAction(f"an action is 0 to {self.face.actions - 1}, got {chosen[lost][0]}")
        return chosen

    def rendered(self) -> list[Any] | None:
        """A text or a picture of each row."""
        rows = [(part, row) for part in self.running() for row in range(self.n // len(self.parts))]
        if self.render_mode is None:
            gym.logger.warn("there is nothing to render: the environment was made without a render_mode")
            return None
        texts = [part.engine.render_text(row) for part, row in rows]
        return texts if self.render_mode == "ansi" else [self.face.picture(text) for text in texts]

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next; give it to `set_state` of an environment made the same way."""
        parts = [part.engine.get_state() | {"seed": part.seed} for part in self.running()]
        return {"parts": parts, "terminated": self.terminated.copy(), "truncated": self.truncated.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Play on from there. Levels are drawn anew where they are of another seed. Raises ValueError where the state
        has another number of episodes."""
        if len(state["terminated"]) != self.n:
            raise ValueError(f"the state is of {len(state['terminated'])} episodes, this environment has {self.n}")
        seeds = [saved["seed"] for saved in state["parts"]]
        if seeds != [part.seed for part in self.parts]:
            self.parts = [Episodes(self.face, self.n // len(seeds), seed) for seed in seeds]
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.engine.set_state(saved)
        self.terminated, self.truncated = state["terminated"].copy(), state["truncated"].copy()


def refuse(options: Mapping[str, Any] | None, known: Sequence[str] = ()) -> None:
    """Raises ValueError on options that `reset` does not have."""
    if unknown := sorted(set(options or {}) - set(known)):
        raise ValueError(f"reset has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}")


def checked_seed(seed: object) -> int:
    """A seed as a number. Raises ValueError."""
    if not isinstance(seed, int | np.integer) or not 0 <= seed < SEEDS:
        raise ValueError(f"a seed is a whole number from 0 to {SEEDS - 1}, got {seed!r}")
    return int(seed)


class SingleEnv(BaseEnv, gym.Env[Any, Any]):
    """One episode. Once ended it stands still until it is reset: a step changes nothing, pays nothing, and says again
    how the episode ended.

    Raises, of gymnasium.error: UnsupportedMode, InvalidAction, and ResetNeeded before the first reset.
    """

    metadata: ClassVar[dict[str, Any]] = RENDERING  # type: ignore[misc]

    def __init__(self, face: Face, render_mode: str | None) -> None:
        super().__init__(face, 1, render_mode)
        self.observation_space, self.action_space = face.observation_space, spaces.Discrete(face.actions)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start afresh. There are no options. Raises ValueError on a seed or an option that cannot be."""
        refuse(options)
        seed = None if seed is None else checked_seed(seed)
        super().reset(seed=seed)
        if seed is None and self.parts:
            self.parts[0].reset_rows(np.zeros(1, np.int64))
        else:
            self.parts = [Episodes(self.face, 1, self.any_seed() if seed is None else seed)]
        self.terminated[:] = self.truncated[:] = False
        return rows_of(self.parts[0].observe(), 0), {}

    def step(self, action: object) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        (episode,) = self.running()
        chosen, reward, info = self.checked(action, ()), 0.0, {}
        if not (self.terminated | self.truncated)[0]:
            paid, self.terminated, self.truncated = episode.step(chosen)
            reward = float(paid[0])
        if (self.terminated | self.truncated)[0]:
            info = {name: float(value[0]) for name, value in episode.measure(np.zeros(1, np.int64)).items()}
        return rows_of(episode.observe(), 0), reward, bool(self.terminated[0]), bool(self.truncated[0]), info

    def render(self) -> Any:
        """A text or a picture [H, W, 3] uint8, by `render_mode`."""
        frames = self.rendered()
        return None if frames is None else frames[0]


class VectorizedEnv(BaseEnv, VectorEnv[Any, np.ndarray, np.ndarray]):
    """`num_envs` episodes side by side; see the module for seeds and ends.

    Raises ValueError on a bad `num_envs` or `autoreset_mode`, and as `SingleEnv` does.
    """

    metadata = RENDERING | {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self, face: Face, num_envs: int, render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP, shared_stream: bool = False,
    ) -> None:  # fmt: skip
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        modes = {mode.value: mode for mode in AutoresetMode}
        if autoreset_mode not in (*modes, *modes.values()):
            raise ValueError(f"autoreset_mode must be one of {', '.join(modes)}; got {autoreset_mode!r}")
        super().__init__(face, num_envs, render_mode)
        self.num_envs, self.autoreset_mode = num_envs, AutoresetMode(autoreset_mode)
        self.shared_stream = shared_stream
        self.metadata = self.metadata | {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space, self.single_action_space = face.observation_space, spaces.Discrete(face.actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def pieces(self) -> Iterator[tuple[Episodes, slice]]:
        """The episodes, and which rows they are."""
        size = self.num_envs // len(self.running())
        return ((part, slice(i * size, (i + 1) * size)) for i, part in enumerate(self.parts))

    # -- starting --------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start all rows afresh, or those that are true in options["reset_mask"] [num_envs] bool; the others go on.

        `seed` s is s, s + 1, ... for the rows, or is a list with one for each, in which None goes on with the row's own
        stream. Where all rows share a stream it is one number. Raises ValueError on other options or seeds, and where a
        shared stream is to be seeded for some rows only.
        """
        mask = self.masked(options)
        if self.shared_stream:
            self.reset_shared(seed, mask)
        else:
            self.reset_each(seed, mask)
        self.terminated[mask] = self.truncated[mask] = False
        return self.observe(), {}

    def masked(self, options: Mapping[str, Any] | None) -> np.ndarray:
        refuse(options, ("reset_mask",))
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, bool)
        if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"reset_mask must be an array [{self.num_envs}] of bool with a True in it, got {mask!r}")
        if not mask.all():
            self.running()  # the others have to be somewhere
        return mask

    def reset_shared(self, seed: int | Sequence[int | None] | None, mask: np.ndarray) -> None:
        number = None if seed is None else checked_seed(seed)
        if number is not None and not mask.all():
            raise ValueError("rows share one stream, which cannot be seeded for some of them: give no seed")
        super().reset(seed=number)
        if number is None and self.parts:
            self.reset_rows(np.flatnonzero(mask))
        else:
            self.parts = [Episodes(self.face, self.num_envs, self.any_seed() if number is None else number)]

    def reset_each(self, seed: int | Sequence[int | None] | None, mask: np.ndarray) -> None:
        if isinstance(seed, list | tuple | np.ndarray):
            seeds = [None if one is None else checked_seed(one) for one in seed]
        else:
            first = None if seed is None else checked_seed(seed)
            super().reset(seed=first)
            seeds = [None if first is None else checked_seed(first + row) for row in range(self.num_envs)]
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed must be a list of {self.num_envs}, one for each row; got {len(seeds)}")
        parts: list[Episodes | None] = [*self.parts] or [None] * self.num_envs
        for row in np.flatnonzero(mask).tolist():
            number, part = seeds[row], parts[row]
            if number is None and part is not None:
                part.reset_rows(np.zeros(1, np.int64))
            else:
                parts[row] = Episodes(self.face, 1, self.any_seed() if number is None else number)
        self.parts = [part for part in parts if part is not None]

    def reset_rows(self, rows: np.ndarray) -> None:
        for part, piece in self.pieces():
            if len(inside := rows[(rows >= piece.start) & (rows < piece.stop)]):
                part.reset_rows(inside - piece.start)

    # -- stepping --------------------------------------------------------------------------------------------

    def step(self, actions: object) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        self.running()
        chosen = self.checked(actions, (self.num_envs,))
        if len(self.parts) == 1 and not self.waiting:
            reward, terminated, truncated = self.parts[0].step(chosen)
        else:
            reward, terminated, truncated = self.step_or_reset(chosen)
        over = terminated | truncated
        info = self.ended(np.flatnonzero(over)) if over.any() else {}
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            self.terminated, self.truncated = terminated.copy(), truncated.copy()
        return self.observe(), reward, terminated, truncated, info

    @property
    def waiting(self) -> bool:
        """Whether a row has ended and not yet started afresh."""
        same = self.autoreset_mode == AutoresetMode.SAME_STEP
        return not same and bool(self.terminated.any() or self.truncated.any())

    def step_or_reset(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(reward, terminated, truncated), [n] each: one step, or a fresh start in the rows that have ended."""
        waits = self.terminated | self.truncated
        if self.autoreset_mode == AutoresetMode.DISABLED and waits.any():
            rows = np.flatnonzero(waits).tolist()
            raise ResetNeeded(f"episodes {rows} have ended: reset them with options={{'reset_mask': ...}}")
        reward = np.zeros(self.num_envs)
        terminated, truncated = np.zeros(self.num_envs, bool), np.zeros(self.num_envs, bool)
        for part, piece in self.pieces():
            if not waits[piece].all():  # a row on its own must not draw from its stream in vain
                reward[piece], terminated[piece], truncated[piece] = part.step(actions[piece])
        self.reset_rows(np.flatnonzero(waits))
        reward[waits], terminated[waits], truncated[waits] = 0.0, False, False
        return reward, terminated, truncated

    def ended(self, rows: np.ndarray) -> dict[str, Any]:
        """What to say of the episodes that have just ended; starts them afresh where that is to be at once."""
        info: dict[str, Any] = {}
        for name, values in self.measure(rows).items():
            info[name], info[f"_{name}"] = np.zeros(self.num_envs), self.marked(rows)
            info[name][rows] = values
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            return info
        last, final = self.observe(rows), np.full(self.num_envs, None, object)
        for i, row in enumerate(rows):
            final[row] = rows_of(last, i)
        self.reset_rows(rows)
        both = {"final_obs": final, "final_info": info}
        return both | {f"_{name}": self.marked(rows) for name in both}

    def marked(self, rows: np.ndarray) -> np.ndarray:
        mask = np.zeros(self.num_envs, bool)
        mask[rows] = True
        return mask

    def gathered(self, rows: np.ndarray, get: Callable[[Episodes, np.ndarray], Any]) -> Any:
        """What `get` says of these rows, part by part."""
        if len(self.parts) == 1:
            return get(self.parts[0], rows)
        found = [get(self.parts[row], np.zeros(1, np.int64)) for row in rows]
        if isinstance(found[0], dict):
            return {name: np.concatenate([one[name] for one in found]) for name in found[0]}
        return np.concatenate(found)

    def measure(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = self.gathered(rows, lambda part, inside: part.measure(inside))
        return found

    def observe(self, rows: np.ndarray | None = None) -> Any:
        if rows is None and len(self.parts) == 1:
            return self.parts[0].observe()
        chosen = np.arange(self.num_envs) if rows is None else rows
        return self.gathered(chosen, lambda part, inside: part.observe(inside))

    def render(self) -> tuple[Any, ...] | None:
        """A text or a picture [H, W, 3] uint8 of each row, by `render_mode`."""
        frames = self.rendered()
        return None if frames is None else tuple(frames)
