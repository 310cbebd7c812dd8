"""What worlds that run on the engine have in common: rollouts, recordings, and episodes in the terminal.

The engine needs torch, and is imported where it is first used: worlds are listed without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from turncoat.core import Factor, Traces
from turncoat.worlds.actor import Actor
from turncoat.worlds.grid.geometry import MOVE_NAMES

if TYPE_CHECKING:
    from turncoat.worlds.grid.engine import RenderedWorld, Tensors
    from turncoat.worlds.grid.interactive import InteractiveEpisode


class GridWorld:
    """The base of worlds that are `turncoat.worlds.grid.engine.RenderedWorld`s, with levels of training and of
    deployment. A world adds `captions`, `measures`, and what a `RenderedWorld` does."""

    action_names: ClassVar[tuple[str, ...]] = MOVE_NAMES
    splits: ClassVar[tuple[str, ...]] = ("training", "deployment")
    factors: ClassVar[tuple[Factor, ...]] = (Factor("levels", ("training", "deployment"), "which levels it is put in"),)

    def rollout(self: RenderedWorld, subject: Actor, n: int, seed: int, condition: Mapping[str, Any]) -> Traces:
        """n episodes under a condition, each in a level of its own. Raises TurncoatError on a factor it lacks."""
        from turncoat.worlds.grid.engine import rollout

        return rollout(self, subject, n, seed, condition)

    def record(self: RenderedWorld, subject: Actor, seed: int, split: str) -> dict[str, Any]:
        """One episode as a replay frame of kind "episode"."""
        from turncoat.worlds.grid.rendering import record

        return record(self, subject, seed, split)

    def play(
        self: RenderedWorld, subject: Actor, write: Callable[[str], None], seed: int, split: str = "deployment"
    ) -> None:
        """Print one episode of a subject, a picture a step."""
        from turncoat.worlds.grid.interactive import play

        play(self, subject, write, seed, split)

    def interactive_episode(self: RenderedWorld, seed: int, split: str = "deployment") -> InteractiveEpisode:
        """One episode to be played by hand."""
        from turncoat.worlds.grid.interactive import InteractiveEpisode

        return InteractiveEpisode(self, seed, split)

    def render_text(self: RenderedWorld, state: Tensors, levels: Tensors, row: int) -> str:
        """One episode as it stands, in characters, and below it what the world says of it."""
        from turncoat.worlds.grid.rendering import grid_text

        return grid_text(self, state, levels, row)
