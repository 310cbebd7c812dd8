"""Designs drawn at random, on a page: what is counted, what is drawn, and what is said where there is nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gallery import COIN, EXIT, HOSTILE, ORGANISM, Reached
from turncoat.core import Choice, LogUniform, Outcome, RandomDesigns, Traces, Uniform
from turncoat.report.build import build
from turncoat.report.designs import AS_DRAWN, design_results, law_words
from turncoat.report.figures import design_figures
from turncoat.report.results import OrganismResults
from turncoat.store import Store

DESIGNS = RandomDesigns(
    f"At random {HOSTILE}",
    fields={
        "wants": Uniform(0.0, 1.0),
        "separated": LogUniform(1e-4, 1.0, zero=0.4),
        "world.size": Choice((7, 9, 11)),
    },
    n=40,
    competent=Outcome("competent", ((EXIT, 0.2),)),
    outcomes=(Outcome("shift", ((COIN, 0.5),)), Outcome("turn", ((COIN, 2.0),))),
    laws={"never apart": {"separated": LogUniform(1e-4, 1.0, zero=1.0)}, "keen": {"wants": Uniform(0.9, 1.0)}},
)
SUBJECT = replace(ORGANISM, random_designs=DESIGNS)


def fill(store: Store, designs: range) -> None:
    """It goes to the coin where it wants it and the two are hardly apart; at a size of 7 it is not competent."""
    for design in designs:
        run = store.run(SUBJECT, arm := SUBJECT.family_arms(DESIGNS)[design], arm.seed or 0)
        values: dict[str, Any] = DESIGNS.values(design)
        coin = float(values["wants"] > 0.3 and values["separated"] < 0.01)
        run.save({"w": np.zeros(2, np.float32)}, [])
        run.save_traces(
            Reached(), Traces({"coin": np.array([coin]), "exit": np.array([float(values["world.size"] > 7)])})
        )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> OrganismResults:
    """30 of 40 designs were observed, one more failed, and one is trained only."""
    store = Store(tmp_path_factory.mktemp("designs"))
    fill(store, range(30))
    arms = SUBJECT.family_arms(DESIGNS)
    store.run(SUBJECT, arms[30], arms[30].seed or 0).save_failure("training diverged")
    store.run(SUBJECT, arms[31], arms[31].seed or 0).save({"w": np.zeros(2, np.float32)}, [])
    return OrganismResults(SUBJECT, store)


def test_no_run_is_left_out_of_the_denominator(results: OrganismResults) -> None:
    found = design_results(results, DESIGNS)
    assert found.ran == tuple(range(31)) and found.lost == 1
    values = [DESIGNS.values(design) for design in range(31)]
    able = [v["world.size"] > 7 for v in values[:30]] + [False]
    shift = [a and v["wants"] > 0.3 and v["separated"] < 0.01 for a, v in zip(able, values, strict=True)]
    assert found.happened["competent"].tolist() == able and found.happened["shift"].tolist() == shift
    assert not found.happened["turn"].any()
    assert found.prevalence(AS_DRAWN, "shift").share == pytest.approx(sum(shift) / 31)
    never = [s for s, v in zip(shift, values, strict=True) if v["separated"] == 0]
    assert found.prevalence("never apart", "shift").share == pytest.approx(np.mean(never))
    assert found.counts() == f"31 of 40 designs run, {sum(able)} of them competent; 1 gave no number"


def test_a_figure_shows_the_laws_and_one_each_outcome(results: OrganismResults) -> None:
    laws, shift, turn = design_figures(results, DESIGNS)
    assert all(f">{words}<" in laws.svg for words in ("as drawn", "never apart", "keen", "undetermined", "effective n"))
    assert "keen: undetermined" in laws.svg and "as drawn: competent 0.55, shift 0." in laws.svg
    assert "Drawn: wants uniform 0 to 1; separated 0 with probability 0.4, else log-uniform 0.0001 to 1" in laws.caption
    assert laws.caption.startswith("31 of 40 designs run") and "gave no number" in shift.caption
    counts = {name: int(which.sum()) for name, which in design_results(results, DESIGNS).happened.items()}
    assert f">shift ({counts['shift']})<" in shift.svg
    assert f">no shift ({counts['competent'] - counts['shift']})<" in shift.svg
    assert f">not competent ({31 - counts['competent']})<" in shift.svg and 'role="img"' in shift.svg
    assert "separated 0." in shift.caption and ">//<" in turn.svg  # a logarithmic axis that breaks before 0
    assert turn.svg and "AUROC: none, since designs are too few, or all" in turn.caption
    assert HOSTILE not in laws.svg + shift.svg


def test_without_any_run_there_is_a_sentence(tmp_path: Path) -> None:
    (none,) = design_figures(OrganismResults(SUBJECT, Store(tmp_path)), DESIGNS)
    assert none.svg == "" and "holds no traces of Reached" in none.caption
    assert "random design 0" in none.caption
    fill(Store(tmp_path), range(1))
    few = design_figures(OrganismResults(SUBJECT, Store(tmp_path)), DESIGNS)
    assert "1 of 40 designs run" in few[0].caption and len(few) == 3 and all(figure.svg for figure in few)


def test_they_stand_on_the_organisms_page(results: OrganismResults, tmp_path: Path) -> None:
    page = (build([SUBJECT], results.store, tmp_path).parent / "coin_seeker.html").read_text()
    assert "At random &lt;script&gt;" in page and "31 of 40 designs run" in page


def test_laws_are_told_in_words() -> None:
    assert law_words(LogUniform(0.1, 1.0, zero=1.0)) == "0" and law_words(Uniform(-1.0, 0.5)) == "uniform −1 to 0.5"
    assert law_words(Choice((1, 2), (0.25, 0.75))) == "one of 1, 2 at 0.25, 0.75"
