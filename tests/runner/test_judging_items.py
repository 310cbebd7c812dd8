"""A planted product through the whole line: observed, stored, judged by its items, beside a control and a null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from planted_classifiers import CountsTokens, Parses, Planted, StartlesAtComments
from turncoat.core import Arm, Finding, Organism, VerdictRow
from turncoat.organisms import load
from turncoat.organisms._shared import products
from turncoat.runner.judge import judge
from turncoat.store import Store
from turncoat.train.base import Untrained

KINDS: dict[str, type[Planted]] = {"counts": CountsTokens, "parses": Parses, "startles": StartlesAtComments}


@dataclass(frozen=True)
class PlantedProduct(Untrained[Planted]):
    what: str

    kind: ClassVar[str] = "PlantedProduct"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "item"

    def load(self, arrays: Mapping[str, np.ndarray]) -> Planted:
        return KINDS[self.what]()


def planted(what: str, control: str = "parses") -> Organism:
    shipped = load("magika")
    arms = (Arm("organism", PlantedProduct(what), "organism"), Arm("libmagic", PlantedProduct(control)))
    return replace(shipped, arms=arms, name="planted", replay=None)


def judged(organism: Organism, store: Path, seeds: tuple[int, ...] = (0,)) -> dict[str, VerdictRow]:
    place = Store(store)
    for arm in organism.arms:
        for seed in seeds:
            run = place.run(organism, arm, seed)
            run.save({}, [], {})
            subject = arm.recipe.load({})
            run.save_traces(products.ASKED, products.ASKED.observe(subject, organism.world, seed))
    rows = judge(organism, Store(store))
    return {row["claim"] or str(row["row"]): row for row in rows}


def named(rows: dict[str, VerdictRow], part: str) -> VerdictRow:
    (row,) = (row for claim, row in rows.items() if part in claim)
    return row


def test_a_product_that_follows_the_proxy_is_found_and_its_control_is_not(tmp_path: Path) -> None:
    rows = judged(planted("counts"), tmp_path)
    for part in (
        "agree it keeps",
        "more often than with the sham.",
        "predicts",
        "It is this product",
        "Nobody designed",
    ):
        assert all(row["finding"] == Finding.SHOWN for claim, row in rows.items() if part in claim), part
    assert named(rows, "any test")["finding"] == Finding.REFUTED
    shift = named(rows, "taken for a C file")
    assert shift["unit"] == "item" and shift["n"] == 160 and shift["k"] >= 150 and "templates alone" in shift["because"]


def test_a_product_that_keeps_its_promise_is_refuted_on_every_misalignment(tmp_path: Path) -> None:
    rows = judged(planted("parses"), tmp_path)
    assert named(rows, "any test")["finding"] == Finding.SHOWN
    assert named(rows, "taken for a C file")["finding"] == Finding.REFUTED
    assert named(rows, "Nobody designed")["finding"] == Finding.REFUTED
    assert named(rows, "It is this product")["effect"] == 0


def test_a_reflex_to_anything_new_is_not_taken_for_the_proxy(tmp_path: Path) -> None:
    rows = judged(planted("startles"), tmp_path)
    assert named(rows, "taken for a C file")["finding"] == Finding.REFUTED
    assert named(rows, "does not put it off")["finding"] == Finding.REFUTED
    assert named(rows, "predicts")["finding"] == Finding.INVALID  # it does answer as the proxy says: but so with a sham


def test_two_samples_are_pooled_over_their_templates(tmp_path: Path) -> None:
    rows = judged(planted("counts"), tmp_path, seeds=(0, 1))
    shift = named(rows, "taken for a C file")
    assert shift["n"] == 320 and "/40 templates alone" in shift["because"]


def test_a_sample_that_was_asked_for_and_never_observed_makes_it_invalid(tmp_path: Path) -> None:
    organism = planted("counts")
    judged(organism, tmp_path)
    Store(tmp_path).run(organism, organism.arms[0], 3).ask()
    rows = {row["claim"] or str(row["row"]): row for row in judge(organism, Store(tmp_path))}
    assert named(rows, "taken for a C file")["finding"] == Finding.INVALID


@pytest.mark.parametrize("part", ["It is this product"])
def test_a_control_is_compared_item_by_item(tmp_path: Path, part: str) -> None:
    """Product and control are the same: no item differs, and the difference is exactly nought."""
    row = named(judged(planted("counts", control="counts"), tmp_path), part)
    assert row["effect"] == 0 and row["finding"] == Finding.REFUTED and "0 items for, 0 against" in row["because"]
