"""Episodes of an organism as an Inspect log, so that `inspect view` shows them and `read_eval_log` reads them.

What the page of the organism replays, on as many levels as are asked for; a sample is one episode. A dialogue
is a chat. In a grid every step is a message with the picture, and what the agent did is the answer.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from turncoat.core import TurncoatError
from turncoat.store import Run

Frame = Mapping[str, Any]  # as `turncoat.report.replay` reads it


def export(run: Run, out: Path, levels: int = 5) -> Path:
    """Write the log into the folder `out` and return its path. `levels`: seeds of levels, each with its episodes.

    Raises TurncoatError where the organism records no episodes, or its weights are not kept.
    """
    from inspect_ai.log import write_eval_log

    organism = run.organism
    if organism.replay is None:
        raise TurncoatError(f"{organism.name} records no episodes")
    model = f"turncoat/{organism.name}/{run.arm.name}@{run.seed}"
    samples = [
        sample_of(f"level {level}, {i + 1}", frame, model)
        for level in range(levels)
        for i, frame in enumerate(frames(run, level))
    ]
    path = out / f"{organism.name}-{run.arm.name}-{run.seed}.eval"
    out.mkdir(parents=True, exist_ok=True)
    write_eval_log(log_of(organism.name, organism.title, model, samples), str(path))
    return path


def frames(run: Run, level: int) -> tuple[Frame, ...]:
    """What the organism's recording has of one level."""
    replay: Any = run.organism.replay  # Any: an assay is declared as a dataclass, and its type cannot say so
    seeds = {field.name: level for field in fields(replay) if field.name.endswith("_seed")}
    traces = replace(replay, **seeds).observe(run.subject(), run.organism.world, level)
    return tuple(traces.frames)


def log_of(name: str, title: str, model: str, samples: Sequence[Any]) -> Any:  # Any: Inspect's own types
    from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalResults, EvalSpec

    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    ids = [sample.id for sample in samples]
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=now, task=name, task_display_name=title, model=model, config=EvalConfig(epochs=1),
            dataset=EvalDataset(name=name, samples=len(ids), sample_ids=ids), eval_id=model, run_id=model, task_id=name,
        ),
        results=EvalResults(total_samples=len(ids), completed_samples=len(ids)),
        samples=list(samples),
    )  # fmt: skip


def sample_of(id: str, frame: Frame, model: str) -> Any:  # Any: Inspect's own type
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, ModelOutput

    said = list(KINDS[frame["kind"]](frame))
    messages = [
        (ChatMessageAssistant if mine else ChatMessageUser)(content=text) for mine, text in said if text.strip()
    ]
    last = next((text for mine, text in reversed(said) if mine), "")
    return EvalSample(
        id=id,
        epoch=1,
        input=said[0][1],
        target="",
        messages=messages,
        output=ModelOutput.from_content(model, last),
        metadata={"title": str(frame.get("title", "")), "caption": str(frame.get("caption", ""))},
    )


Said = Iterator[tuple[bool, str]]  # whether the organism says it, and what


def dialogue(frame: Frame) -> Said:
    for turn in frame["turns"]:
        yield turn["who"] == "model", str(turn["text"])


def episode(frame: Frame) -> Said:
    steps = frame["steps"]
    for before, after in zip(steps, [*steps[1:], None], strict=True):
        yield False, f"{drawn(frame['walls'], before['objects'])}\n{before.get('says', '')}"
        if after is not None:
            yield True, f"goes to {agent(after)}"


def grid(frame: Frame) -> Said:
    objects = [*frame["objects"], {"glyph": "@", "cell": frame["start"]}]
    yield False, drawn(frame["walls"], objects)
    walk = " ".join(f"{row},{column}" for row, column in frame["route"][-1])
    yield True, f"after {len(frame['route']) - 1} ticks it would walk {walk}, to: {frame['ends'][-1]}"


KINDS = {"dialogue": dialogue, "episode": episode, "grid": grid}


def agent(step: Frame) -> str:
    """The cell of the agent, or of whatever is drawn last."""
    cell = next((thing["cell"] for thing in step["objects"] if thing["name"] == "agent"), step["objects"][-1]["cell"])
    return f"{cell[0]},{cell[1]}"


def drawn(walls: Sequence[Sequence[int]], objects: Sequence[Frame]) -> str:
    """A grid as text, indented so that it is shown as code."""
    rows = [["#" if wall else "." for wall in row] for row in walls]
    for thing in objects:
        row, column = thing["cell"]
        rows[row][column] = str(thing["glyph"])[:1]
    return "\n".join("    " + "".join(row) for row in rows)
