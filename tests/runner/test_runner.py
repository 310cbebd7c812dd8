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
from paths import TOY_FAMILY, TOY_LAYOUT
from turncoat import lab
from turncoat.core import Arm, TurncoatError
from turncoat.organisms import load
from turncoat.store import Store

TOY = str(paths.TOY)


@pytest.fixture(scope="module")
def organism() -> Any:
    return load(TOY)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, organism: Any) -> Store:
    store = Store(tmp_path_factory.mktemp("lab"), name="store")
    lab.execute(lab.plan(TOY, organism, store, 5), 2)
    return store


def by_claim(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["claim"]: row for row in rows if row["claim"]}


def test_every_kind_of_finding_comes_out(finished: Store, organism: Any) -> None:
    rows = lab.judge(organism, finished)
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
    keys = ["organism", "row", "claim", "finding", "effect", "low", "high", "k", "n", "unit", "because", "store"]
    keys += ["standing", "replication"]
    for row in json.loads(json.dumps(lab.judge(organism, finished), allow_nan=False)):
        assert list(row) == keys


def test_a_finished_store_leaves_nothing_to_do(finished: Store, organism: Any) -> None:
    assert lab.plan(TOY, organism, finished, 5) == []
    assert len(lab.plan(TOY, organism, finished, 7, arms=("organism",))) == 2


def test_arms_of_equal_recipe_are_trained_once(finished: Store, organism: Any) -> None:
    folders = {path.name.rsplit("-", 1)[0] for path in (finished.root / "toy").iterdir()}
    assert folders == {"organism", "control", "sealed", "target=0.5"}  # 0.9 and 0.1 are organism and control


def test_the_zoo_counts_behind_the_users_store(finished: Store, organism: Any, tmp_path: Path) -> None:
    front = Store(tmp_path, [Store(finished.root, name="zoo")], name="store")
    assert lab.plan(TOY, organism, front, 5) == []
    lab.execute(lab.plan(TOY, organism, front, 1, first=9, arms=("organism",)), 1)
    row = by_claim(lab.judge(organism, front))["It is able."]
    assert (row["n"], row["store"]) == (6, "store + zoo")
    assert not (tmp_path / "toy" / "control").exists()


def test_one_broken_job_spoils_no_other(organism: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_BREAKS", "1")
    store = Store(tmp_path)
    with pytest.raises(
        TurncoatError, match=r"1 of 3 jobs failed: organism, seed 1: .*toy.py:50: ValueError: broken on purpose"
    ):
        lab.execute(lab.plan(TOY, organism, store, 3, arms=("organism",)), 2)
    assert store.seeds("toy", organism.arms[0]) == [0, 2]


def broken(folder: Path, old: str, new: str) -> str:
    """A toy of the same name in which something is written otherwise."""
    text = Path(TOY).read_text()
    assert old in text
    (folder / "toy.py").write_text(text.replace(old, new))
    return str(folder / "toy.py")


def test_no_run_is_dropped(organism: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven runs are asked for, and two of them raise: one in training, one when it is observed."""
    monkeypatch.setenv("TOY_BREAKS", "1")
    unseen = (
        f"if seed == {lab.EVALUATION + 3}:\n            raise RuntimeError('not to be seen')\n        return Traces({{"
    )
    source, store = broken(tmp_path, "return Traces({", unseen), Store(tmp_path / "store")
    with pytest.raises(TurncoatError, match=r"2 of 7 jobs failed"):
        lab.execute(lab.plan(source, organism, store, 7, arms=("organism",)), 2)
    row = by_claim(lab.judge(organism, store))["It is able."]
    assert (row["finding"], row["effect"]) == ("invalid", None)
    assert row["because"].startswith("2 of 7 runs gave no number: organism, seed 1: ")
    assert "ValueError: broken on purpose" in row["because"]
    assert "RuntimeError: not to be seen (observing Read)" in row["because"]
    traceback = (store.run("toy", organism.arms[0], 1) / "failure.txt").read_text()
    assert "Traceback" in traceback and "toy.py" in traceback
    monkeypatch.delenv("TOY_BREAKS")
    lab.execute(lab.plan(TOY, organism, store, 7, arms=("organism",)), 2)  # mended, it goes on from there
    row = by_claim(lab.judge(organism, store))["It is able."]
    assert (row["finding"], row["n"]) == ("shown", 7)


def test_a_run_that_was_killed_counts(organism: Any, tmp_path: Path) -> None:
    store = Store(tmp_path)
    jobs = lab.plan(TOY, organism, store, 7, arms=("organism",))
    lab.execute(jobs[:5], 1)
    assert by_claim(lab.judge(organism, store))["It is able."]["finding"] == "shown"
    lab.ask(jobs)  # what `execute` does first; and then the power went
    because = by_claim(lab.judge(organism, store))["It is able."]["because"]
    assert because.startswith("2 of 7 runs gave no number: organism, seed 5 was asked for and is not finished")


def test_a_diverged_run_says_so(organism: Any, tmp_path: Path) -> None:
    source = broken(tmp_path, "rng.normal(0, 0.01)", "rng.normal(0, 0.01 if seed != 2 else np.nan)")
    store = Store(tmp_path / "store")
    with pytest.raises(TurncoatError, match="training diverged: number is not finite after 10 updates"):
        lab.execute(lab.plan(source, organism, store, 6, arms=("organism",)), 1)
    row = by_claim(lab.judge(organism, store))["It is able."]
    assert row["finding"] == "invalid" and "training diverged" in row["because"]


def test_weights_that_are_gone_before_they_were_observed_count(finished: Store, organism: Any) -> None:
    wider = replace(organism, claims=(replace(organism.claims[0], assay=replace(organism.claims[0].assay, n=7)),))
    point = next(arm for arm in organism.all_arms() if arm.role == "sweep")
    found = lab.estimates(organism, point, wider.claims[0].assay, finished)
    assert not found.values and "its weights are not kept" in found.lost[0]


def test_what_is_observed_is_what_is_stored(tmp_path: Path) -> None:
    """An organism whose arrays lie in memory in another order, and that is rounded when it is stored."""
    source = str(TOY_LAYOUT)
    organism, store = load(source), Store(tmp_path)
    lab.execute(lab.plan(source, organism, store, 5), 1)
    at_once = lab.judge(organism, store)
    apart = Store(tmp_path / "apart")
    lab.execute(lab.plan(source, organism, apart, 5, observe=False), 1)
    lab.execute(lab.plan(source, organism, apart, 5), 1)
    assert [row["effect"] for row in lab.judge(organism, apart)] == [row["effect"] for row in at_once]
    assert at_once[0]["effect"] == 0.5


def test_every_run_says_what_it_was_made_by(finished: Store, organism: Any) -> None:
    found = finished.provenance("toy", organism.arms[0], 0)
    assert {"python", "torch", "numpy", "turncoat", "machine", "data"} <= set(found)
    assert found["data"] == {}


def test_runs_trained_on_other_data_are_never_pooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = str(TOY_LAYOUT)
    organism = load(source)
    zoo = Store(tmp_path / "zoo", name="zoo")
    lab.execute(lab.plan(source, organism, zoo, 5), 1)
    monkeypatch.setenv("TOY_DATA", "of another Python")
    front = Store(tmp_path / "store", [zoo], name="store")
    lab.execute(lab.plan(source, organism, front, 6, first=5), 1)
    row = lab.judge(organism, front)[0]
    assert (row["n"], row["store"]) == (6, "store")
    assert lab.judge(organism, zoo)[0]["n"] == 5


def test_nothing_to_judge_is_an_error(organism: Any, tmp_path: Path) -> None:
    with pytest.raises(TurncoatError, match="there is no run of toy in"):
        lab.check_observed(organism, Store(tmp_path))
    with pytest.raises(TurncoatError, match="nothing to verify"):
        lab.verify(TOY, organism, Store(tmp_path), 5, 1)


@pytest.mark.parametrize(("effect", "n", "agrees"), [(1.0, 1, True), (0.0, 1, False), (0.96, 5, True), (0.9, 5, False)])
def test_verify_compares_effects_too(effect: float, n: int, agrees: bool) -> None:
    old = {"finding": "undecided", "effect": 1.0, "low": 1.0 if n > 1 else None, "high": 1.0 if n > 1 else None, "n": n}
    assert lab.agree(old, old | {"effect": effect}) == agrees


def test_verify_finds_a_flipped_bit(finished: Store, organism: Any, tmp_path: Path) -> None:
    import shutil

    copy = Store(tmp_path / "copy", name="copy")
    shutil.copytree(finished.root, copy.root)
    path = next(copy.root.glob("*/*/seed-*/traces/*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(TurncoatError, match="it is not what was stored"):
        lab.verify(TOY, organism, copy, 5, 1)


def test_smoke_runs_are_cut_and_kept_apart(organism: Any, tmp_path: Path) -> None:
    cut = lab.smoke(organism, 2)
    assert [arm.recipe.updates for arm in cut.arms] == [2, 2, 2]
    store = Store(tmp_path / "smoke")
    lab.execute(lab.plan(TOY, cut, store, 1, limit=2), 1)
    assert store.seeds("toy", cut.arms[0]) == [0]
    assert store.seeds("toy", organism.arms[0]) == []


def test_a_point_of_a_sweep_is_its_measurement(organism: Any, finished: Store, tmp_path: Path) -> None:
    """Its weights go once it is observed; it is not trained again, unless something else is to be observed of it."""
    point = next(arm for arm in organism.all_arms() if arm.role == "sweep")
    assert finished.seeds("toy", point) == [0, 1] and finished.was_dropped("toy", point, 0)
    assert not finished.has_subject("toy", point, 0) and finished.has_subject("toy", organism.arms[0], 0)
    assert len(lab.estimates(organism, point, organism.sweeps[0].assays[0], finished).values) == 2
    assert lab.plan(TOY, organism, finished, 5) == []
    more = replace(organism, sweeps=(replace(organism.sweeps[0], assays=(type(organism.claims[0].assay)(n=7),)),))
    assert point.name in {job.arm for job in lab.plan(TOY, more, finished, 5)}


def test_a_sweep_of_another_arm_needs_runs_of_its_own(organism: Any) -> None:
    sweep = replace(organism.sweeps[0], field="target", values=(0.9, 0.5), of="sealed")
    wanted = lab.needs(replace(organism, sweeps=(sweep,)))
    assert wanted["sealed target=0.5"] == list(sweep.assays) and "target=0.5" not in wanted
    assert sweep.assays[0] in wanted["sealed"]  # its target is 0.9


def test_verify_agrees_with_itself_and_retraining_repeats(finished: Store, organism: Any) -> None:
    rows = lab.verify(TOY, organism, finished, 5, 2)
    assert rows and all(row["agrees"] for row in rows)
    able = next(row for row in rows if row["claim"] == "It is able.")
    assert able["stored_effect"] != able["fresh_effect"]  # other evaluation seeds were really used
    assert lab.retrain(TOY, organism, finished, 0, 1)["largest difference"] == 0.0


def test_verify_makes_do_with_the_weights_that_are_kept(finished: Store, organism: Any, tmp_path: Path) -> None:
    import shutil

    copy = Store(tmp_path / "copy", name="copy")
    shutil.copytree(finished.root, copy.root)
    for seed in (2, 3, 4):
        copy.drop_subject("toy", organism.arms[0], seed)
    row = next(row for row in lab.verify(TOY, organism, copy, 5, 2) if row["claim"] == "It is able.")
    assert (row["observed"], row["runs"]) == (2, 5) and row["agrees"]
    assert row["fresh_effect"] != row["stored_effect"]


def test_verify_notices_a_subject_that_is_not_what_it_was(organism: Any, finished: Store, tmp_path: Path) -> None:
    import shutil

    copy = Store(tmp_path / "copy", name="copy")
    shutil.copytree(finished.root, copy.root)
    for seed in range(5):
        impostor = Store(tmp_path / "none")
        arm = organism.arms[0]
        copy.save_subject("toy", arm, seed, {"number": arm.recipe.load({"number": [0.2]}).arrays()["number"]}, [])
        assert not impostor.has_subject("toy", arm, seed)
    rows = {row["claim"]: row for row in lab.verify(TOY, organism, copy, 5, 2)}
    assert (rows["It is able."]["stored"], rows["It is able."]["fresh"]) == ("shown", "refuted")
    assert not rows["It is able."]["agrees"]


def test_killed_twenty_times_it_comes_to_the_same_verdicts(finished: Store, organism: Any, tmp_path: Path) -> None:
    expected = lab.judge(organism, finished)
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
    lab.execute(lab.plan(source, organism, store, seeds=2), workers=2)
    folders = sorted(path.name.split("-")[0] for path in (tmp_path / organism.name).iterdir())
    assert folders == ["child", "organism", "parent"]
    for seed in (0, 1):
        parent = store.load_subject(organism.name, Arm("parent", organism.arms[0].recipe.parent), seed)
        for arm in organism.arms:
            child = store.load_subject(organism.name, arm, seed)
            assert child.number == pytest.approx(parent.number + arm.recipe.more)
    logs = list((tmp_path / organism.name).glob("parent-*/seed-*/metrics.jsonl"))
    assert len(logs) == 2


def test_what_was_only_built_upon_was_not_asked_for(tmp_path: Path) -> None:
    """A child is trained of which the parent is an arm as well: that arm's run counts once it is asked for itself."""
    source = str(TOY_FAMILY)
    organism, store = load(source), Store(tmp_path)
    parent = Arm("as an arm", organism.arms[0].recipe.parent)
    lab.execute(lab.plan(source, organism, store, seeds=2), workers=1)
    assert store.seeds(organism.name, parent) == [0, 1] and store.asked(organism.name, parent) == []
    store.ask(organism.name, parent, 1)
    assert store.asked(organism.name, parent) == [1] and store.asked(organism.name, organism.arms[0]) == [0, 1]


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
