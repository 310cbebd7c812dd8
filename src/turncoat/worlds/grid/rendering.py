"""Episodes to look at: in characters, and recorded for a replay."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from turncoat.worlds.actor import Actor
from turncoat.worlds.grid.engine import Engine, Frame, RenderedWorld, Tensors, run_episodes

MOST_FRAMES = 120  # steps of an episode that are recorded
CANDIDATES = 9  # episodes of which the one of middle length is recorded


def grid_text(world: RenderedWorld, state: Tensors, levels: Tensors, row: int) -> str:
    """One episode as it stands, drawn in characters (H lines), and below it what the world says of it."""
    frame = world.render(state, levels, row)
    walls = world.wall_grid(levels, int(state["level"][row]))
    glyphs = [["#" if wall else " " for wall in line] for line in walls]
    for thing in frame["objects"]:  # the agent is the last
        line, column = thing["cell"]
        glyphs[line][column] = thing["glyph"]
    return "\n".join("".join(line) for line in glyphs) + f"\n{frame['says']}"


def record(world: RenderedWorld, subject: Actor, seed: int, split: str) -> dict[str, Any]:
    """One episode as a replay frame of kind "episode": of a few, the one of middle length."""
    frames: list[list[Frame]] = [[] for _ in range(CANDIDATES)]

    def on_step(engine: Engine, done: Tensor) -> None:
        for row in range(CANDIDATES):
            if not done[row]:
                frames[row].append(world.render(engine.state, engine.levels, row))

    engine, _ = run_episodes(world, subject, CANDIDATES, seed, split, on_step)
    row = sorted(range(CANDIDATES), key=lambda i: (len(frames[i]), i))[CANDIDATES // 2]
    end = {"tick": MOST_FRAMES, "says": "the film ends here, the episode does not"}
    return {
        "kind": "episode", "title": f"In {split}", "caption": world.captions[split],
        "events": [end] if len(frames[row]) > MOST_FRAMES + 1 else [],
        "walls": world.wall_grid(engine.levels, row), "steps": frames[row][: MOST_FRAMES + 1],
    }  # fmt: skip
