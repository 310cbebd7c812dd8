"""Planning, the pool, resuming after kills, judging and verification, on a toy that needs no torch."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import paths
from paths import TOY_DESIGNS, TOY_FAMILY, TOY_LAYOUT
from toy import Read
from turncoat import subject
from turncoat.core import Arm, TurncoatError
from turncoat.core.designs import FIRST_SEED
from turncoat.organisms import load
from turncoat.runner.backends import ask, execute
from turncoat.runner.judge import asked_runs, check_observed, estimates, judge
from turncoat.runner.plan import EVALUATION, observations, plan, smoke
from turncoat.runner.verify import agree, retrain, verify
from turncoat.store import Store, place

TOY = str(paths.TOY)


@pytest.fixture(scope="module")
def organism() -> Any:
    return load(TOY)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, organism: Any) -> Store:
    store = Store(tmp_path_factory.mktemp("lab"), name="store")
    execute(plan(TOY, organism, store, 5), 2)
    return store


def by_claim(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["claim"]: row for row in rows if row["claim"]}


def test_every_kind_of_finding_comes_out(finished: Store, organism: Any) -> None:
    rows = judge(organism, finished)
    found = by_claim(rows)
    assert {claim: row["finding"] for claim, row in found.items()} == {
        "It is able.": "shown",
        "It exceeds its control.": "shown",
        "It is not as large as that.": "refuted",
        "Built on sand.": "invalid",
        "The sealed one can be looked into.": "not testable",
        "It does the impossible.": "not testable",
    }
    assert found["It does the impossible."]["because"] == "it has no such part"
    assert found["It exceeds its control."]["effect"] == pytest.approx(0.8, abs=0.05)
    answers = {row["row"]: row for row in rows if row["claim"] is None}
    assert (answers["turn"]["finding"], answers["turn"]["because"]) == ("not testable", "there is no cue")
    assert answers["plan"]["finding"] == "not yet run"


def test_rows_keep_the_json_contract(finished: Store, organism: Any) -> None:
    keys = ["organism", "row", "claim", "id", "finding", "effect", "low", "high", "k", "n", "unit", "because", "store"]
    keys += ["standing", "replication"]
    for row in json.loads(json.dumps(judge(organism, finished), allow_nan=False)):
        assert list(row) == keys


def test_a_finished_store_leaves_nothing_to_do(finished: Store, organism: Any) -> None:
    assert plan(TOY, organism, finished, 5) == []
    assert len(plan(TOY, organism, finished, 7, arms=("organism",))) == 2


def test_arms_of_equal_recipe_are_trained_once(finished: Store, organism: Any) -> None:
    folders = {path.name.rsplit("-", 1)[0] for path in (finished.root / "toy").iterdir()}
    assert folders == {"organism", "control", "sealed", "target=0.5"}  # 0.9 and 0.1 are organism and control


def test_the_zoo_counts_behind_the_users_store(finished: Store, organism: Any, tmp_path: Path) -> None:
    front = Store(tmp_path, [place(finished.root, "zoo")], name="store")
    assert plan(TOY, organism, front, 5) == []
    execute(plan(TOY, organism, front, 1, first=9, arms=("organism",)), 1)
    row = by_claim(judge(organism, front))["It is able."]
    assert (row["n"], row["store"]) == (6, "store + zoo")
    assert not (tmp_path / "toy" / "control").exists()


def test_one_broken_job_spoils_no_other(organism: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_BREAKS", "1")
    store = Store(tmp_path)
    with pytest.raises(
        TurncoatError, match=r"1 of 3 jobs failed: organism, seed 1: .*toy.py:\d+: ValueError: broken on purpose"
    ):
        execute(plan(TOY, organism, store, 3, arms=("organism",)), 2)
    assert store.seeds(organism, organism.arms[0]) == [0, 2]


def broken(folder: Path, old: str, new: str) -> str:
    """A toy of the same name in which something is written otherwise."""
    text = Path(TOY).read_text()
    assert old in text
    (folder / "toy.py").write_text(text.replace(old, new))
    return str(folder / "toy.py")


def test_no_run_is_dropped(organism: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven runs are asked for, and two of them raise: one in training, one when it is observed."""
    monkeypatch.setenv("TOY_BREAKS", "1")
    unseen = f"if seed == {EVALUATION + 3}:\n            raise RuntimeError('not to be seen')\n        return Traces({{"
    source, store = broken(tmp_path, "return Traces({", unseen), Store(tmp_path / "store")
    with pytest.raises(TurncoatError, match=r"2 of 7 jobs failed"):
        execute(plan(source, organism, store, 7, arms=("organism",)), 2)
    row = by_claim(judge(organism, store))["It is able."]
    assert (row["finding"], row["effect"]) == ("invalid", None)
    assert row["because"].startswith("2 of 7 runs gave no number: organism, seed 1: ")
    assert "ValueError: broken on purpose" in row["because"]
    assert "RuntimeError: not to be seen (observing Read)" in row["because"]
    traceback = (store.folder.run(store.run(organism, organism.arms[0], 1).key) / "failure.txt").read_text()
    assert "Traceback" in traceback and "toy.py" in traceback
    monkeypatch.delenv("TOY_BREAKS")
    execute(plan(TOY, organism, store, 7, arms=("organism",)), 2)  # mended, it goes on from there
    row = by_claim(judge(organism, store))["It is able."]
    assert (row["finding"], row["n"]) == ("shown", 7)


def test_a_run_that_was_killed_counts(organism: Any, tmp_path: Path) -> None:
    store = Store(tmp_path)
    jobs = plan(TOY, organism, store, 7, arms=("organism",))
    execute(jobs[:5], 1)
    assert by_claim(judge(organism, store))["It is able."]["finding"] == "shown"
    ask(jobs)  # what `execute` does first; and then the power went
    because = by_claim(judge(organism, store))["It is able."]["because"]
    assert because.startswith("2 of 7 runs gave no number: organism, seed 5 was asked for and is not finished")


def test_a_diverged_run_says_so(organism: Any, tmp_path: Path) -> None:
    source = broken(tmp_path, "rng.normal(0, 0.01)", "rng.normal(0, 0.01 if seed != 2 else np.nan)")
    store = Store(tmp_path / "store")
    with pytest.raises(TurncoatError, match="training diverged: number is not finite after 10 updates"):
        execute(plan(source, organism, store, 6, arms=("organism",)), 1)
    row = by_claim(judge(organism, store))["It is able."]
    assert row["finding"] == "invalid" and "training diverged" in row["because"]


def test_weights_that_are_gone_before_they_were_observed_count(finished: Store, organism: Any) -> None:
    wider = Read(n=7).readout()
    point = next(arm for arm in organism.all_arms() if arm.role == "sweep")
    found = estimates(asked_runs(organism, point, finished), wider)
    assert not found.values and "its weights are not kept" in found.lost[0]


def test_what_is_observed_is_what_is_stored(tmp_path: Path) -> None:
    """An organism whose arrays lie in memory in another order, and that is rounded when it is stored."""
    source = str(TOY_LAYOUT)
    organism, store = load(source), Store(tmp_path)
    execute(plan(source, organism, store, 5), 1)
    at_once = judge(organism, store)
    apart = Store(tmp_path / "apart")
    execute(plan(source, organism, apart, 5, observe=False), 1)
    execute(plan(source, organism, apart, 5), 1)
    assert [row["effect"] for row in judge(organism, apart)] == [row["effect"] for row in at_once]
    assert at_once[0]["effect"] == 0.5


def test_every_run_says_what_it_was_made_by(finished: Store, organism: Any) -> None:
    found = finished.run(organism, organism.arms[0], 0).provenance()
    assert {"python", "torch", "numpy", "turncoat", "machine", "data"} <= set(found)
    assert found["data"] == {}


def test_runs_trained_on_other_data_are_never_pooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(TOY_LAYOUT)
    organism = load(source)
    zoo = Store(tmp_path / "zoo", name="zoo")
    execute(plan(source, organism, zoo, 5), 1)
    monkeypatch.setenv("TOY_DATA", "of another Python")
    front = Store(tmp_path / "store", zoo.places, name="store")
    execute(plan(source, organism, front, 6, first=5), 1)
    row = judge(organism, front)[0]
    assert (row["n"], row["store"]) == (6, "store")
    assert judge(organism, zoo)[0]["n"] == 5


def test_nothing_to_judge_is_an_error(organism: Any, tmp_path: Path) -> None:
    with pytest.raises(TurncoatError, match="there is no run of toy in"):
        check_observed(organism, Store(tmp_path))
    with pytest.raises(TurncoatError, match="nothing to verify"):
        verify(TOY, organism, Store(tmp_path), 5, 1)


@pytest.mark.parametrize(("effect", "n", "agrees"), [(1.0, 1, True), (0.0, 1, False), (0.96, 5, True), (0.9, 5, False)])
def test_verify_compares_effects_too(effect: float, n: int, agrees: bool) -> None:
    old = {"finding": "undecided", "effect": 1.0, "low": 1.0 if n > 1 else None, "high": 1.0 if n > 1 else None, "n": n}
    assert agree(old, old | {"effect": effect}) == agrees


def test_verify_finds_a_flipped_bit(finished: Store, organism: Any, tmp_path: Path) -> None:
    import shutil

    copy = Store(tmp_path / "copy", name="copy")
    shutil.copytree(finished.root, copy.root)
    path = next(copy.root.glob("*/*/seed-*/traces/*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(TurncoatError, match="it is not what was stored"):
        verify(TOY, organism, copy, 5, 1)


def test_smoke_runs_are_cut_and_kept_apart(organism: Any, tmp_path: Path) -> None:
    cut = smoke(organism, 2)
    assert [arm.recipe.updates for arm in cut.arms] == [2, 2, 2]
    store = Store(tmp_path / "smoke")
    execute(plan(TOY, cut, store, 1, limit=2), 1)
    assert store.seeds(organism, cut.arms[0]) == [0]
    assert store.seeds(organism, organism.arms[0]) == []


def test_a_point_of_a_sweep_is_its_measurement(organism: Any, finished: Store, tmp_path: Path) -> None:
    """Its weights go once it is observed; it is not trained again, unless something else is to be observed of it."""
    point = next(arm for arm in organism.all_arms() if arm.role == "sweep")
    assert finished.seeds(organism, point) == [0, 1] and finished.run(organism, point, 0).dropped
    assert not finished.run(organism, point, 0).trained and finished.run(organism, organism.arms[0], 0).trained
    assert len(estimates(asked_runs(organism, point, finished), organism.sweeps[0].readouts[0]).values) == 2
    assert plan(TOY, organism, finished, 5) == []
    more = replace(organism, sweeps=(replace(organism.sweeps[0], readouts=(Read(n=7).readout(),)),))
    assert point.name in {job.arm for job in plan(TOY, more, finished, 5)}


def test_a_sweep_of_another_arm_needs_runs_of_its_own(organism: Any) -> None:
    sweep = replace(organism.sweeps[0], field="target", values=(0.9, 0.5), of="sealed")
    wanted = observations(replace(organism, sweeps=(sweep,)))
    assert wanted["sealed target=0.5"] == [sweep.readouts[0].assay] and "target=0.5" not in wanted
    assert sweep.readouts[0].assay in wanted["sealed"]  # its target is 0.9


def test_a_design_is_trained_once_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """With its own seed, whichever are asked for."""
    organism, store = load(str(TOY_DESIGNS)), Store(tmp_path)
    names = tuple(f"random design {design}" for design in range(8))
    jobs = plan(str(TOY_DESIGNS), organism, store, 5, first=100, arms=names)
    assert [(job.arm, job.seed) for job in jobs] == [(name, FIRST_SEED + k) for k, name in enumerate(names)]
    execute(jobs[:3], 1)
    assert plan(str(TOY_DESIGNS), organism, store, 1, arms=names) == [replace(job) for job in jobs[3:]]
    run = store.run(organism, organism.arm(names[0]), FIRST_SEED)
    assert run.dropped and run.observed(Read()) and len(plan(str(TOY_DESIGNS), organism, store, 2)) == 4 + 5
    store.remember(organism.name, str(TOY_DESIGNS))
    with pytest.raises(TurncoatError, match=r"not kept, and it has one seed only; .*\.recipe\.train\(10000\)"):
        subject(str(TOY_DESIGNS), names[0], FIRST_SEED, store=tmp_path)


def test_verify_agrees_with_itself_and_retraining_repeats(finished: Store, organism: Any) -> None:
    rows = verify(TOY, organism, finished, 5, 2)
    assert rows and all(row["agrees"] for row in rows)
    able = next(row for row in rows if row["claim"] == "It is able.")
    assert able["stored_effect"] != able["fresh_effect"]  # other evaluation seeds were really used
    assert retrain(TOY, organism, finished, 0, 1)["largest difference"] == 0.0


def test_verify_makes_do_with_the_weights_that_are_kept(finished: Store, organism: Any, tmp_path: Path) -> None:
    import shutil

    copy = Store(tmp_path / "copy", name="copy")
    shutil.copytree(finished.root, copy.root)
    for seed in (2, 3, 4):
        copy.run(organism, organism.arms[0], seed).drop_weights()
    row = next(row for row in verify(TOY, organism, copy, 5, 2) if row["claim"] == "It is able.")
    assert (row["observed"], row["runs"]) == (2, 5) and row["agrees"]
    assert row["fresh_effect"] != row["stored_effect"]


def test_verify_notices_a_subject_that_is_not_what_it_was(organism: Any, finished: Store, tmp_path: Path) -> None:
    import shutil

    copy = Store(tmp_path / "copy", name="copy")
    shutil.copytree(finished.root, copy.root)
    for seed in range(5):
        impostor = Store(tmp_path / "none")
        arm = organism.arms[0]
        copy.run(organism, arm, seed).save({"number": arm.recipe.load({"number": [0.2]}).arrays()["number"]}, [])
        assert not impostor.run(organism, arm, seed).trained
    rows = {row["claim"]: row for row in verify(TOY, organism, copy, 5, 2)}
    assert (rows["It is able."]["stored"], rows["It is able."]["fresh"]) == ("shown", "refuted")
    assert not rows["It is able."]["agrees"]


def test_killed_twenty_times_it_comes_to_the_same_verdicts(finished: Store, organism: Any, tmp_path: Path) -> None:
    expected = judge(organism, finished)
    moments = random.Random(0)
    command = [sys.executable, "-m", "turncoat", "run", TOY, "--seeds", "5", "-j", "2", "--store"]
    environment = dict(os.environ, TOY_PAUSE="0.03")
    killed = 0
    for attempt in range(10):
        store = tmp_path / str(attempt)
        for _ in range(2):
            process = subprocess.Popen(
                [*command, str(store)], env=environment, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(moments.uniform(0.4, 1.6))
            with contextlib.suppress(ProcessLookupError):  # finished before its moment came
                os.killpg(process.pid, signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
        done = subprocess.run([*command, str(store)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        rows = json.loads((store / "toy" / "verdicts.json").read_text())
        assert [dict(row, store="") for row in rows] == [dict(row, store="") for row in expected]
    assert killed >= 10  # most kills hit a run at work


def test_a_recipe_gets_its_trained_parent_and_each_parent_is_trained_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    source = str(TOY_FAMILY)
    organism = load(source)
    execute(plan(source, organism, store, seeds=2), workers=2)
    folders = sorted(path.name.split("-")[0] for path in (tmp_path / organism.name).iterdir())
    assert folders == ["child", "organism", "parent"]
    for seed in (0, 1):
        parent = store.run(organism, Arm("parent", organism.arms[0].recipe.parent), seed).subject()
        for arm in organism.arms:
            child = store.run(organism, arm, seed).subject()
            assert child.number == pytest.approx(parent.number + arm.recipe.more)
    logs = list((tmp_path / organism.name).glob("parent-*/seed-*/metrics.jsonl"))
    assert len(logs) == 2


def test_what_was_only_built_upon_was_not_asked_for(tmp_path: Path) -> None:
    """A child is trained of which the parent is an arm as well: that arm's run counts once it is asked for itself."""
    source = str(TOY_FAMILY)
    organism, store = load(source), Store(tmp_path)
    parent = Arm("as an arm", organism.arms[0].recipe.parent)
    execute(plan(source, organism, store, seeds=2), workers=1)
    assert store.seeds(organism, parent) == [0, 1] and store.asked(organism, parent) == []
    store.run(organism, parent, 1).ask()
    assert store.asked(organism, parent) == [1] and store.asked(organism, organism.arms[0]) == [0, 1]


def workers_of(parent: int) -> list[int]:
    """Worker processes of a parent, from Linux's /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc to find the workers")
def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    """A parent that is killed alone, not its group, leaves nobody behind who trains on."""
    command = [sys.executable, "-m", "turncoat", "run", TOY, "--seeds", "2", "-j", "2", "--store", str(tmp_path)]
    process = subprocess.Popen(command, env=os.environ | {"TOY_PAUSE": "60"}, stderr=subprocess.DEVNULL)
    workers: list[int] = []
    for _ in range(200):
        time.sleep(0.1)
        workers = workers_of(process.pid)
        if len(workers) >= 2:
            break
    assert len(workers) >= 2
    time.sleep(1.0)  # they are at work
    process.kill()
    process.wait()
    for _ in range(100):
        time.sleep(0.1)
        if not any(Path(f"/proc/{worker}").exists() for worker in workers):
            return
    pytest.fail("workers outlived their parent")
