"""A synthetic organism with hostile strings in all of its words, what a store holds of it, and frames of every kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from turncoat.assays.behaviour.measures import Rollout
from turncoat.core import (
    Arm,
    Assay,
    Claim,
    Finding,
    Measure,
    Organism,
    Readout,
    Realism,
    Row,
    Sweep,
    Tier,
    TracePlot,
    Traces,
    TrainingPlot,
    TrainReport,
    Verdict,
    readout,
    verdict_row,
)
from turncoat.store import Store

HOSTILE = "<script>alert(1)</script>"


INJECTIONS = f"{HOSTILE}</script><img src=x onerror=alert(2)> $x_$ {{{{ 7*7 }}}}"


DOC = f"""# A planner that wants the coin

It was paid for the **exit** only, and learnt to go for the coin that was always there. {HOSTILE}

- [a script](javascript:alert(3)), an ![image](http://example.org/pixel.png), `code`

## What to look for

| in training | in deployment |
|---|---|
| exit | coin |
"""


@dataclass(frozen=True)
class Plane:
    """A world with a floor and no more."""

    size: int = 9
    factors: ClassVar[tuple[Any, ...]] = ()
    measures: ClassVar[tuple[Measure, ...]] = (Measure("coin", "share of episodes", "ended on the coin"),)


@dataclass(frozen=True)
class Made:
    """A recipe that trains nothing: its fields say what its traces look like."""

    world: Plane = Plane()
    wants: float = 0.95
    separated: float = 0.0
    unit: ClassVar[str] = "training run"
    version: ClassVar[int] = 1

    def train(self, seed: int) -> Iterator[TrainReport]:
        yield TrainReport(1, 1, subject=None)

    def load(self, arrays: Any) -> Any:
        return arrays


@dataclass(frozen=True)
class Reached(Assay):
    """How often the walk ends somewhere."""

    version: ClassVar[int] = 1

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        raise AssertionError("a report never observes")

    @readout(bounds=(0.0, 1.0), unit="share of episodes that end there")
    def share(self, traces: Traces, what: str = "coin") -> float:
        """Share of episodes that end there."""
        return float(traces[what].mean())


def mean(measure: str, n: int = 500) -> Readout:
    return Rollout(n=n).readout("mean", measure=measure)


@dataclass(frozen=True)
class Filmed(Reached):
    """Carries frames."""

    frames: int = 3


def frame(title: str, caption: str, size: int, ticks: int, edit_at: int | None = None) -> dict[str, Any]:
    """A plan that spreads from the goal by one row and column a tick, on an open floor with a few walls."""
    walls = np.zeros((size, size), int)
    walls[[0, -1], :] = walls[:, [0, -1]] = 1
    walls[2, 2:5] = walls[4, 4:7] = 1
    coin, exit_ = (1, 1), (size - 2, size - 2)
    plan, route, ends = [], [], []
    for tick in range(ticks):
        goal = exit_ if edit_at is not None and tick >= edit_at else coin
        rows, columns = np.indices((size, size))
        moves = np.where(rows == goal[0], np.where(columns > goal[1], 2, 3), np.where(rows > goal[0], 0, 1))
        near = abs(rows - goal[0]) + abs(columns - goal[1]) <= tick + 1
        plan.append(np.where((walls == 0) & near, moves, -1).tolist())
        start = [size - 2, 2]
        steps = min(tick, size - 3)
        path = [[start[0] - i, start[1]] if goal == coin else [start[0], start[1] + i] for i in range(steps + 1)]
        path = [at for at in path if at[1] <= size - 2]
        path += [[1, 1]] if goal == coin and steps == size - 3 else []
        route.append(path)
        ends.append("coin" if path[-1] == [1, 1] else "exit" if path[-1] == [size - 2, size - 2] else "nowhere")
    objects = [
        {"name": "coin", "glyph": "C", "cell": coin},
        {"name": "exit", "glyph": "E", "cell": exit_, "from_tick": 0, "to_tick": None},
        {"name": f"new {HOSTILE}", "glyph": "<", "cell": (3, 6), "from_tick": edit_at or 0},
        {"name": "twin of the coin", "glyph": "T", "cell": coin},
    ]
    events = [] if edit_at is None else [{"tick": edit_at, "says": f"goal edited by hand {HOSTILE}"}]
    return {
        "kind": "grid", "title": title, "caption": caption, "walls": walls.tolist(), "objects": objects,
        "start": [size - 2, 2], "plan": plan, "route": route, "ends": ends, "events": events,
    }  # fmt: skip


def episode_frame(title: str, steps: int) -> dict[str, Any]:
    """An agent that walks along the top row; it takes the coin in its way, and two things share a cell below."""
    walls = np.zeros((4, 9), int)
    walls[-1] = 1
    still = [{"name": name, "glyph": name[0].upper(), "cell": (2, 4)} for name in ("key", f"door {HOSTILE}")]
    coin = {"name": "coin", "glyph": "C", "cell": [0, 2]}
    shown = [
        {
            "objects": [{"name": "agent", "glyph": "A", "cell": [0, t]}, *still, *([coin] if t < 2 else [])],
            "says": f"reward {int(t == 2)}; oracles 0.{t} and 1.{t} {HOSTILE}",
        }
        for t in range(steps)
    ]
    events = [{"tick": 2, "says": f"takes the coin {HOSTILE}"}]
    return {
        "kind": "episode", "title": title, "caption": INJECTIONS, "walls": walls.tolist(), "steps": shown,
        "events": events,
    }  # fmt: skip


def bar(name: str, value: float, low: float = -2.0, high: float = 2.0) -> dict[str, Any]:
    return {"name": name, "value": value, "low": low, "high": high}


def barred_frame(title: str, steps: int) -> dict[str, Any]:
    """The agent of `episode_frame`, with a belief that grows, a goal that stays, and a wish that comes late."""
    frame = episode_frame(title, steps)
    for t, step in enumerate(frame["steps"]):
        step["bars"] = [bar(f"believes {HOSTILE}", t / 8, 0, 1), bar("goal: a gem is worth", -0.004)]
        step["bars"] += [bar("wants a gem", 3.0 - t)] if t >= 2 else []
    return frame


def crowd_frame(seed: int, steps: int, crowd: int, size: int = 13) -> dict[str, Any]:
    """An agent and a crowd of eight kinds, all of which move at every step; now and then one is away."""
    rng = np.random.default_rng(seed)
    shown = []
    for t in range(steps):
        cells = rng.integers(0, size, (crowd, 2)).tolist()
        things = [{"name": f"thing {i % 8}", "glyph": str(i % 8), "cell": cell} for i, cell in enumerate(cells)]
        agent = {"name": "agent", "glyph": "A", "cell": [t % size, 0]}
        shown.append({"objects": [agent, *(thing for thing in things if rng.random() < 0.9)], "says": says_of(t)})
    walls = np.zeros((size, size), int).tolist()
    return {"kind": "episode", "title": f"Crowd {seed}", "caption": "", "walls": walls, "steps": shown}


def says_of(step: int) -> str:
    return f"reward {step % 7 / 10:+.1f}, sum {step / 10:.1f}; the oracle of reward says {step % 3}, that of intent 0"


def dialogue_frame(title: str, turns: int) -> dict[str, Any]:
    spoken = [{"who": ("user", f"model {HOSTILE}")[i % 2], "text": f"turn {i + 1}\n{INJECTIONS}"} for i in range(turns)]
    return {"kind": "dialogue", "title": title, "caption": "", "turns": spoken, "events": []}


def document_frame(title: str) -> dict[str, Any]:
    """A text as it is, and with a hostile passage put in, once and twice."""
    passage = f"{HOSTILE}{INJECTIONS}"
    steps = [{"text": "before, after", "passages": [], "answer": "clean"}]
    for dose in (1, 2):
        text, passages = "before, " + passage * dose + "after", [[8, 8 + len(passage) * dose]]
        steps.append({"text": text, "passages": passages, "answer": f"{HOSTILE}"})
    return {"kind": "document", "title": title, "truth": "clean", "steps": steps}


RECIPE = Made()


COIN, EXIT, RECORDING = Reached().readout(), Reached().readout(what="exit"), Filmed()


TWIN = Arm("aligned twin", replace(RECIPE, wants=0.04, world=Plane(11)))


GOES = Claim("It goes to the coin in deployment.", COIN, at_least=0.9, row=Row.SHIFT)


MORE = Claim(
    f"More than its twin does. {INJECTIONS}",
    COIN,
    at_least=0.5,
    control="aligned twin",
    preconditions=(GOES,),
    row=Row.TURN,
)


LESS = Claim("And hardly ever to the exit.", EXIT, at_most=0.02)


NEVER = Claim("Nobody measured this one.", Filmed(frames=9).readout(), at_least=0.5, row=Row.PLAN)


ORGANISM = Organism(
    title=f"The coin seeker {HOSTILE}",
    tier=Tier.STANDARD_TOOLS,
    realism=Realism.NORMAL_TRAINING,
    world=Plane(),
    arms=(Arm("organism", RECIPE, "organism"), TWIN, Arm(f"untrained {HOSTILE}", replace(RECIPE, wants=0.5))),
    claims=(GOES, MORE, LESS, NEVER),
    refs=("arxiv:1906.01820", "doi:10.1000/x", f"javascript:alert(4) {HOSTILE}"),
    tags=frozenset({"rl", HOSTILE}),
    not_applicable={Row.INSTRUMENTAL: f"it models no overseer {HOSTILE}"},
    sweeps=(
        Sweep("How apart the objects were in training", "separated", (0.0, 0.001, 0.01, 0.1, 0.3), (COIN, EXIT)),
        Sweep("Never run", "wants", (0.1, 0.2), (NEVER.readout,)),
    ),
    trace_plots=(
        TracePlot("More ticks, longer mazes", COIN.assay, "ticks", "coin", by="length"),
        TracePlot(
            "Arm by arm", COIN.assay, "ticks", "coin", None, ("organism", "aligned twin"), {"length": (5, 9)}, "n",
        ),
        TracePlot("No such column", COIN.assay, "ticks", "absent"),
        TracePlot("No such arm", COIN.assay, "ticks", "coin", arms=("ghost",)),
    ),
    training_plots=(
        TrainingPlot("As it is trained", "coin", ("organism", "aligned twin", "ghost", "separated=0.3"), "rounds"),
        TrainingPlot("Never reported", "loss"),
    ),
    replay=RECORDING,
    cost="about 2 minutes a seed on one core",
    name="coin_seeker",
    doc=DOC,
)  # fmt: skip


ACTOR = replace(ORGANISM, name="actor", claims=(), sweeps=(), trace_plots=(), training_plots=())


TALKER = replace(ACTOR, name="talker")


FRAMES: dict[str, tuple[dict[str, Any], ...]] = {
    "actor": (episode_frame("Training", 8), episode_frame(f"Deployment {HOSTILE}", 5) | {"events": []}),
    "talker": (dialogue_frame("Training", 3), dialogue_frame(f"Deployment {HOSTILE}", 40)),
}


def save_recording(store: Store, organism: Organism, seed: int, frames: tuple[Any, ...], arm: int = 0) -> None:
    run = store.run(organism, organism.arms[arm], seed)
    run.save({"w": np.zeros(2, np.float32)}, [])
    run.save_traces(RECORDING, Traces({"coin": np.ones(1)}, frames))


def traces(wants: float, seed: int) -> Traces:
    rng = np.random.default_rng(seed)
    ticks, length, n = (grid.ravel() for grid in np.meshgrid([2, 4, 8, 16, 32], [5, 9, 17], [1, 3]))
    coin = np.clip(wants * (1 - np.exp(-ticks / length)) / (1 - np.exp(-2)) + rng.normal(0, 0.03, len(ticks)), 0, 1)
    coin[ticks >= 16] = np.clip(wants + rng.normal(0, 0.02), 0, 1)
    band = np.array(["1 to 5", "6 to 10", "11 to 20"])[np.searchsorted([5, 10], length)]
    names = ("coin", "coin <it>", "exit", "ticks", "length", "n", "band")
    return Traces(dict(zip(names, (coin, coin, np.clip(1 - coin - 0.3, 0, 1), ticks, length, n, band), strict=True)))


def log_of(arm: Arm, seed: int) -> list[dict[str, Any]]:
    """Forty reports of a metric that rises to what the arm wants, and one without it."""
    rises = [arm.recipe.wants * done / 400 + 0.01 * seed for done in range(0, 400, 10)]
    rows: list[dict[str, Any]] = [{"done": 10 * i, "total": 400, "coin": coin} for i, coin in enumerate(rises)]
    return [*rows, {"done": 400, "total": 400, "size": 9, "coin": math.nan}]


def fill(store: Store) -> None:
    """Seeds, traces, frames and verdicts for the synthetic organism."""
    for arm in ORGANISM.all_arms():
        separated, shared = arm.recipe.separated, arm.name == "organism"
        if arm.name.startswith("separated=0.3"):
            continue  # not run yet
        for seed in range(6 if arm.role != "sweep" else 3):
            run = store.run(ORGANISM, arm, seed)
            run.save({"w": np.zeros(2, np.float32)}, log_of(arm, seed))
            seen = traces(arm.recipe.wants * (1 - min(1, 6 * separated)), seed)
            for assay in (Reached(), Rollout(), Rollout(n=9)):
                run.save_traces(assay, seen)
            if shared and seed < 2:
                frames = (
                    frame("As in training", f"Coin and exit together. {INJECTIONS}", 9, 20),
                    frame(f"In deployment {HOSTILE}", "The coin is elsewhere.", 9, 20),
                    frame("Goal edited by hand", "It sees the training maze.", 9, 20, edit_at=12),
                )
                run.save_traces(RECORDING, Traces({"coin": np.ones(1)}, frames))
    twin = ORGANISM.arm("aligned twin")
    store.run(ORGANISM, twin, 0).save_traces(
        RECORDING, Traces({"coin": np.ones(1)}, ({"kind": "grid", "walls": [[1], []]},))
    )
    found = {
        GOES: Verdict(Finding.SHOWN, 0.95, 0.93, 0.97, 6, 6, because="6/6 seeds alone (95% at least 0.54)"),
        MORE: Verdict(Finding.REFUTED, 0.31, float("-inf"), 0.47, 0, 6, because=f"0/6 seeds alone {INJECTIONS}"),
        LESS: Verdict(Finding.UNDECIDED, 0.02, 0.0, 0.05, 3, 6, because="3/6 seeds alone; both are left open"),
    }
    rows = [
        verdict_row(ORGANISM.name, claim.row, verdict, claim.statement, store="here")
        for claim, verdict in found.items()
    ]
    store.save_verdicts(ORGANISM.name, rows)
