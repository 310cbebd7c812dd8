"""A survey from files to findings: what is asked is checked before anything is unpickled; then the agent is asked."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import math
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import gymnasium as gym

from turncoat.boundary import user_code
from turncoat.core import TurncoatError
from turncoat.models import sb3_agent
from turncoat.models.sb3_agent import SavedPolicy, SB3Agent, described, matches, only_part, raw_shape
from turncoat.survey.elsewhere import SiblingSurvey, WorldSurvey, begun, survey_sibling, survey_world
from turncoat.survey.episodes import AtRandom, Begin, Env
from turncoat.survey.rooms import RoomSurvey, has_room, survey_rooms
from turncoat.worlds.stock import minihack
from turncoat.worlds.stock.published import SUITES, suite_of
from turncoat.worlds.stock.rooms import register_environments
from turncoat.worlds.stock.world import make

VIEWS = {"MiniGrid": ("egocentric", "flat", "whole"), "MiniHack": tuple(minihack.VIEWS)}  # by suite
ALWAYS = ("turncoat", "stable-baselines3", "gymnasium", "torch")
OURS, IDS = "turncoat/", "turncoat.worlds.gym.ids"


@dataclass(frozen=True)
class Question:
    """What a user asks. `view`, `sibling`, `algorithm`: "" where they leave it open; `statistics`: of VecNormalize."""

    environment: str
    model: Path
    episodes: int
    first_seed: int = 0
    statistics: Path | None = None
    view: str = ""
    sibling: str = ""
    algorithm: str = ""


@dataclass(frozen=True)
class Report:
    """What was asked, of what, and what was found. `note`: on the choice of the view; `versions`: by package;
    `saved_with`: the stable-baselines3 that wrote the model; `greedy`: whether it acts without chance."""

    environment: str
    model: str
    algorithm: str
    greedy: bool
    statistics: str | None
    saved_with: str
    view: str
    note: str
    episodes: int
    first_seed: int
    versions: dict[str, str]
    found: RoomSurvey | SiblingSurvey | WorldSurvey


def check(question: Question) -> tuple[Question, SavedPolicy]:
    """The question with its ids as they are registered, and what the model's file says of itself. Unpickles nothing.

    Raises TurncoatError where a file, an id or a package is not there, or where there is nothing to measure by."""
    sb3_agent.check_installed()
    saved = sb3_agent.read(question.model)
    if question.statistics is not None and not question.statistics.is_file():
        raise TurncoatError(f"there is no file {question.statistics}")
    environment, sibling = registered(question.environment), question.sibling and registered(question.sibling)
    if not (sibling or environment.startswith(OURS) or has_room(environment)):
        raise TurncoatError(
            f"{environment}: there is no adapter that moves its goal; with --sibling ID, a registered environment with "
            "the goal elsewhere, it is asked whether the agent is paid there too"
        )
    return replace(question, environment=environment, sibling=sibling), saved


def registered(environment: str) -> str:
    """An id as Gymnasium has it, its package imported. Raises TurncoatError where there is none."""
    module, _, name = environment.rpartition(":")
    for package in packages(name):
        if importlib.util.find_spec(package) is None:
            raise TurncoatError(f"{name} is of the package {package}, which is not installed; run `make stock`")
        register_environments(package)
    if module or name.startswith(OURS):
        with user_code(lambda: f"--env {environment}"):
            importlib.import_module(module or IDS)
    try:
        gym.spec(name)
    except gym.error.Error as error:
        raise TurncoatError(f"--env {environment}: {error}") from None
    return name


def packages(environment: str) -> tuple[str, ...]:
    """The names of the packages that a suite comes in; none for any other environment."""
    return tuple(name for name, _ in SUITES.get(suite_of(environment), ()))


def survey(question: Question, saved: SavedPolicy, tell: Callable[[str], None]) -> Report:
    """Load the agent, which runs the code that its files name, and ask it. `tell`: is told what is played next.

    Raises TurncoatError where the agent does not fit the environment."""
    agent = sb3_agent.load(saved, question.environment, question.algorithm, question.statistics)
    agent, note = seeing(agent, question.view)
    for environment in filter(None, (question.environment, question.sibling)):
        check_fit(agent, environment)
    return Report(
        question.environment, str(question.model), agent.algorithm, agent.greedy,
        None if question.statistics is None else str(question.statistics), saved.version, agent.view, note,
        question.episodes, question.first_seed, versions(question.environment), findings(question, agent, tell),
    )  # fmt: skip


def findings(
    question: Question, agent: SB3Agent, tell: Callable[[str], None]
) -> RoomSurvey | SiblingSurvey | WorldSurvey:
    environment, n, seed = question.environment, question.episodes, question.first_seed
    uniform = AtRandom(agent.actions)
    if question.sibling:
        published, other = (begin(each, agent.view) for each in (environment, question.sibling))
        return survey_sibling(agent, uniform, published, question.sibling, other, n, seed, tell)
    if environment.startswith(OURS):
        return survey_world(agent, uniform, environment, n, seed, tell)
    return survey_rooms(agent, agent.actions, n, seed, tell)


def versions(environment: str) -> dict[str, str]:
    names = (*ALWAYS, *packages(environment))
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in names}


# -- what the agent sees -----------------------------------------------------------------------------------------------


def made(environment: str, view: str) -> Env:
    """The environment as registered, or in one of its suite's views."""
    env: Env = make(environment, view) if view else gym.make(environment, disable_env_checker=True)
    return env


def begin(environment: str, view: str) -> Begin:
    if suite_of(environment) == "MiniHack":  # whose levels Gymnasium's seed does not reach
        return lambda seed: begun(minihack.make(environment, view, range(seed, seed + 1)), seed)
    return lambda seed: begun(made(environment, view), seed)


def seeing(agent: SB3Agent, wanted: str) -> tuple[SB3Agent, str]:
    """The agent with its view, and what is to be said of the choice. Raises TurncoatError where none fits, or where the
    wanted one does not and several others do."""
    views = VIEWS.get(suite_of(agent.environment), ())
    if not views:
        if wanted:
            raise TurncoatError(f"{agent.environment} has no views to choose from; leave --view out")
        return agent, ""
    sizes = {view: math.prod(made(agent.environment, view).observation_space.shape or ()) for view in views}
    fitting = [view for view in views if fits(agent, view, sizes[view])]
    first = wanted or views[0]
    if first in fitting:
        others = [] if wanted else [view for view in fitting if view != first]
        note = f"{', '.join(others)} would fit as well; choose with --view" if others else ""
        return agent.seeing(first), note
    if len(fitting) == 1:
        return agent.seeing(fitting[0]), f"the one view that fits the agent's observations; {first} does not"
    offered = ", ".join(f"{view} {size}" for view, size in sizes.items())
    raise TurncoatError(
        f"the agent's observations are {described(agent.space)}, and --view {first} does not fit; the views of "
        f"{agent.environment} have so many numbers: {offered}"
    )


def fits(agent: SB3Agent, view: str, size: int) -> bool:
    """Whether the agent was trained on so many numbers; of a dict's one part the name has to be the view's, too."""
    part = only_part(agent.space)
    if part is None:
        return math.prod(raw_shape(agent.space)) == size and agent.space.shape is not None
    names = minihack.VIEWS if suite_of(agent.environment) == "MiniHack" else {"egocentric": "image", "whole": "image"}
    return part[0] == names.get(view) and math.prod(raw_shape(part[1])) == size


def check_fit(agent: SB3Agent, environment: str) -> None:
    """Raises TurncoatError where observations or actions are not those of the environment."""
    env = made(environment, agent.view)
    space, actions = env.observation_space, env.action_space
    env.close()
    right = fits(agent, agent.view, math.prod(space.shape or ())) if agent.view else matches(agent.space, space)
    if not right:
        raise TurncoatError(
            f"the agent's observations are {described(agent.space)}, and those of {environment} as registered are "
            f"{described(space)}"
        )
    if not isinstance(actions, gym.spaces.Discrete) or actions.n != agent.actions:
        raise TurncoatError(f"the agent has {agent.actions} actions, and {environment} has {actions}")
