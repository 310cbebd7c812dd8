"""The contract tests over the whole catalogue, and the zoo against the code that is here."""

from __future__ import annotations

import pytest

from paths import ZOO
from turncoat import lab, registration
from turncoat.core import Organism, Row, digest, lineage
from turncoat.organisms import load, names
from turncoat.store import Store, zoo_path
from turncoat.testing.contract import organism_checks


@pytest.fixture(params=names())
def organism(request: pytest.FixtureRequest) -> Organism:
    return load(request.param)


def test_contract(organism: Organism) -> None:
    failed = [f"{check.name}: {check.reason}" for check in organism_checks(organism, organism.name) if not check.passed]
    assert not failed, "\n".join(failed)


def test_every_row_is_answered(organism: Organism) -> None:
    answered = {claim.row for claim in organism.claims} | set(organism.answers)
    assert set(Row) <= answered
    assert not {claim.row for claim in organism.claims} & set(organism.answers)


def test_every_control_differs_from_the_organism(organism: Organism) -> None:
    codes = [digest(arm.recipe) for arm in organism.all_arms()]
    assert len(codes) == len(set(codes))


def test_the_zoo_holds_what_the_arms_promise(organism: Organism) -> None:
    """Every arm has its runs, or none at all: then what is claimed of it is "not yet run" (see below)."""
    zoo, apart = Store(ZOO), registration.seeds_of(registration.load(organism.name))
    for arm in organism.all_arms():
        if not zoo.asked(organism.name, arm):
            continue
        assert len(set(zoo.seeds(organism.name, arm)) - apart) >= (arm.seeds or 5), arm.name
        if arm.role == "sweep":  # kept as what was observed of it
            assert zoo.was_dropped(organism.name, arm, 0)
        else:
            zoo.load_subject(organism.name, arm, 0)
    codes = {digest(recipe) for arm in organism.all_arms() for recipe in lineage(arm.recipe)}
    strays = [path.name for path in (ZOO / organism.name).iterdir() if path.is_dir()]
    assert [name for name in strays if name.rsplit("-", 1)[1] not in codes] == []


def test_the_zoos_verdicts_are_what_its_traces_say(organism: Organism) -> None:
    zoo = Store(ZOO, name="zoo")
    rows = lab.judge(organism, zoo)
    assert zoo.load_verdicts(organism.name) == rows
    told, wanted, arms = {row["claim"]: row["finding"] for row in rows}, lab.needs(organism), organism.all_arms()
    recipes = {arm.name: digest(arm.recipe) for arm in arms}
    for job in lab.plan(organism.name, organism, zoo, 10):  # what is still to be done is printed so
        arm = organism.arm(job.arm)
        for assay in wanted[arm.name]:
            if not zoo.observed(organism.name, arm, job.seed, assay):
                for claim in organism.claims:
                    about = {recipes[name] for name in (claim.arm, claim.control) if name}
                    if digest(arm.recipe) in about and digest(claim.assay, False) == digest(assay, False):
                        assert told[claim.says] in ("not yet run", "invalid"), claim.says


def test_a_shipped_subject_still_does_what_its_traces_say(organism: Organism) -> None:
    """One cheap observation made again from the shipped weights. Another processor may round otherwise, and an episode
    of a policy that is sampled then goes another way: not most of them."""
    zoo, arm = Store(ZOO), organism.arms[0]
    subject = zoo.load_subject(organism.name, arm, 0)
    assay = organism.claims[1].assay
    stored = zoo.load_traces(organism.name, arm, 0, assay)
    assert stored is not None
    again = assay.observe(subject, organism.world, lab.EVALUATION)
    assert assay.estimate(again) == pytest.approx(assay.estimate(stored), abs=0.03)


def test_the_zoo_is_small_and_holds_no_pickle() -> None:
    assert zoo_path() == ZOO
    files = [path for path in ZOO.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 50e6
    kinds = {".json", ".jsonl", ".parquet", ".safetensors", ".txt"}
    assert {path.suffix for path in files if path.name != "SHA256SUMS"} <= kinds
