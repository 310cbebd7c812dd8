"""The pages say what the zoo says: their measured parts are what `python docs/readme.py` would write."""

from __future__ import annotations

import runpy

from paths import ROOT


def test_the_measured_parts_are_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "readme.py"))
    for page in script["PAGES"]:
        text = page.read_text()
        assert script["filled"](text) == text, page.name


def test_every_link_leads_somewhere() -> None:
    import re

    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
