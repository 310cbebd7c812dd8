"""The gallery, built from a synthetic organism with hostile strings and opened from disk in headless Chromium."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gallery import ACTOR, HOSTILE, ORGANISM, fill
from turncoat.core import (
    Row,
    TurncoatError,
)
from turncoat.report.build import build
from turncoat.store import Store


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


def test_an_empty_store_still_gives_a_page(tmp_path: Path) -> None:
    index = build([ORGANISM], Store(tmp_path / "none"), tmp_path / "site")
    html = (index.parent / "coin_seeker.html").read_text()
    assert "No figure: the store holds no traces" in html and "No replay" in html
    assert "no organisms" in build([], Store(tmp_path / "none"), tmp_path / "bare").read_text()


def test_damaged_traces_are_named_and_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    fill(store)
    path = next((store.folder.run(store.run(ORGANISM, ORGANISM.arms[0], 0).key) / "traces").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:40])
    html = (build([ORGANISM], store, tmp_path / "site").parent / "coin_seeker.html").read_text()
    assert "is damaged" in html


def test_a_damaged_log_is_named_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    fill(store)
    (store.folder.run(store.run(ORGANISM, ORGANISM.arms[0], 0).key) / "metrics.jsonl").write_text('{"done": 0')
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
