"""What the page plays: frames checked, packed and written as JSON that can stand in a page."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from turncoat.core import Organism, as_json
from turncoat.report.results import OrganismResults

MOST_REPLAY = 2_000_000  # characters of replay data in one page
SEEDS_REPLAY = 3  # of each arm; of runs in settings of their own, one of each setting
WATCH: Mapping[str, Mapping[str, str]] = {  # kind of frame -> the words around its replay
    "": {"title": "Watch it", "lede": "", "scrubber": "", "unit": "step", "panels": ""},
    "grid": {
        "title": "Watch it think",
        "lede": "The arrows are the move that it would make in each cell, read out after every tick of thinking. The "
        "band is the walk that follows from them.",
        "scrubber": "thinking tick",
        "unit": "tick",
        "panels": "the same maze, side by side",
    },
    "episode": {
        "title": "Watch it act",
        "lede": "Each panel is one episode, step by step; the line behind the agent is where it has been.",
        "scrubber": "time step",
        "unit": "step",
        "panels": "episodes, side by side",
    },
    "dialogue": {
        "title": "Watch it talk",
        "lede": "Each panel is one conversation, turn by turn.",
        "scrubber": "turns so far",
        "unit": "turn",
        "panels": "conversations, side by side",
    },
    "document": {
        "title": "Watch it answer",
        "lede": "Each panel is one item: first as it is, then with what was put in or taken out marked, dose by dose. "
        "Above it stands what it is, and what was answered.",
        "scrubber": "dose",
        "unit": "dose",
        "panels": "the same items, side by side",
    },
}
BARS = "The bars are read from inside the subject at that step, each on its own scale; a line across one is zero."


def replay_of(organism: Organism, results: OrganismResults) -> dict[str, Any]:
    """Recordings (an arm and a seed, a panel a frame) as JSON that can stand in a page; the organism's lowest seed is
    first. Conversations of several arms stand first, side by side: of each arm the last one of its lowest seed."""
    if organism.replay is None:
        return {"recordings": 0, "data": "", "notes": [], "words": WATCH[""], "ledes": []}
    recordings: list[str] = []
    notes: list[str] = []
    kinds: list[str] = []
    size, barred, last = 0, False, dict[str, dict[str, Any]]()
    arms = sorted(organism.arms, key=lambda arm: arm.name != "organism")
    for arm in arms:
        shown: Counter[str] = Counter()
        for seed, traces in sorted(results.traces(arm, organism.replay).items()):
            setting = str(traces.frames[0].get("setting", "")) if traces.frames else ""
            if not traces.frames or shown[setting] == (1 if setting else SEEDS_REPLAY):
                continue
            shown[setting] += 1
            try:
                panels = [KINDS[frame["kind"]](frame) for frame in traces.frames if frame.get("kind") in KINDS]
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
                notes.append(
                    f"The frames of {arm.name}, seed {seed}, cannot be drawn ({type(error).__name__}: {error})."
                )
                continue
            label = " · ".join(filter(None, (arm.name, f"seed {seed}", setting)))
            recording = as_json({"label": label, "panels": panels}, indent=None)
            if not panels:
                notes.append(f"The frames of {arm.name}, seed {seed}, are of no kind that this page draws.")
                continue
            if recordings and size + len(recording) > MOST_REPLAY:
                notes.append(f"{arm.name}, seed {seed}, is left out of the replay to keep this page small.")
                continue
            recordings.append(recording)
            if panels[-1]["kind"] == "dialogue":
                last.setdefault(arm.name, {**panels[-1], "title": f"{arm.name}, {panels[-1]['title']}"})
            kinds += [panel["kind"] for panel in panels]
            size += len(recording)
            barred |= any(panel.get("bars") for panel in panels)
    if len(last) > 1:
        recordings.insert(0, as_json({"label": " beside ".join(last), "panels": list(last.values())}, indent=None))
    if not recordings and not notes:
        notes.append(f"No replay: {results.why_missing(organism.arms[0], organism.replay)}.")
    data = f"[{','.join(recordings)}]"
    for letter in "<>&":  # so that no string can end the element it stands in
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    return {
        "recordings": len(recordings),
        "data": Markup(data),
        "notes": notes,
        "words": WATCH[kinds[0] if kinds else ""],
        "ledes": [WATCH[kind]["lede"] for kind in dict.fromkeys(kinds)] + [BARS] * barred,
    }


def grid(frame: Mapping[str, Any]) -> dict[str, Any]:
    """One frame, checked and packed: a cell is row * width + column, a plan one character a cell ('.' for no move)."""
    floor = Floor.of(frame)
    cell = floor.cell

    def moves(plan: Sequence[Sequence[int]]) -> str:
        text = "".join("0123."[int(move)] for row in plan for move in row)
        if len(text) != len(floor.walls):
            raise ValueError("a plan has another shape than the walls")
        return text

    return {
        **heading(frame),
        "width": floor.width,
        "height": floor.height,
        "walls": floor.walls,
        "start": cell(frame["start"]),
        "plan": [moves(plan) for plan in frame["plan"]],
        "route": [[cell(at) for at in route] for route in frame["route"]],
        "ends": [str(end) for end in frame["ends"]],
        "objects": [
            {
                "name": str(thing["name"]),
                "glyph": str(thing["glyph"]),
                "cell": cell(thing["cell"]),
                "from": int(thing.get("from_tick") or 0),
                "to": None if thing.get("to_tick") is None else int(thing["to_tick"]),
            }
            for thing in frame.get("objects", ())
        ],
    }


def episode(frame: Mapping[str, Any]) -> dict[str, Any]:
    """One frame, checked and packed: an object is kind * cells + cell, and a step the objects that came since the last
    one and, as ~object, those that went. `kinds` are the names and glyphs; what stands still costs nothing."""
    floor = Floor.of(frame)
    kinds: dict[tuple[str, str], int] = {}
    before: Counter[int] = Counter()
    changes, says = [], []
    for tick, step in enumerate(frame["steps"]):
        now: Counter[int] = Counter()
        agents = 0
        for thing in step["objects"]:
            kind = str(thing["name"]), str(thing["glyph"])
            now[kinds.setdefault(kind, len(kinds)) * len(floor.walls) + floor.cell(thing["cell"])] += 1
            agents += kind[0] == "agent"
        if agents > 1:
            raise ValueError(f"step {tick} has {agents} agents")
        changes.append([~thing for thing in (before - now).elements()] + list((now - before).elements()))
        says.append(str(step.get("says", "")))
        before = now
    if not changes:
        raise ValueError("an episode has no steps")
    return {
        **heading(frame),
        "width": floor.width,
        "height": floor.height,
        "walls": floor.walls,
        "kinds": list(kinds),
        "changes": changes,
        "says": says,
        "bars": bars(frame["steps"]),
    }


def bars(steps: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """The bars of an episode, checked and packed: name, low, high, and a value a step, null where it has none. The last
    value stands for all that follow, so what does not change costs nothing."""
    scales: dict[str, tuple[float, float]] = {}
    held: list[dict[str, float]] = []
    for tick, step in enumerate(steps):
        here: dict[str, float] = {}
        for one in step.get("bars", ()):
            name, value, low, high = str(one["name"]), *(float(one[key]) for key in ("value", "low", "high"))
            if not (math.isfinite(value) and -math.inf < low < high < math.inf):
                raise ValueError(f"step {tick} has a bar of {value:g} on a scale from {low:g} to {high:g}")
            if name in here or scales.setdefault(name, (low, high)) != (low, high):
                raise ValueError(f"step {tick} has a bar for the second time, or on another scale")
            here[name] = float(f"{value:.4g}")
        held.append(here)
    packed = []
    for name, scale in scales.items():
        values = [here.get(name) for here in held]
        while values[-1:] == values[-2:-1]:
            values.pop()
        packed.append([name, *scale, values])
    return packed


def dialogue(frame: Mapping[str, Any]) -> dict[str, Any]:
    """One frame, checked: who said what, in order."""
    turns = [[str(turn["who"]), str(turn["text"])] for turn in frame["turns"]]
    if not turns:
        raise ValueError("a dialogue has no turns")
    return {**heading(frame), "turns": turns}


def document(frame: Mapping[str, Any]) -> dict[str, Any]:
    """One frame, checked and packed: of each step the answer, and the text in pieces, every other one marked."""
    steps = []
    for step in frame["steps"]:
        text, pieces, at = str(step["text"]), list[str](), 0
        for first, last in step["passages"]:
            if not at <= first < last <= len(text):
                raise ValueError(f"a passage from {first} to {last} of a text of {len(text)} characters")
            pieces += [text[at:first], text[first:last]]
            at = last
        steps.append({"answer": str(step["answer"]), "pieces": [*pieces, text[at:]]})
    if not steps:
        raise ValueError("a document has no steps")
    return {**heading(frame), "truth": str(frame["truth"]), "steps": steps}


KINDS: Mapping[Any, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "grid": grid,
    "episode": episode,
    "dialogue": dialogue,
    "document": document,
}


def heading(frame: Mapping[str, Any]) -> dict[str, Any]:
    """What a frame of any kind has."""
    return {
        "kind": frame["kind"],
        "title": str(frame.get("title", "")),
        "caption": str(frame.get("caption", "")),
        "events": [{"tick": int(event["tick"]), "says": str(event["says"])} for event in frame.get("events", ())],
    }


@dataclass(frozen=True)
class Floor:
    """The walls of a frame, one character a cell."""

    height: int
    width: int
    walls: str

    @staticmethod
    def of(frame: Mapping[str, Any]) -> Floor:
        rows = [[int(bool(cell)) for cell in row] for row in frame["walls"]]
        height, width = len(rows), len(rows[0])
        if not width or any(len(row) != width for row in rows):
            raise ValueError("its walls are not a rectangle")
        return Floor(height, width, "".join(str(wall) for row in rows for wall in row))

    def cell(self, at: Sequence[int]) -> int:
        row, column = map(int, at)
        if not (0 <= row < self.height and 0 <= column < self.width):
            raise ValueError(f"cell {(row, column)} is outside the grid")
        return row * self.width + column
