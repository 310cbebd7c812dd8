"""The gallery, built from a synthetic organism with hostile strings and opened from disk in headless Chromium."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from turncoat.assays.behaviour.measures import Level
from turncoat.core import (
    Access,
    Arm,
    Claim,
    Curve,
    Finding,
    Log,
    Measure,
    Organism,
    Phases,
    Realism,
    Row,
    Step,
    Sweep,
    Tier,
    Traces,
    TurncoatError,
    Verdict,
)
from turncoat.report.build import build
from turncoat.report.figures import (
    PALETTE,
    Shelf,
    claim_figure,
    curve_figures,
    log_figure,
    phase_figure,
    sortable,
    sweep_figures,
)
from turncoat.store import Store, verdict_row

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

    def train(self, seed: int) -> Iterator[Step]:
        yield Step(1, 1, subject=None)

    def load(self, arrays: Any) -> Any:
        return arrays


@dataclass(frozen=True)
class Reached:
    """How often the walk ends there."""

    what: str = field(default="coin", metadata={"pure": True})
    needs: ClassVar[Access] = Access.ACT
    version: ClassVar[int] = 1
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    says: ClassVar[str] = "share of episodes that end there"

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        raise AssertionError("a report never observes")

    def estimate(self, traces: Traces) -> float:
        return float(traces[self.what].mean())


@dataclass(frozen=True)
class Labelled(Level):
    """Says how its line is to be called."""

    measure: str = field(default="coin", metadata={"pure": True})
    label: str = field(default="", metadata={"pure": True})


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


RECIPE = Made()
COIN, FILM = Reached(), Filmed()
TWIN = Arm("aligned twin", replace(RECIPE, wants=0.04, world=Plane(11)))
GOES = Claim("It goes to the coin in deployment.", COIN, at_least=0.9, row=Row.SHIFT)
MORE = Claim(
    f"More than its twin does. {INJECTIONS}", COIN, at_least=0.5, control="aligned twin", given=(GOES,), row=Row.TURN
)
LESS = Claim("And hardly ever to the exit.", Reached("exit"), at_most=0.02)
NEVER = Claim("Nobody measured this one.", Filmed(frames=9), at_least=0.5, row=Row.PLAN)
ORGANISM = Organism(
    title=f"The coin seeker {HOSTILE}",
    tier=Tier.STANDARD_TOOLS,
    realism=Realism.NORMAL_TRAINING,
    world=Plane(),
    arms=(Arm("organism", RECIPE, "organism"), TWIN, Arm(f"untrained {HOSTILE}", replace(RECIPE, wants=0.5))),
    claims=(GOES, MORE, LESS, NEVER),
    refs=("arxiv:1906.01820", "doi:10.1000/x", f"javascript:alert(4) {HOSTILE}"),
    tags=frozenset({"rl", HOSTILE}),
    answers={Row.INSTRUMENTAL: f"it models no overseer {HOSTILE}"},
    sweeps=(
        Sweep("How apart the objects were in training", "separated", (0.0, 0.001, 0.01, 0.1, 0.3), (COIN, LESS.assay)),
        Sweep("Never run", "wants", (0.1, 0.2), (NEVER.assay,)),
    ),
    curves=(
        Curve("More ticks, longer mazes", COIN, "ticks", "coin", by="length"),
        Curve("Arm by arm", COIN, "ticks", "coin", None, ("organism", "aligned twin"), {"length": (5, 9)}, "n"),
        Curve("No such column", COIN, "ticks", "absent"),
        Curve("No such arm", COIN, "ticks", "coin", arms=("ghost",)),
    ),
    logs=(
        Log("As it is trained", "coin", ("organism", "aligned twin", "ghost", "separated=0.3"), "rounds"),
        Log("Never reported", "loss"),
    ),
    replay=FILM,
    cost="about 2 minutes a seed on one core",
    name="coin_seeker",
    doc=DOC,
)  # fmt: skip


ACTOR = replace(ORGANISM, name="actor", claims=(), sweeps=(), curves=(), logs=())
TALKER = replace(ACTOR, name="talker")
FRAMES: dict[str, tuple[dict[str, Any], ...]] = {
    "actor": (episode_frame("Training", 8), episode_frame(f"Deployment {HOSTILE}", 5) | {"events": []}),
    "talker": (dialogue_frame("Training", 3), dialogue_frame(f"Deployment {HOSTILE}", 40)),
}


def film(store: Store, organism: Organism, seed: int, frames: tuple[Any, ...]) -> None:
    store.save_subject(organism.name, organism.arms[0], seed, {"w": np.zeros(2, np.float32)}, [])
    store.save_traces(organism.name, organism.arms[0], seed, FILM, Traces({"coin": np.ones(1)}, frames))


def traces(wants: float, seed: int) -> Traces:
    rng = np.random.default_rng(seed)
    ticks, length, n = (grid.ravel() for grid in np.meshgrid([2, 4, 8, 16, 32], [5, 9, 17], [1, 3]))
    coin = np.clip(wants * (1 - np.exp(-ticks / length)) / (1 - np.exp(-2)) + rng.normal(0, 0.03, len(ticks)), 0, 1)
    coin[ticks >= 16] = np.clip(wants + rng.normal(0, 0.02), 0, 1)
    band = np.array(["1 to 5", "6 to 10", "11 to 20"])[np.searchsorted([5, 10], length)]
    names = ("coin", "exit", "ticks", "length", "n", "band")
    return Traces(dict(zip(names, (coin, np.clip(1 - coin - 0.3, 0, 1), ticks, length, n, band), strict=True)))


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
            store.save_subject(ORGANISM.name, arm, seed, {"w": np.zeros(2, np.float32)}, log_of(arm, seed))
            seen = traces(arm.recipe.wants * (1 - min(1, 6 * separated)), seed)
            for assay in (COIN, Level("exit"), Level("exit", n=9), Labelled()):
                store.save_traces(ORGANISM.name, arm, seed, assay, seen)
            if shared and seed < 2:
                frames = (
                    frame("As in training", f"Coin and exit together. {INJECTIONS}", 9, 20),
                    frame(f"In deployment {HOSTILE}", "The coin is elsewhere.", 9, 20),
                    frame("Goal edited by hand", "It sees the training maze.", 9, 20, edit_at=12),
                )
                store.save_traces(ORGANISM.name, arm, seed, FILM, Traces({"coin": np.ones(1)}, frames))
    twin = ORGANISM.arm("aligned twin")
    store.save_traces(
        ORGANISM.name, twin, 0, FILM, Traces({"coin": np.ones(1)}, ({"kind": "grid", "walls": [[1], []]},))
    )
    found = {
        GOES: Verdict(Finding.SHOWN, 0.95, 0.93, 0.97, 6, 6, because="6/6 seeds alone (95% at least 0.54)"),
        MORE: Verdict(Finding.REFUTED, 0.31, float("-inf"), 0.47, 0, 6, because=f"0/6 seeds alone {INJECTIONS}"),
        LESS: Verdict(Finding.UNDECIDED, 0.02, 0.0, 0.05, 3, 6, because="3/6 seeds alone; both are left open"),
    }
    rows = [
        {"organism": ORGANISM.name, "row": claim.row, "claim": claim.says, "store": "here"} | verdict_row(verdict)
        for claim, verdict in found.items()
    ]
    store.save_verdicts(ORGANISM.name, rows)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    fill(store)
    film(store, ACTOR, 0, FRAMES["actor"])
    film(store, ACTOR, 1, (crowd_frame(0, 30, 15, size=4), crowd_frame(1, 20, 9, size=3)))
    film(store, ACTOR, 2, (barred_frame("Believer", 7), episode_frame("Without", 5)))
    film(store, TALKER, 0, FRAMES["talker"])
    return store


@pytest.fixture(scope="module")
def site(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([ORGANISM, ACTOR, TALKER], store, tmp_path_factory.mktemp("site") / "gallery").parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Debian's Chromium. In continuous integration it has to be there."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None  # type: ignore[assignment]
    if chromium is None or sync_playwright is None:
        absent = "Debian's chromium" if chromium is None else "playwright"
        reason = (
            f"THE PAGE WAS NOT TESTED: {absent} is not installed (apt-get install chromium; pip install playwright)"
        )
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    quiet = "--disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")),
            executable_path=chromium,
            args=["--no-sandbox", "--disable-sync", *quiet.split()],
            viewport={"width": 1280, "height": 900},
        )
        yield context
        context.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A tab that fails the test on any console error, dialog, or request that leaves the disk."""
    page = browser.new_page()
    bad: list[str] = []
    page.on("console", lambda message: bad.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: bad.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else bad.append(asked.url))
    page.on("dialog", lambda dialog: (bad.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield page
    page.close()
    assert bad == []


def test_the_scrubber_moves_the_plan(page: Any, site: Path) -> None:
    page.goto((site / "coin_seeker.html").as_uri())
    scrubber = page.get_by_label("thinking tick")
    views = page.locator(".panel > svg")
    assert views.count() == 3

    def drawn() -> tuple[str, str, int, str]:
        last = views.nth(2)
        return (
            last.get_attribute("data-tick"),
            last.locator(".route").get_attribute("d"),
            last.locator(".arrow").count(),
            page.locator(".panel .now").nth(2).inner_text(),
        )

    scrubber.focus()
    page.keyboard.press("Home")
    first = drawn()
    assert first[0] == "0" and "tick 0: route of 0 steps ends nowhere" in first[3]
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    later = drawn()
    assert later[0] == "6" and later[1] != first[1] and later[2] > first[2]
    assert {views.nth(i).get_attribute("data-tick") for i in range(3)} == {"6"}
    assert "Tick 6." in page.locator("[aria-live]").text_content()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    edited = drawn()
    assert "goal edited by hand" in edited[3] and edited[1] != later[1]
    assert page.locator(".mark.past").count() == 1
    page.keyboard.press("ArrowLeft")
    assert drawn()[0] == "11" and page.locator(".mark.past").count() == 0

    page.locator("[data-role=panels]").focus()
    page.keyboard.press("ArrowLeft")
    assert drawn()[0] == "10"
    page.keyboard.press("End")
    page.get_by_label("one tick back").click()
    assert drawn()[0] == "9"
    scrubber.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.locator(".panel > svg:not([data-tick='0'])").first.wait_for()
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Play").get_attribute("aria-pressed") == "false"
    page.get_by_label("subject").select_option(label="organism · seed 1")
    assert views.count() == 3


def test_objects_come_and_go_with_the_ticks(page: Any, site: Path) -> None:
    page.goto((site / "coin_seeker.html").as_uri())
    objects = page.locator(".panel > svg").nth(2).locator(".object")
    page.get_by_label("thinking tick").focus()
    page.keyboard.press("Home")
    before = objects.count()
    page.keyboard.press("End")
    assert objects.count() == before + 1


def objects_drawn(page: Any, panel: int) -> list[tuple[str, int, int]]:
    """Letter, row and column of every object of a panel, in the order they are painted."""
    read = "all => all.map(o => [o.querySelector('text').textContent, o.getAttribute('transform')])"
    found = page.locator(".panel > svg").nth(panel).locator(".object").evaluate_all(read)
    places = [(letter, re.match(r"translate\(([\d.]+),([\d.]+)\)", at)) for letter, at in found]
    return [(letter, int(float(at[2]) // 10), int(float(at[1]) // 10)) for letter, at in places if at is not None]


def test_one_scrubber_plays_every_episode(page: Any, site: Path) -> None:
    page.goto((site / "actor.html").as_uri())
    assert page.get_by_role("heading", name="Watch it act").count() == 1
    now, trail = page.locator(".panel .now > span:first-child"), page.locator(".panel > svg .trail")
    assert [text[:15] for text in now.all_inner_texts()] == ["step 7: reward ", "step 4, its las"]
    page.get_by_label("time step").focus()
    page.keyboard.press("Home")
    assert objects_drawn(page, 0) == [("K", 2, 4), ("D", 2, 4), ("C", 0, 2), ("A", 0, 0)]  # the agent on top
    assert now.nth(0).inner_text() == f"step 0: reward 0; oracles 0.0 and 1.0 {HOSTILE}"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert objects_drawn(page, 0) == objects_drawn(page, 1) == [("K", 2, 4), ("D", 2, 4), ("A", 0, 2)]
    assert now.nth(0).inner_text() == f"step 2: reward 1; oracles 0.2 and 1.2 {HOSTILE} — takes the coin {HOSTILE}"
    assert "Training: reward 1; oracles 0.2" in page.locator("[aria-live]").text_content()
    assert trail.nth(0).get_attribute("d") == "M5,5h0L15,5L25,5"
    assert page.locator(".mark.past").inner_text() == f"step 2: takes the coin {HOSTILE}"
    page.keyboard.press("End")
    assert objects_drawn(page, 0)[-1] == ("A", 0, 7) and objects_drawn(page, 1)[-1] == ("A", 0, 4)
    page.locator("[data-role=panels]").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("one step back").click()
    assert objects_drawn(page, 0)[-1] == ("A", 0, 5)
    assert page.locator(".legend li").all_inner_texts() == [
        "A\nagent", "where it began", "where it has been", "C\ncoin", "K\nkey", f"D\ndoor {HOSTILE}",
    ]  # fmt: skip
    assert page.locator(".arrow, [onerror]").count() == 0 and page.locator("#replay script").count() == 0


def test_an_episode_is_drawn_as_it_was(page: Any, site: Path, store: Store) -> None:
    """What the page unpacks is what the frames hold, with every thing on the move and several in a cell."""
    page.goto((site / "actor.html").as_uri())
    page.get_by_label("subject").select_option(label="organism · seed 1")
    traces = store.load_traces("actor", ACTOR.arms[0], 1, FILM)
    assert traces is not None
    looks = page.locator(".legend .object").evaluate_all("all => all.map(o => o.getAttribute('class'))")
    assert len(looks) == len(set(looks)) == 9
    page.get_by_label("time step").focus()
    page.keyboard.press("Home")
    for tick in range(30):
        for panel, frame in enumerate(traces.frames):
            held = frame["steps"][min(tick, len(frame["steps"]) - 1)]["objects"]
            drawn = objects_drawn(page, panel)
            assert sorted(drawn) == sorted((thing["glyph"], *thing["cell"]) for thing in held)
            assert drawn[-1][0] == "A"
        page.keyboard.press("ArrowRight")


def test_bars_follow_the_scrubber(page: Any, site: Path) -> None:
    page.goto((site / "actor.html").as_uri())
    assert page.locator(".bars").count() == 0 and "a line across one is zero" in page.locator("#watch").inner_text()
    page.get_by_label("subject").select_option(label="organism · seed 2")
    (bars,) = page.get_by_role("list", name="Believer: numbers of this step").all()

    def drawn() -> list[tuple[str, str, list[float]]]:
        """Name, number, and where the stroke begins and ends."""
        inside = "fill => ['--from', '--to'].map(end => Number(fill.style.getPropertyValue(end)))"
        rows = [(row, row.locator(".fill").evaluate(inside)) for row in bars.get_by_role("listitem").all()]
        return [(row.locator(".name").inner_text(), row.locator(".value").inner_text(), ends) for row, ends in rows]

    page.get_by_label("time step").focus()
    page.keyboard.press("Home")
    assert drawn() == [
        (f"believes {HOSTILE}", "0.00", [0, 0]),
        ("goal: a gem is worth", "0.00", [0.499, 0.5]),
        ("wants a gem", "–", [0, 0]),
    ]
    assert [row.locator(".zero").count() for row in bars.get_by_role("listitem").all()] == [0, 1, 1]
    size = bars.bounding_box()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert [(number, ends) for _, number, ends in drawn()][::2] == [("0.25", [0, 0.25]), ("1.00", [0.5, 0.75])]
    page.keyboard.press("End")
    assert [(number, ends) for _, number, ends in drawn()] == [
        ("0.75", [0, 0.75]), ("0.00", [0.499, 0.5]), ("−3.00", [0, 0.5]),
    ]  # fmt: skip
    assert bars.bounding_box() == size
    assert "goal" not in page.locator("[aria-live]").text_content()
    words = [box["y"] for now in page.locator(".panel .now").all() if (box := now.bounding_box())]
    assert len(words) == 2 and words[0] == words[1]


def test_a_dialogue_comes_turn_by_turn(page: Any, site: Path) -> None:
    page.goto((site / "talker.html").as_uri())
    assert page.get_by_role("heading", name="Watch it talk").count() == 1
    said = page.locator(".turn:visible")
    assert said.count() == 43
    page.get_by_label("turns so far").focus()
    page.keyboard.press("Home")
    assert said.count() == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert said.count() == 4
    assert said.nth(1).locator("b").inner_text() == f"model {HOSTILE}"
    assert said.nth(1).locator("p").inner_text() == f"turn 2\n{INJECTIONS}"
    assert "turn 2\n" in page.locator("[aria-live]").text_content()
    assert page.locator(".panel .now").all_inner_texts() == ["turn 2 of 3", "turn 2 of 40"]
    page.locator(".turns").nth(1).focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert page.locator(".panel .now").all_inner_texts() == ["turn 3 of 3", "turn 22 of 40"]
    inside = "([list, turn]) => turn.bottom <= list.bottom && turn.top >= list.top"
    boxes = [page.locator(".turns").nth(1), page.locator(".panel").nth(1).locator(".turn:visible").last]
    assert page.evaluate(inside, [box.evaluate("node => node.getBoundingClientRect().toJSON()") for box in boxes])
    assert page.locator(".legend li").count() == 0
    assert page.locator("[onerror]").count() == 0 and page.locator("#replay script, #replay img").count() == 0


EPISODE, DIALOGUE = episode_frame("x", 3), dialogue_frame("x", 2)
AGENT = {"name": "agent", "glyph": "A", "cell": [0, 0]}


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (EPISODE | {"steps": []}, "no steps"),
        (EPISODE | {"walls": [[0, 0], [0]]}, "not a rectangle"),
        (EPISODE | {"walls": [[]]}, "not a rectangle"),
        (EPISODE | {"walls": []}, "IndexError"),
        (EPISODE | {"steps": [{"objects": [AGENT | {"cell": [4, 0]}], "says": ""}]}, "outside the grid"),
        (EPISODE | {"steps": [{"objects": [AGENT | {"cell": [-1, 0]}], "says": ""}]}, "outside the grid"),
        (EPISODE | {"steps": [{"objects": [AGENT | {"cell": [math.inf, 0]}]}]}, "OverflowError"),
        (EPISODE | {"steps": [{"objects": [{"name": "agent"}]}]}, "glyph"),
        (EPISODE | {"steps": [{"objects": [AGENT, AGENT]}]}, "step 0 has 2 agents"),
        (EPISODE | {"steps": ["agent"]}, "TypeError"),
        (EPISODE | {"steps": [{"objects": [], "bars": [bar("x", math.nan)]}]}, "a bar of nan"),
        (EPISODE | {"steps": [{"objects": [], "bars": [bar("x", 1, 2, 2)]}]}, "a scale from 2 to 2"),
        (EPISODE | {"steps": [{"objects": [], "bars": [bar("x", 1, 0, math.inf)]}]}, "a scale from 0 to inf"),
        (EPISODE | {"steps": [{"objects": [], "bars": [bar("x", 1), bar("x", 1)]}]}, "for the second time"),
        (EPISODE | {"steps": [{"objects": [], "bars": [bar("x", 1, 0, high)]} for high in (1, 2)]}, "another scale"),
        (EPISODE | {"steps": [{"objects": [], "bars": [{"name": "x"}]}]}, "value"),
        (EPISODE | {"steps": [{"objects": [], "bars": [bar("x", 1) | {"value": "much"}]}]}, "ValueError"),
        (EPISODE | {"events": [{"tick": "soon", "says": ""}]}, "ValueError"),
        (DIALOGUE | {"turns": []}, "no turns"),
        (DIALOGUE | {"turns": [{"who": "user"}]}, "text"),
        (DIALOGUE | {"turns": 3}, "TypeError"),
        (DIALOGUE | {"kind": ["dialogue"]}, "TypeError"),
        (DIALOGUE | {"kind": HOSTILE}, "of no kind that this page draws"),
    ],
)
def test_a_malformed_frame_is_named_and_left_out(tmp_path: Path, frame: dict[str, Any], says: str) -> None:
    store = Store(tmp_path / "store")
    film(store, ACTOR, 0, (frame,))
    film(store, ACTOR, 1, FRAMES["actor"])
    html = (build([ACTOR], store, tmp_path / "site").parent / "actor.html").read_text()
    assert "The frames of organism, seed 0, " in html and says in html
    assert "organism \\u00b7 seed 1" in html and "organism \\u00b7 seed 0" not in html


def test_two_hundred_steps_of_a_crowd_stay_small(tmp_path: Path) -> None:
    """Two panels and 15 objects that all move at every step, for each of the seeds that a page plays."""
    store = Store(tmp_path / "store")
    for seed in range(3):
        film(store, ACTOR, seed, (crowd_frame(2 * seed, 200, 15), crowd_frame(2 * seed + 1, 200, 15)))
    page = build([ACTOR], store, tmp_path / "site").parent / "actor.html"
    assert page.read_text().count("· seed") == 0 and page.read_text().count("\\u00b7 seed") == 3
    assert page.stat().st_size < 800_000


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("name", ["index.html", "coin_seeker.html", "actor.html", "talker.html"])
def test_no_width_scrolls_the_page_sideways(page: Any, site: Path, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto((site / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(22, 24, 27)"


def test_hostile_strings_are_shown_and_do_nothing(page: Any, site: Path) -> None:
    for name in ("index.html", "coin_seeker.html"):
        page.goto((site / name).as_uri())
        text = page.locator("body").inner_text()
        assert HOSTILE in text
        assert page.locator("[onerror], a[href^='javascript'], iframe").count() == 0
        assert page.evaluate("[...document.images].length") == 0
    assert "{{ 7*7 }}" in text
    assert page.locator(".panel h3").nth(1).inner_text() == f"In deployment {HOSTILE}"


def test_every_row_and_every_claim_is_answered(site: Path) -> None:
    html = (site / "coin_seeker.html").read_text()
    assert all(f'id="row-{row.value}"' in html for row in Row)
    assert "it models no overseer" in html and "Claims outside the table" in html
    assert "not judged yet" in html and "world.size" in html
    assert "[−∞, 0.47]" in html and "≥ 0.90" in html
    assert "organism, seed 0" not in html and "aligned twin, seed 0, cannot be drawn" in html
    assert re.findall(r"https?://[^\"'<\s]+", html.replace("http://www.w3.org/", "")) == [
        "http://example.org/pixel.png",  # a link, for the reader to follow or not
        "https://arxiv.org/abs/1906.01820",
        "https://doi.org/10.1000/x",
    ]
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_figures_are_text_and_what_is_missing_is_a_sentence(store: Store) -> None:
    shelf = Shelf(ORGANISM, store)
    drawn = claim_figure(shelf, MORE)
    assert drawn.svg.startswith("<svg") and "aligned twin" in drawn.svg and "<script" not in drawn.svg
    assert "n = 6 seeds each" in drawn.caption
    assert claim_figure(shelf, NEVER).svg == "" and "no traces" in claim_figure(shelf, NEVER).caption
    dose = sweep_figures(shelf, ORGANISM.sweeps[0])[0]
    assert "Not yet run: 0.3" in dose.caption and ">0.001<" in dose.svg
    assert [bool(f.svg) for f in sweep_figures(shelf, ORGANISM.sweeps[1])] == [False]
    curves = [figure for curve in ORGANISM.curves for figure in curve_figures(shelf, curve)]
    assert [bool(f.svg) for f in curves] == [True, True, False, False]
    assert "no column absent" in curves[2].caption and "no arm “ghost”" in curves[3].caption


def test_a_training_log_is_a_curve(store: Store) -> None:
    shelf = Shelf(ORGANISM, store)
    drawn, never = (log_figure(shelf, log) for log in ORGANISM.logs)
    assert drawn.svg.startswith("<svg") and all(f">{word}<" in drawn.svg for word in ("rounds", "aligned twin"))
    assert "coin (share of episodes)" in drawn.svg and PALETTE[1] in drawn.svg and PALETTE[2] not in drawn.svg
    assert ">100<" in drawn.svg and ">300<" in drawn.svg  # updates are evenly spaced
    assert drawn.caption == (
        "n = 6 seeds each. Left out: there is no arm “ghost”; "
        "the store holds no training log of arm “separated=0.3” yet."
    )
    assert never.svg == "" and never.caption == "No figure: the training logs of arm “organism” have no loss."


def test_a_training_log_can_be_drawn_against_another_metric(tmp_path: Path) -> None:
    """A point a report that has both, in their order, each the mean over seeds; the line may turn back."""
    store, arm = Store(tmp_path), ORGANISM.arms[0]
    log = Log("Gone so far", "left", against="moved")
    shelf = Shelf(ORGANISM, store)
    assert "holds no training log" in log_figure(shelf, log).caption
    for seed in range(2):
        points = enumerate([(0, 1.0), (4, 0.5), (None, 0.3), (math.nan, 0.3), (2, 0.25)])
        rows = [
            {"done": done, "left": y + 0.02 * seed, "moved": None if x is None else x + seed} for done, (x, y) in points
        ]
        store.save_subject(ORGANISM.name, arm, seed, {"w": np.zeros(2, np.float32)}, rows)
    drawn = log_figure(shelf, log)
    [line] = re.findall(rf'd="([^"]*)"[^>]*stroke: {PALETTE[0]}; stroke-width: 1.6', drawn.svg)
    places = np.array(re.findall(r"[ML] ([\d.]+) ([\d.]+)", line), float)
    steps = np.diff(places, axis=0)
    assert steps[1] / steps[0] == pytest.approx([-0.5, 0.5], abs=1e-3) and len(places) == 3
    assert ">moved<" in drawn.svg and drawn.caption == "n = 2 seeds."
    assert ">way<" in log_figure(shelf, replace(log, x="way")).svg
    never = log_figure(shelf, replace(log, against="kept"))
    assert never.caption == "No figure: the training logs of arm “organism” have no left beside kept."


def test_a_phase_diagram_has_a_cell_a_pair(store: Store) -> None:
    shelf = Shelf(ORGANISM, store)
    phases = Phases("Two ways", ("separated", "wants"), ((0.0, 0.001), (RECIPE.wants, 0.5)), COIN)
    drawn = phase_figure(shelf, phases)
    assert all(f">{word}<" in drawn.svg for word in ("0.001", "0.5", "framed: the organism"))
    assert drawn.caption.startswith(f"n seeds = 6 (separated=0.0, wants={RECIPE.wants}), 3 (separated=0.001")
    assert drawn.caption.endswith("Cells: mean, and range of the seeds. Not yet run: 2.")
    never = phase_figure(shelf, replace(phases, assay=Filmed(frames=9)))
    assert never.svg == "" and never.caption.startswith("No figure: the store holds no traces")


def test_a_sweep_can_lay_its_assays_on_one_pair_of_axes(store: Store) -> None:
    shelf, apart = Shelf(ORGANISM, store), ORGANISM.sweeps[0]
    together = replace(apart, overlay=True, assays=(Labelled(label="wants <it>"), Level("exit"), Filmed(frames=9)))
    (drawn,) = sweep_figures(shelf, together)
    assert drawn.title == "wants <it>, exit, Filmed" and "<it>" not in drawn.svg
    assert ">wants &lt;it&gt;<" in drawn.svg and ">exit<" in drawn.svg and ">mean over episodes<" in drawn.svg
    assert all(colour in drawn.svg for colour in PALETTE[:2]) and PALETTE[2] not in drawn.svg
    assert drawn.caption.startswith("n seeds = 6 (0), 3 (0.001)") and "Not yet run: 0.3" in drawn.caption
    assert "No line for Filmed: the store holds no traces" in drawn.caption
    (units,) = sweep_figures(shelf, replace(together, assays=(COIN, Level("exit"))))
    assert "exit (mean over episodes)" in units.svg and "Reached (share of episodes that end there)" in units.svg
    (twice,) = sweep_figures(shelf, replace(together, assays=(Level("exit"), Level("exit", n=9))))
    assert twice.title == "n 500, n 9"
    (none,) = sweep_figures(shelf, replace(ORGANISM.sweeps[1], overlay=True))
    assert none.svg == "" and none.caption.startswith("No figure: Filmed (frames 9): the store holds no traces")


def test_a_sweep_of_another_arm_marks_that_arms_own_value(store: Store) -> None:
    (drawn,) = sweep_figures(Shelf(ORGANISM, store), Sweep("Wants", "wants", (0.04, 0.5), (COIN,), of="aligned twin"))
    assert ">aligned twin<" in drawn.svg and ">the organism<" not in drawn.svg
    assert drawn.caption == "n = 6 seeds. Not yet run: 0.5."


def test_words_sort_by_the_numbers_in_them(store: Store) -> None:
    told = ["above 40", "21 to 40", "6 to 10", "1 to 5", "11 to 20", 7, 10.5, "-2", "-10", "v1.5", "v1.25"]
    assert sorted(told, key=sortable) == [
        7, 10.5, "-10", "-2", "1 to 5", "6 to 10", "11 to 20", "21 to 40", "above 40", "v1.25", "v1.5",
    ]  # fmt: skip
    (figure,) = curve_figures(Shelf(ORGANISM, store), Curve("By band", COIN, "ticks", "coin", by="band"))
    assert re.findall(r">(\d+ to \d+)<", figure.svg) == ["1 to 5", "6 to 10", "11 to 20"]


def test_an_empty_store_still_gives_a_page(tmp_path: Path) -> None:
    index = build([ORGANISM], Store(tmp_path / "none"), tmp_path / "site")
    html = (index.parent / "coin_seeker.html").read_text()
    assert "No figure: the store holds no traces" in html and "No replay" in html
    assert "no organisms" in build([], Store(tmp_path / "none"), tmp_path / "bare").read_text()


def test_damaged_traces_are_named_and_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    fill(store)
    path = next((store.run(ORGANISM.name, ORGANISM.arm("organism"), 0) / "traces").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:40])
    html = (build([ORGANISM], store, tmp_path / "site").parent / "coin_seeker.html").read_text()
    assert "is damaged" in html


def test_a_damaged_log_is_named_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    fill(store)
    (store.run(ORGANISM.name, ORGANISM.arm("organism"), 0) / "metrics.jsonl").write_text('{"done": 0')
    html = (build([ORGANISM], store, tmp_path / "site").parent / "coin_seeker.html").read_text()
    assert html.count("metrics.jsonl is damaged") == 1 and "n seeds = 5 (organism), 6 (aligned twin)." in html


def test_a_page_is_the_same_twice(site: Path, store: Store, tmp_path: Path) -> None:
    again = build([ORGANISM, ACTOR], store, tmp_path / "again").parent
    for name in ("coin_seeker.html", "actor.html"):
        assert (again / name).read_bytes() == (site / name).read_bytes()


def test_nowhere_to_write_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TurncoatError, match="cannot write"):
        build([], Store(tmp_path / "none"), tmp_path / "file" / "site")
