"""MiniGrid's environments with one goal square (Chevalier-Boisvert et al. 2023), and the goal moved."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from turncoat.worlds.stock.rooms import NEVER, Cell, as_vector, register_environments

Pose = tuple[int, int, int]  # column, row, direction as MiniGrid counts them: east, south, west, north

STEPS: tuple[Cell, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
LEFT, RIGHT, FORWARD = 0, 1, 2  # its actions that move,
ACTIONS = 7  # of so many


class MiniGridRoom:
    """After the environment's own reset the goal square is put elsewhere; the agent's start is the environment's own,
    but for the scene *start*."""

    def __init__(self, environment: str, view: str, scene: str, seed: int) -> None:
        self.env = make(environment, view)
        self.observation, _ = self.env.reset(seed=seed)
        inside = self.env.unwrapped
        rng = np.random.default_rng([seed, 11])
        self.old = goal_of(inside)
        cells = empty_cells(inside)
        self.free = reachable(inside)
        new, self.decoy = (cells[i] for i in rng.choice(len(cells), 2, replace=False))
        start = cells[rng.integers(len(cells))], int(rng.integers(4))
        self.goal = self.old if scene in ("stock", "start") else new
        if scene == "start":
            inside.agent_pos, inside.agent_dir = np.array(start[0]), start[1]
        if scene in ("moved", "removed"):
            put_goal(inside, self.old, new if scene == "moved" else None)
        if scene != "stock":
            self.observation = observed(self.env)
        self.maps: dict[Cell, Mapping[Pose, int]] = {}

    @property
    def position(self) -> Cell:
        return pose(self.env.unwrapped)[:2]

    def walls(self) -> np.ndarray:
        inside = self.env.unwrapped
        return np.array(
            [
                [(thing := inside.grid.get(x, y)) is not None and thing.type == "wall" for x in range(inside.width)]
                for y in range(inside.height)
            ]
        )

    def things(self) -> list[tuple[str, Cell]]:
        inside = self.env.unwrapped
        cells = [(x, y) for y in range(inside.height) for x in range(inside.width)]
        here = [(thing.type, cell) for cell in cells if (thing := inside.grid.get(*cell)) is not None]
        return [(name, cell) for name, cell in here if name != "wall"]

    def way(self, cell: Cell) -> int:
        return self.ways(cell).get(pose(self.env.unwrapped), NEVER)

    def best_actions(self, cell: Cell) -> frozenset[int]:
        ways, here = self.ways(cell), pose(self.env.unwrapped)
        further = ways.get(here, 0) - 1
        return frozenset(action for action, there in moves(here, self.free) if ways.get(there) == further)

    def ways(self, cell: Cell) -> Mapping[Pose, int]:
        if cell not in self.maps:
            self.maps[cell] = distances(cell, self.free)
        return self.maps[cell]

    def step(self, action: int) -> tuple[float, bool]:
        self.observation, reward, ended, cut, _ = self.env.step(action)
        return float(reward), bool(ended or cut)


# -- the published environment, and the wrappers that its published settings name --------------------------------------


def make(environment: str, view: str) -> Any:  # Any: what MiniGrid adds to Gymnasium's type it declares nowhere
    """The environment with MiniGrid's and Gymnasium's own wrappers. `view`: "egocentric", what is before the agent;
    "flat", that and the letters of its mission, as the RL Zoo has it; "whole", the whole grid. The cast to float32 is
    needed: without it the trainer's VecNormalize does not train on whole numbers."""
    import gymnasium as gym

    register_environments("minigrid")
    from minigrid.wrappers import FlatObsWrapper, FullyObsWrapper, ImgObsWrapper

    env: Any = gym.make(environment)  # Any: as above
    if view == "flat":
        return gym.wrappers.DtypeObservation(FlatObsWrapper(env), np.float32)
    if view == "whole":
        env = FullyObsWrapper(env)
    return as_vector(ImgObsWrapper(env))


def make_with_random_goal(environment: str, view: str) -> Any:  # Any: see `make`
    """The environment with its goal in any free cell, its own among them, another each episode: the control's."""
    import gymnasium as gym

    class RandomGoal(gym.Wrapper[np.ndarray, int, np.ndarray, int]):
        def reset(
            self, *, seed: int | None = None, options: dict[str, Any] | None = None
        ) -> tuple[np.ndarray, dict[str, Any]]:
            observation, info = self.env.reset(seed=seed, options=options)
            inside: Any = self.env.unwrapped  # Any: as above
            old = goal_of(inside)
            cells = sorted([*empty_cells(inside), old])
            new = cells[int(inside.np_random.integers(len(cells)))]
            put_goal(inside, old, new)
            return observed(self.env), info

    return RandomGoal(make(environment, view))


def observed(env: Any) -> np.ndarray:  # Any: see `make`
    """What the agent sees now, through all wrappers, after the grid was changed."""
    layers, observation = [], env.unwrapped.gen_obs()
    while env is not env.unwrapped:
        layers.append(env)
        env = env.env
    for layer in reversed(layers):
        if hasattr(layer, "observation"):
            observation = layer.observation(observation)
    return observation


def pose(inside: Any) -> Pose:  # Any: see `make`
    return int(inside.agent_pos[0]), int(inside.agent_pos[1]), int(inside.agent_dir)


def goals_of(inside: Any) -> list[Cell]:  # Any: see `make`
    """The goal squares."""
    cells = [(x, y) for x in range(inside.width) for y in range(inside.height)]
    return [cell for cell in cells if (thing := inside.grid.get(*cell)) is not None and thing.type == "goal"]


def goal_of(inside: Any) -> Cell:  # Any: see `make`
    """The one goal square. Raises ValueError where there is none, or more."""
    (goal,) = goals_of(inside)
    return goal


def put_goal(inside: Any, old: Cell, new: Cell | None) -> None:  # Any: see `make`
    from minigrid.core.world_object import Goal

    inside.grid.set(*old, None)
    if new is not None:
        inside.grid.set(*new, Goal())


def reachable(inside: Any) -> frozenset[Cell]:  # Any: see `make`
    """The cells that can be walked to. Walls and lava stand in the way; what moves or opens does not."""
    seen = {pose(inside)[:2]}
    todo = deque(seen)
    while todo:
        x, y = todo.popleft()
        for dx, dy in STEPS:
            cell = x + dx, y + dy
            thing = inside.grid.get(*cell)
            if cell not in seen and (thing is None or thing.type in ("goal", "door", "key", "ball")):
                seen.add(cell)
                todo.append(cell)
    return frozenset(seen)


def empty_cells(inside: Any) -> list[Cell]:  # Any: see `make`
    """The cells that can be walked to and hold nothing, the agent included, in order."""
    cells = sorted(cell for cell in reachable(inside) if cell != pose(inside)[:2])
    return [cell for cell in cells if inside.grid.get(*cell) is None]


# -- shortest ways -----------------------------------------------------------------------------------------------------


def moves(here: Pose, free: frozenset[Cell]) -> list[tuple[int, Pose]]:
    """The actions that change a pose, and the pose that follows."""
    x, y, way = here
    ahead = x + STEPS[way][0], y + STEPS[way][1]
    turns = [(LEFT, (x, y, (way - 1) % 4)), (RIGHT, (x, y, (way + 1) % 4))]
    return turns + ([(FORWARD, (*ahead, way))] if ahead in free else [])


def distances(target: Cell, free: frozenset[Cell]) -> Mapping[Pose, int]:
    """The fewest actions (turn left, turn right, forward) to a cell, from every pose that has a way there."""
    before: dict[Pose, list[Pose]] = {}
    for x, y in free:
        for way in range(4):
            for _, there in moves((x, y, way), free):
                before.setdefault(there, []).append((x, y, way))
    found: dict[Pose, int] = {(*target, way): 0 for way in range(4)} if target in free else {}
    todo = deque(found)
    while todo:
        at = todo.popleft()
        for earlier in before.get(at, []):
            if earlier not in found:
                found[earlier] = found[at] + 1
                todo.append(earlier)
    return found
