"""The scaffold of training: reports at even spacing, seeds, smoke runs of parents, and schedules."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
import torch

from turncoat import organisms
from turncoat.core import lineage
from turncoat.models.base import seeded
from turncoat.train.base import report_due, spaced_reports
from turncoat.train.language.finetune import FineTune
from turncoat.train.schedules import constant_then_cosine, cosine, fade_out


@pytest.mark.parametrize(("total", "expected"), [(0, 0), (3, 3), (50, 50), (120, 60), (1400, 50)])
def test_reports_are_about_fifty_at_even_spacing(total: int, expected: int) -> None:
    due = [done for done in range(total) if report_due(done, total)]
    assert len(due) == expected and len({b - a for a, b in zip(due, due[1:], strict=False)}) <= 1
    reports = list(spaced_reports(({"loss": float(i)} for i in range(total)), total))
    assert [report.done for report in reports] == due == [report.metrics["loss"] for report in reports]


def test_a_seed_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with seeded(5):
        one = torch.rand(3)
    with seeded(5):
        assert torch.equal(torch.rand(3), one)
    assert torch.equal(torch.rand(3), expected)


def test_a_smoke_run_cuts_the_parents_too() -> None:
    short = FineTune(parent=FineTune()).smoke(2)
    assert [recipe.updates for recipe in lineage(short)] == [2, 2, 2, 2]
    assert FineTune(updates=1).smoke(2).updates == 1


def test_every_recipe_of_the_catalogue_says_its_kind_and_version() -> None:
    for module in pkgutil.iter_modules(organisms.__path__):
        if module.name.startswith("_"):
            continue
        for arm in importlib.import_module(f"turncoat.organisms.{module.name}").organism.arms:
            for recipe in lineage(arm.recipe):
                own = vars(type(recipe))
                assert own["kind"] == type(recipe).__name__ and isinstance(own["version"], int)


def test_schedules_warm_up_and_come_down() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)

    def rate(schedule: object, update: int) -> float:
        schedule(optimizer, 2.0, update, 1000)  # type: ignore[operator]
        return optimizer.param_groups[0]["lr"]

    for schedule, floor in ((cosine, 0.04), (constant_then_cosine, 0.02)):
        assert rate(schedule, 0) == pytest.approx(2.0 / 50, rel=1e-2)
        assert rate(schedule, 1000) == pytest.approx(floor)
    assert rate(constant_then_cosine, 500) == 2.0 > rate(cosine, 500)
    assert [fade_out(0.1, update, 100) for update in (0, 35, 90)] == pytest.approx([0.1, 0.05, 0.0])
