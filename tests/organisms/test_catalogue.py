"""The contract tests over the whole catalogue, and the zoo against the code that is here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from extras import needs_for
from paths import ZOO
from turncoat import registration
from turncoat.core import Organism, Readout, Row, claim_id, digest, every_claim, lineage
from turncoat.organisms import load, names
from turncoat.runner.judge import judge
from turncoat.runner.plan import EVALUATION, observations, plan
from turncoat.store import Pack, Store, zoo_path
from turncoat.testing.contract import organism_checks


@pytest.fixture(params=names())
def organism(request: pytest.FixtureRequest) -> Organism:
    return load(request.param)


def test_contract(organism: Organism) -> None:
    failed = [f"{check.name}: {check.reason}" for check in organism_checks(organism, organism.name) if not check.passed]
    assert not failed, "\n".join(failed)


def test_every_row_is_answered(organism: Organism) -> None:
    answered = {claim.row for claim in organism.claims} | set(organism.not_applicable)
    assert set(Row) <= answered
    assert not {claim.row for claim in organism.claims} & set(organism.not_applicable)


def test_every_control_differs_from_the_organism(organism: Organism) -> None:
    codes = [digest(arm.recipe) for arm in organism.all_arms()]
    assert len(codes) == len(set(codes))


def classes(thing: object) -> Iterator[type]:
    """The classes of a dataclass and of every dataclass within it."""
    if isinstance(thing, tuple):
        for each in thing:
            yield from classes(each)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        yield type(thing)
        for f in dataclasses.fields(thing):
            yield from classes(getattr(thing, f.name))


def test_everything_that_is_stored_says_its_kind_and_version(organism: Organism) -> None:
    stored = [organism.world, *(arm.recipe for arm in organism.all_arms())]
    stored += [claim.readout for claim in every_claim(organism.claims)]
    for kind in {kind for thing in stored for kind in classes(thing)}:
        assert "kind" in vars(kind), f"{kind.__name__} has no kind of its own: a rename would orphan what is stored"
        assert kind is Readout or isinstance(kind.version, int), f"{kind.__name__} has no version"  # type: ignore[attr-defined]


def test_renaming_every_class_leaves_every_verdict_readable(
    organism: Organism, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory: class and module of every recipe, world and assay are called otherwise, and the zoo judged again."""
    before = judge(organism, Store(ZOO, name="zoo"))
    things = [organism.world, *(recipe for arm in organism.all_arms() for recipe in lineage(arm.recipe))]
    things += [claim.readout.assay for claim in every_claim(organism.claims)]
    names_of = {kind: kind.__name__ for thing in things for kind in classes(thing)}
    try:
        for number, kind in enumerate(names_of):
            monkeypatch.setattr(kind, "__module__", "turncoat.moved")
            kind.__name__ = f"Renamed{number}"  # which monkeypatch cannot put back
        again = judge(forgetful(organism), Store(ZOO, name="zoo"))
    finally:
        for kind, name in names_of.items():
            kind.__name__ = name
    assert again == before


def forgetful(thing: Organism) -> Organism:
    """An equal organism that remembers no digest."""

    def copied(part: object) -> object:
        if isinstance(part, tuple):
            return tuple(copied(each) for each in part)
        if dataclasses.is_dataclass(part) and not isinstance(part, type):
            fields = {f.name: copied(getattr(part, f.name)) for f in dataclasses.fields(part) if f.init}
            return dataclasses.replace(part, **fields)
        return part

    copy = copied(thing)
    assert isinstance(copy, Organism)
    return copy


def test_the_zoo_holds_what_the_arms_promise(organism: Organism) -> None:
    """Every arm has its runs, or none at all: then what is claimed of it is "not yet run" (see below)."""
    zoo, apart = Store(ZOO), registration.replication_seeds(registration.load(organism.name))
    codes = {digest(recipe) for arm in organism.all_arms() for recipe in lineage(arm.recipe)}
    opened = Pack(ZOO).open(organism.name)
    assert opened is not None and {run["recipe"] for run in opened.runs.values()} <= codes
    for arm in organism.all_arms():
        if not zoo.asked(organism, arm):
            continue
        assert len(set(zoo.seeds(organism, arm)) - apart) >= (arm.seeds or 5), arm.name
        run = zoo.run(organism, arm, arm.seed or 0)
        if arm.role == "sweep":  # kept as what was observed of it
            assert run.dropped
        else:
            needs_for(organism)
            run.subject()


def test_the_zoos_verdicts_are_what_its_traces_say(organism: Organism) -> None:
    zoo = Store(ZOO, name="zoo")
    rows = judge(organism, zoo)
    assert zoo.load_verdicts(organism.name) == rows
    found = {row["id"]: row["finding"] for row in rows}
    wanted, recipes = observations(organism), {arm.name: digest(arm.recipe) for arm in organism.all_arms()}
    for job in plan(organism.name, organism, zoo, 10):  # what is still to be done is printed so
        arm = organism.arm(job.arm)
        run = zoo.run(organism, arm, job.seed)
        for assay in wanted[arm.name]:
            if not run.observed(assay):
                for claim in organism.claims:
                    about = {recipes[name] for name in (claim.arm, claim.control) if name}
                    if digest(arm.recipe) in about and digest(claim.readout.assay) == digest(assay):
                        assert found[claim_id(organism, claim)] in ("not yet run", "invalid"), claim.statement


def test_a_shipped_subject_still_does_what_its_traces_say(organism: Organism) -> None:
    """One cheap observation made again from the shipped weights. Another processor may round otherwise, and an episode
    of a policy that is sampled then goes another way: not most of them."""
    needs_for(organism)
    run = Store(ZOO).run(organism, organism.arms[0], 0)
    readout = organism.claims[1].readout
    stored = run.traces(readout.assay)
    assert stored is not None
    again = readout.assay.observe(run.subject(), organism.world, EVALUATION)
    assert readout.estimate(again) == pytest.approx(readout.estimate(stored), abs=0.03)


def test_the_zoo_is_small_and_holds_no_pickle() -> None:
    assert zoo_path() == ZOO
    files = [path for path in ZOO.rglob("*") if path.is_file()]
    assert len(files) <= 300  # of 27 organisms: five files each, and one an assay
    assert sum(path.stat().st_size for path in files) <= 45e6  # adapters of a language model among them
    assert {path.suffix for path in files} <= {".json", ".parquet", ".safetensors"}


def test_a_file_of_the_zoo_that_is_damaged_is_one_clear_line(tmp_path: Path) -> None:
    import shutil

    from turncoat.core import TurncoatError

    organism = load("cheese_corner")
    shutil.copytree(ZOO / organism.name, tmp_path / organism.name)
    for leaf in ("weights.safetensors", next((tmp_path / organism.name / "traces").iterdir()).name):
        path = next((tmp_path / organism.name).rglob(leaf))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
        with pytest.raises(TurncoatError, match=f"{leaf} is damaged .it is not what was packed.; take it from"):
            Store(tmp_path).check(organism.name)
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
    assert Store(tmp_path).check(organism.name) > 3
