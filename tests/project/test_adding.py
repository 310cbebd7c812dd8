"""The pages that say how to add something: their examples are whole, and do what the pages say.

The page about assays shows a part of the example of an organism, which `test_examples` runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import numpy as np
import pytest

from paths import ROOT
from turncoat.core import Row, difference, digest
from turncoat.organisms import load
from turncoat.testing.contract import organism_checks

KINDS = ("world", "recipe", "assay", "organism", "row")
SOURCE = ROOT / "src" / "turncoat"


def page(kind: str) -> str:
    return (ROOT / "docs" / f"adding-{'an' if kind[0] in 'ao' else 'a'}-{kind}.md").read_text()


def example(kind: str) -> str:
    return page(kind).split("```python\n")[1].split("```")[0]


def run(kind: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The names that a page's example makes."""
    module = type(sys)(f"example_{kind}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their module up there
    exec(compile(example(kind), f"adding a {kind}", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_says_how_many_files_are_touched(kind: str) -> None:
    assert "Files touched: **1**" in page(kind)


def test_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    world = run("world", monkeypatch).Till()

    class Sly:
        def begin(self, n: int, seed: int) -> Sly:
            return self

        def act(self, watched: np.ndarray) -> np.ndarray:
            return (~watched).astype(int)

    alone, watched = (world.rollout(Sly(), 100, 0, {"watched": value}) for value in (False, True))
    assert alone["stolen"].mean() == 1 and watched["stolen"].mean() == 0 and watched["reward"].mean() == 0
    assert {measure.name for measure in world.measures} <= set(alone.columns)


def test_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = run("recipe", monkeypatch).TrainNearestMean()
    (*_, last), (*_, same) = recipe.train(0), recipe.train(0)
    again = recipe.load(last.subject.arrays())
    assert (again.means == same.subject.means).all() and last.metrics["right"] > 0.8
    assert recipe.world.rollout(again, 200, 0, {})["right"].mean() > 0.8
    assert digest(recipe) != digest(recipe.smoke(2))


def test_the_organism(tmp_path: Path) -> None:
    file = tmp_path / "learned_by_heart.py"
    file.write_text(example("organism"))
    organism = load(str(file))
    failed = [f"{check.name}: {check.reason}" for check in organism_checks(organism, str(file)) if not check.passed]
    assert not failed
    one, other = organism.arms
    assert difference(one.recipe, other.recipe) == {"labels": ("shuffled", "true")}


def test_the_row(tmp_path: Path) -> None:
    """With the page's entry in the one file that it names, the row is there, in its block and in order."""
    copy = tmp_path / "turncoat"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.parquet", "*.safetensors"))
    criteria = copy / "core" / "criteria.py"
    text = criteria.read_text()
    assert text.count("    COMPUTE = (\n") == 1  # the first of the next block
    criteria.write_text(text.replace("    COMPUTE = (\n", f"{indent(example('row'), '    ')}    COMPUTE = (\n"))
    code = (
        "from turncoat.core import ROW_BLOCKS, Block, Row\n"
        "print(Row('conceals').label, ROW_BLOCKS[Block.WANTED][-1], len(Row), Row.CONCEALS.unanswered)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["Conceals", "conceals", "18", "no", "claim", "answers", "this", "row"], done.stderr


def test_no_other_file_lists_the_rows() -> None:
    """Organisms name the rows that they answer; beside them only one file names more than a few."""
    listing = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        if "organisms" not in path.parts and sum(f"Row.{row.name}" in text or f'"{row}"' in text for row in Row) > 5:
            listing.add(path.relative_to(SOURCE).as_posix())
    assert listing == {"core/criteria.py"}
