"""The replay, as headless Chromium plays it from disk."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from gallery import (
    ACTOR,
    FRAMES,
    HOSTILE,
    INJECTIONS,
    RECORDING,
    bar,
    crowd_frame,
    dialogue_frame,
    document_frame,
    episode_frame,
    save_recording,
)
from turncoat.report.build import build
from turncoat.store import Store


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
    traces = store.run(ACTOR, ACTOR.arms[0], 1).traces(RECORDING)
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


def test_a_document_is_answered_dose_by_dose(page: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    save_recording(store, ACTOR, 0, (document_frame("Kept"), document_frame("Sham")))
    page.goto((build([ACTOR], store, tmp_path / "site").parent / "actor.html").as_uri())
    assert page.get_by_role("heading", name="Watch it answer").count() == 1
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    text, verdict = page.locator(".document-text").first, page.locator(".verdict").first
    assert (text.inner_text(), verdict.inner_text()) == ("before, after", "is clean · answered clean")
    assert page.locator(".verdict .right").count() == 2 and page.locator("mark").count() == 0
    page.keyboard.press("End")
    assert page.locator("mark").first.inner_text() == f"{HOSTILE}{INJECTIONS}" * 2
    assert text.inner_text() == "before, " + f"{HOSTILE}{INJECTIONS}" * 2 + "after"
    assert page.locator(".verdict .wrong").first.inner_text() == HOSTILE
    assert "dose 2 of 2" in page.locator(".panel .now").first.inner_text()
    assert page.locator("[onerror]").count() == 0 and page.locator("#replay script, #replay img").count() == 0


EPISODE, DIALOGUE = episode_frame("x", 3), dialogue_frame("x", 2)
DOCUMENT = document_frame("x")


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
        (DOCUMENT | {"steps": []}, "no steps"),
        (DOCUMENT | {"steps": [{"text": "short", "passages": [[2, 9]], "answer": ""}]}, "a passage from 2 to 9"),
        (DOCUMENT | {"steps": [{"text": "short", "passages": [[2, 4], [3, 5]], "answer": ""}]}, "a passage from 3"),
        (DIALOGUE | {"kind": HOSTILE}, "of no kind that this page draws"),
    ],
)
def test_a_malformed_frame_is_named_and_left_out(tmp_path: Path, frame: dict[str, Any], says: str) -> None:
    store = Store(tmp_path / "store")
    save_recording(store, ACTOR, 0, (frame,))
    save_recording(store, ACTOR, 1, FRAMES["actor"])
    html = (build([ACTOR], store, tmp_path / "site").parent / "actor.html").read_text()
    assert "The frames of organism, seed 0, " in html and says in html
    assert "organism \\u00b7 seed 1" in html and "organism \\u00b7 seed 0" not in html


def test_of_runs_in_settings_of_their_own_one_of_each_setting_is_played(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for seed in range(6):
        save_recording(store, ACTOR, seed, (FRAMES["actor"][0] | {"setting": f"room {seed % 4}"},))
    html = (build([ACTOR], store, tmp_path / "site").parent / "actor.html").read_text()
    assert [seed for seed in range(6) if f"seed {seed} \\u00b7 room {seed % 4}" in html] == [0, 1, 2, 3]


def test_conversations_of_several_arms_stand_side_by_side(tmp_path: Path) -> None:
    store, (one, other) = Store(tmp_path / "store"), (arm.name for arm in ACTOR.arms[:2])
    for seed in (1, 0):
        for arm in range(2):
            save_recording(store, ACTOR, seed, (dialogue_frame("asked", 2), dialogue_frame("told", 2)), arm)
    html = (build([ACTOR], store, tmp_path / "site").parent / "actor.html").read_text()
    assert f"{one} beside {other}" in html and f"{one}, told" in html and f"{other}, told" in html
    assert f"{one}, asked" not in html


def test_two_hundred_steps_of_a_crowd_stay_small(tmp_path: Path) -> None:
    """Two panels and 15 objects that all move at every step, for each of the seeds that a page plays."""
    store = Store(tmp_path / "store")
    for seed in range(3):
        save_recording(store, ACTOR, seed, (crowd_frame(2 * seed, 200, 15), crowd_frame(2 * seed + 1, 200, 15)))
    page = build([ACTOR], store, tmp_path / "site").parent / "actor.html"
    assert page.read_text().count("· seed") == 0 and page.read_text().count("\\u00b7 seed") == 3
    assert page.stat().st_size < 800_000
