"""Thresholds came first: what git can show of it, in a repository made for the test, and of this one."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import paths
from paths import ROOT
from turncoat import registration
from turncoat.core import Organism, claim_id, every_claim
from turncoat.organisms import load, names
from turncoat.runner.backends import execute
from turncoat.runner.judge import Judge, judge
from turncoat.runner.plan import observations, plan
from turncoat.store import Store
from turncoat.store.packing import Kept, pack

TOY = str(paths.TOY)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, in which one's own registrations are made."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("config", "user.email", "test@example.com")
    git("config", "user.name", "test")
    return tmp_path


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def commit(*paths: str) -> None:
    git("add", *paths)
    git("commit", "-q", "-m", "next")
    commit_nothing()


def commit_nothing() -> None:
    """Forget what git said."""
    for known in (
        registration.first_registered,
        registration.first_commits,
        registration.first_packed,
        registration.is_ancestor,
    ):
        known.cache_clear()


def replicate(organism: Organism, store: Store) -> None:
    execute(plan(TOY, organism, store, 5, first=100, arms=("organism", "control")), 1)


def able(organism: Organism, store: Store) -> dict[str, Any]:
    return next(row for row in judge(organism, store) if row["claim"] == "It is able.")


def test_a_claim_that_came_first_is_registered(place: Path) -> None:
    organism, store = load(TOY), Store(place / "store")
    assert able(organism, store)["standing"] == "exploratory"
    new, total = registration.register(organism, 100, 5, place / "registry")
    assert new == total == len(every_claim(organism.claims))
    commit("registry")
    replicate(organism, store)
    row = able(organism, store)
    assert row["standing"] == "registered" and row["finding"] == "not yet run"  # no other seeds
    assert row["replication"]["finding"] == "shown" and row["replication"]["n"] == 5
    commit("store")
    assert able(organism, store)["standing"] == "registered"
    assert registration.register(organism, 100, 5, place / "registry") == (0, total)


def test_a_claim_that_came_with_its_data_or_after_it_is_exploratory(place: Path) -> None:
    organism, store = load(TOY), Store(place / "store")
    registration.register(organism, 100, 5, place / "registry")
    replicate(organism, store)
    assert able(organism, store)["standing"] == "exploratory"  # in no commit
    commit("registry", "store")
    assert able(organism, store)["standing"] == "exploratory"  # in one commit


def test_claims_can_be_registered_for_an_organisms_own_runs(place: Path) -> None:
    """Registered for seeds from 0 on, before there are any: they are judged as its own, and those that are missing
    count."""
    organism, store = load(TOY), Store(place / "store")
    registration.register(organism, 0, 5, place / "registry")
    commit("registry")
    execute(plan(TOY, organism, store, 4, arms=("organism", "control")), 1)
    row = able(organism, store)
    assert row["finding"] == "invalid" and "organism, seed 4 was registered and never run" in row["because"]
    execute(plan(TOY, organism, store, 5, arms=("organism", "control")), 1)
    commit("store")
    row = able(organism, store)
    assert (row["finding"], row["n"], row["standing"], row["replication"]) == ("shown", 5, "registered", None)
    assert registration.replication_seeds(registration.load("toy")) == frozenset()


def test_claims_registered_for_own_runs_after_these_are_exploratory(place: Path) -> None:
    organism, store = load(TOY), Store(place / "store")
    execute(plan(TOY, organism, store, 5, arms=("organism", "control")), 1)
    commit("store")
    registration.register(organism, 0, 5, place / "registry")
    commit("registry")
    row = able(organism, store)
    assert row["finding"] == "shown" and row["standing"] == "exploratory"


def test_packed_data_is_dated_by_its_index(place: Path) -> None:
    organism, store = load(TOY), Store(place / "store")
    registration.register(organism, 100, 5, place / "registry")
    commit("registry")
    replicate(organism, store)
    pack_all(organism, store, place / "zoo")
    commit("zoo")
    assert able(organism, Store(place / "zoo"))["standing"] == "registered"
    early = load(TOY)
    (place / "registry" / "toy.json").unlink()
    registration.register(replace(early, claims=early.claims[:1]), 101, 4, place / "registry")  # after the data
    commit("registry")
    assert able(organism, Store(place / "zoo"))["standing"] == "exploratory"


def pack_all(organism: Organism, store: Store, root: Path) -> None:
    wanted = observations(organism)
    runs = [
        Kept(store.run(organism, arm, seed), tuple(wanted[arm.name]), weights=True)
        for arm in organism.all_arms()
        for seed in store.asked(organism, arm)
    ]
    pack(organism, runs, root)


def test_a_run_that_was_registered_and_never_asked_for_is_missed(place: Path) -> None:
    organism, store = load(TOY), Store(place / "store")
    registration.register(organism, 100, 5, place / "registry")
    commit("registry")
    execute(plan(TOY, organism, store, 4, first=100, arms=("organism",)), 1)
    found = able(organism, store)["replication"]
    assert found["finding"] == "invalid"
    assert found["because"] == "1 of 5 runs gave no number: organism, seed 104 was registered and never run"


def test_where_there_is_no_git_it_is_as_it_was_found_with_git(place: Path) -> None:
    """A package that was installed holds registration, runs and verdicts, and no history."""
    import shutil

    organism, store = load(TOY), Store(place / "store")
    registration.register(organism, 100, 5, place / "registry")
    commit("registry")
    replicate(organism, store)
    store.save_verdicts("toy", judge(organism, store))
    shutil.rmtree(place / ".git")
    commit_nothing()
    assert able(organism, store)["standing"] == "registered"
    other = Store(place / "other")
    replicate(organism, other)
    assert able(organism, other)["standing"] == "exploratory"  # no verdict of it was stored


@pytest.mark.parametrize("what", ["threshold", "assay", "recipe", "seeds"])
def test_whoever_changes_a_claim_afterwards_has_not_registered_it(place: Path, what: str) -> None:
    organism, store = load(TOY), Store(place / "store")
    registration.register(organism, 100, 5, place / "registry")
    commit("registry")
    replicate(organism, store)
    claim = organism.claims[0]
    if what == "threshold":
        claim = replace(claim, at_least=0.4)
    elif what == "assay":
        claim = replace(claim, readout=replace(claim.readout.assay, n=7).readout())
    elif what == "recipe":
        arms = (replace(organism.arms[0], recipe=replace(organism.arms[0].recipe, target=0.8)), *organism.arms[1:])
        organism = replace(organism, arms=arms)
    else:
        path = place / "registry" / "toy.json"
        path.write_text(path.read_text().replace("104", "105"))
        commit("registry")
    assert registration.standing(organism, claim, {}, registration.load("toy")) == "exploratory"


@pytest.mark.parametrize("name", names())
def test_what_the_table_calls_registered_is_shown_by_git(name: str) -> None:
    """In this repository: every claim is registered, and those with a replication came before its data."""
    if git("-C", str(ROOT), "rev-parse", "--is-shallow-repository").strip() != "false":
        pytest.fail("this clone is shallow: fetch all of its history, from which it is read what came first")
    organism, zoo = load(name), Store(ROOT / "zoo", name="zoo")
    registered = registration.load(name)
    missing = [claim.statement for claim in organism.claims if claim_id(organism, claim) not in registered]
    assert not missing, f"run `turncoat register {name}`"
    shown = {row["claim"]: row for row in zoo.load_verdicts(name) or []}
    apart, own = registration.replication_seeds(registered), registration.first_round(registered)
    again, first = Judge(organism, zoo, lambda arm, seed: seed in apart), Judge(organism, zoo, lambda arm, seed: True)
    for claim in organism.claims:
        if shown[claim.statement]["standing"] == "registered":
            judged = first if claim_id(organism, claim) in own else again
            runs = {arm: judged.observed(arm, claim) for arm in (claim.arm, claim.control) if arm}
            standing = registration.standing(organism, claim, runs, registered)
            not_run = judged is first and shown[claim.statement]["finding"] == "not yet run"
            assert (all(runs.values()) or not_run) and standing == "registered", claim.statement


@pytest.mark.parametrize("name", names())
def test_what_was_registered_under_a_former_id_said_the_same(name: str) -> None:
    """Ids were counted anew when all that is stored got kinds. What git shows of the former one is that claim."""
    path = registration.path_of(name)
    before = registration.first_registered(path.resolve())
    texts = dict(registration.versions(path.resolve()))
    for entry in registration.load(name).values():
        if "formerly" in entry:
            commit, seeds = before[entry["formerly"]["id"]]
            former = json.loads(texts[commit])["claims"][entry["formerly"]["id"]]
            assert seeds == entry["seeds"]
            for part in ("statement", "row", "threshold", "seeds"):
                assert former[part] == entry[part]
            for role in ("arm", "control"):
                assert former.get(role, {}).get("name") == entry.get(role, {}).get("name")
            assert len(former["given"]) == len(entry["preconditions"])
