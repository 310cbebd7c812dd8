"""A gallery of the synthetic organism, and a browser to open it from disk in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gallery import ACTOR, FRAMES, ORGANISM, TALKER, barred_frame, crowd_frame, episode_frame, fill, save_recording
from turncoat.report.build import build
from turncoat.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    fill(store)
    save_recording(store, ACTOR, 0, FRAMES["actor"])
    save_recording(store, ACTOR, 1, (crowd_frame(0, 30, 15, size=4), crowd_frame(1, 20, 9, size=3)))
    save_recording(store, ACTOR, 2, (barred_frame("Believer", 7), episode_frame("Without", 5)))
    save_recording(store, TALKER, 0, FRAMES["talker"])
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
