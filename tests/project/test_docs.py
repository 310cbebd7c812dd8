"""What the pages name is there: files, modules, links, and the picture of the rooms."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import turncoat
from paths import ROOT

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
FILE = re.compile(r"(?<![\w./-])((?:[\w-]+/)+[\w-]+\.(?:py|md|toml))\b")
NAME = re.compile(r"`(turncoat(?:\.\w+)+)`")
BELOW = (ROOT, ROOT / "docs", ROOT / "src", ROOT / "src" / "turncoat")  # where a page's reader looks for a file


def missing_files(text: str) -> list[str]:
    return [file for file in FILE.findall(text) if not any((folder / file).exists() for folder in BELOW)]


def missing_names(text: str) -> list[str]:
    return [name for name in NAME.findall(text) if not exists(name)]


def exists(name: str) -> bool:
    """Whether it is a module, or something in one."""
    for parts in range(name.count(".") + 1, 0, -1):
        module = ".".join(name.split(".")[:parts])
        try:
            found = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            continue
        if found is not None:
            rest = name.split(".")[parts:]
            thing: object = importlib.import_module(module) if rest else None
            for part in rest:
                if not hasattr(thing, part):
                    return False
                thing = getattr(thing, part)
            return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert missing_files(text) == [] and missing_names(text) == []


def test_modules_that_a_docstring_names_are_there() -> None:
    wrong = {}
    for file in sorted(Path(turncoat.__path__[0]).rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef))]
        text = "\n".join(ast.get_docstring(node) or "" for node in nodes)
        if lost := missing_names(text) + missing_files(text):
            wrong[file.name] = lost
    assert wrong == {}


def test_the_picture_of_the_rooms_is_up_to_date(tmp_path: Path) -> None:
    script = ROOT / "docs" / "architecture.py"
    subprocess.run([sys.executable, script, tmp_path / "now.svg"], check=True)
    assert (tmp_path / "now.svg").read_bytes() == script.with_suffix(".svg").read_bytes(), f"run python {script}"
