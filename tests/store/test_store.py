"""The store: what was written comes back, or one clear line says why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import turncoat
from turncoat.core import (
    Arm,
    Finding,
    Organism,
    Realism,
    Tier,
    Traces,
    TurncoatError,
    Verdict,
    trace_key,
    verdict_row,
)
from turncoat.store import Run, Store, place
from turncoat.store.files import SUMS, sha256, write

SOURCE = Path(turncoat.__file__).parent


@dataclass(frozen=True)
class Recipe:
    fine: float = -30.0

    def load(self, arrays: Mapping[str, np.ndarray]) -> Any:
        return arrays


@dataclass(frozen=True)
class Gap:
    episodes: int = 100


@dataclass(frozen=True)
class World:
    size: int = 5


ARM = Arm("organism", Recipe(), "organism")
LEAF = f"traces/{trace_key(World(), Gap())}.parquet"
ORGANISM = Organism("O", Tier.STANDARD_TOOLS, Realism.TRAINED_TO_FAIL, World(), (ARM,), (), (), frozenset(), name="o")
WEIGHTS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(3)}
TRACES = Traces(
    {"watched": np.array([True, False]), "steps": np.array([3, 4]), "arm": np.array(["a", "b"])}, ({"cells": [1, 2]},)
)


VERDICT = Verdict(Finding.SHOWN, 0.5, 0.4, 0.6, 5, 5, because="5/5")
ROW = verdict_row("o", None, VERDICT)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def run_of(store: Store, arm: Arm = ARM, seed: int = 0, organism: Organism = ORGANISM) -> Run:
    return store.run(organism, arm, seed)


def folder_of(store: Store, seed: int = 0) -> Path:
    return store.folder.run(run_of(store, seed=seed).key)


def seal(folder: Path) -> None:
    """Keep the digests of the files of one run as they are now."""
    leaves = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SUMS]
    (folder / SUMS).write_text(
        "".join(f"{sha256(path.read_bytes())}  {path.relative_to(folder).as_posix()}\n" for path in leaves)
    )


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


# -- round trips -----------------------------------------------------------------------------------------------


def test_a_subject_comes_back_as_it_was(store: Store) -> None:
    assert not run_of(store, seed=3).trained
    run_of(store, seed=3).save(WEIGHTS, [{"done": 1, "loss": 0.5}, {"done": 2, "loss": 0.25}])
    loaded = run_of(store, seed=3).subject()
    assert loaded.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
    assert run_of(store, seed=3).log() == [{"done": 1, "loss": 0.5}, {"done": 2, "loss": 0.25}]
    assert run_of(store, seed=4).log() == []
    assert store.seeds(ORGANISM, ARM) == [3]


def test_what_stands_on_disk(store: Store) -> None:
    run_of(store, seed=3).save(WEIGHTS, [])
    run_of(store, seed=3).save_traces(Gap(), TRACES)
    store.save_verdicts("o", [])
    names = {"/".join(Path(name).parts[2:]) for name in files(store.root) if "seed-3" in name}
    kept = ("recipe.json", "metrics.jsonl", "provenance.json", "subject.safetensors", LEAF, "SHA256SUMS")
    assert names == {f"seed-3/{file}" for file in kept}
    assert (store.root / "o" / "verdicts.json").is_file()


column = st.sampled_from([np.float64, np.float32, np.int64, np.bool_])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    columns=st.integers(0, 5).flatmap(
        lambda n: st.dictionaries(
            st.text("abc ", min_size=1, max_size=8), column.flatmap(lambda d: arrays_of.arrays(d, n)), min_size=1
        )
    ),
    frames=st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())), max_size=3),
)
def test_traces_come_back_as_they_were(store: Store, columns: dict[str, np.ndarray], frames: list[Any]) -> None:
    run_of(store).save_traces(Gap(), Traces(columns, tuple(frames)))
    loaded = run_of(store).traces(Gap())
    assert loaded is not None
    assert list(loaded.frames) == frames
    assert list(loaded.columns) == list(columns)
    for name, array in columns.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_words_come_back_and_can_be_selected(store: Store) -> None:
    run_of(store).save_traces(Gap(), TRACES)
    loaded = run_of(store).traces(Gap())
    assert loaded is not None
    assert loaded["arm"].tolist() == ["a", "b"]
    assert loaded.where(arm="b")["steps"].tolist() == [4]


def test_a_trace_is_of_a_recipe_a_world_and_an_assay(store: Store) -> None:
    run_of(store).save_traces(Gap(), TRACES)
    assert run_of(store).observed(Gap())
    for other in (
        run_of(store, organism=replace(ORGANISM, world=World(size=6))),
        run_of(store, Arm("organism", Recipe(fine=0.0))),
        run_of(store, seed=1),
    ):
        assert not other.observed(Gap()) and other.traces(Gap()) is None
    assert not run_of(store).observed(Gap(episodes=9))


def test_why_an_assay_could_not_be_put(store: Store) -> None:
    assert run_of(store).untestable(Gap()) is None
    run_of(store).save_untestable(Gap(), "no weights behind an API")
    assert run_of(store).untestable(Gap()) == "no weights behind an API"
    assert run_of(store).observed(Gap())
    assert not run_of(store, seed=1).observed(Gap())


def test_verdicts_come_back(store: Store) -> None:
    assert store.load_verdicts("o") is None
    store.save_verdicts("o", [ROW])
    assert store.load_verdicts("o") == [ROW]
    assert ROW["finding"] == "shown"


# -- names -----------------------------------------------------------------------------------------------------


def test_arms_of_one_recipe_share_their_runs_and_others_never_meet(store: Store) -> None:
    run_of(store).save(WEIGHTS, [])
    assert run_of(store, Arm("another name", Recipe())).trained
    assert not run_of(store, Arm("organism", Recipe(fine=0.0))).trained
    assert not run_of(store, organism=replace(ORGANISM, name="p")).trained


def test_a_changed_recipe_never_overwrites(store: Store) -> None:
    run_of(store).save(WEIGHTS, [])
    before = files(store.root)
    run_of(store, replace(ARM, recipe=Recipe(fine=0.0))).save(WEIGHTS, [])
    assert before < files(store.root)


def test_fallbacks_are_read_and_never_written(tmp_path: Path) -> None:
    zoo = Store(tmp_path / "zoo", name="zoo")
    run_of(zoo).save(WEIGHTS, [{"loss": 1.0}])
    run_of(zoo).save_traces(Gap(), TRACES)
    zoo.save_verdicts("o", [ROW])
    untouched = files(zoo.root)
    front = Store(tmp_path / "store", fallbacks=[place(zoo.root, "zoo")])
    run_of(front, seed=7).save(WEIGHTS, [])
    assert front.seeds(ORGANISM, ARM) == [0, 7]
    run = run_of(front)
    assert run.observed(Gap())
    assert run.log() == [{"loss": 1.0}]
    assert run.subject().keys() == WEIGHTS.keys()
    holder = run.holder(Gap())
    assert holder is not None and holder.name == "zoo"
    assert front.load_verdicts("o") == [ROW]
    refuted = replace(VERDICT, finding=Finding.REFUTED)
    front.save_verdicts("o", [verdict_row("o", None, refuted)])
    assert front.load_verdicts("o") == [verdict_row("o", None, refuted)]
    assert files(zoo.root) == untouched
    assert zoo.load_verdicts("o") == [ROW]


# -- damage ----------------------------------------------------------------------------------------------------


def test_a_missing_subject_is_one_clear_line(store: Store) -> None:
    with pytest.raises(TurncoatError, match="no trained subject for arm 'organism', seed 0; train it first"):
        run_of(store).subject()


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 20, -1])
def test_truncated_weights_are_one_clear_line(store: Store, keep: int) -> None:
    run_of(store).save(WEIGHTS, [])
    path = folder_of(store) / "subject.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TurncoatError, match=r"subject\.safetensors is damaged .*; delete it and run again"):
        run_of(store).subject()


@pytest.mark.parametrize("keep", [0, 1, 4, 40, -1, -9])
def test_truncated_traces_are_one_clear_line(store: Store, keep: int) -> None:
    run_of(store).save_traces(Gap(), TRACES)
    path = folder_of(store) / LEAF
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TurncoatError, match=r"parquet is damaged .*; delete it and run again") as caught:
        run_of(store).traces(Gap())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["recipe.json", "metrics.jsonl", "provenance.json", "subject.safetensors", "traces"])
def test_one_flipped_bit_is_found_in_every_file(store: Store, name: str) -> None:
    run_of(store).save(WEIGHTS, [{"loss": 1.0}], {"python": "3"})
    run_of(store).save_traces(Gap(), TRACES)
    path = folder_of(store) / (LEAF if name == "traces" else name)
    whole = path.read_bytes()
    store.check("o")
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        flipped = bytearray(whole)
        flipped[at] ^= 1
        path.write_bytes(bytes(flipped))
        with pytest.raises(TurncoatError, match="it is not what was stored"):
            store.check("o")
    run = run_of(store)
    read = {
        "metrics.jsonl": run.log, "provenance.json": run.provenance, "subject.safetensors": run.arrays,
        "traces": lambda: run.traces(Gap()), "recipe.json": run.arrays,
    }  # fmt: skip
    with pytest.raises(TurncoatError, match="it is not what was stored"):
        read[name]()


def test_a_file_that_nobody_stored_is_not_read(store: Store) -> None:
    run_of(store).save_traces(Gap(), TRACES)
    folder = folder_of(store)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(TurncoatError, match="has no digest in"):
        run_of(store).traces(Gap())


def test_what_is_stored_again_is_read_again_and_a_kill_between_digest_and_file_does_no_harm(store: Store) -> None:
    run_of(store).save_traces(Gap(), TRACES)
    with (folder_of(store) / "SHA256SUMS").open("a") as out:
        out.write(f"{'0' * 64}  {LEAF}\n")  # of a file that never came
    assert run_of(store).traces(Gap()) is not None
    run_of(store).save_traces(Gap(), Traces({"steps": np.arange(3)}))
    stored = run_of(store).traces(Gap())
    assert stored is not None and stored["steps"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "laid", [np.asfortranarray, np.transpose, lambda x: x[::2], lambda x: x[::-1], lambda x: x[:, 1:]]
)
def test_arrays_come_back_as_they_were_however_they_lie_in_memory(store: Store, laid: Any) -> None:
    array = laid(np.arange(24, dtype=np.float32).reshape(4, 6))
    run_of(store).save({"w": array}, [])
    np.testing.assert_array_equal(run_of(store).subject()["w"], array)
    run_of(store).save_traces(Gap(), Traces({"x": array[:, 0]}))
    stored = run_of(store).traces(Gap())
    assert stored is not None
    np.testing.assert_array_equal(stored["x"], array[:, 0])


def test_what_is_not_finite_is_null_in_every_json(store: Store) -> None:
    run_of(store).save(WEIGHTS, [{"loss": float("nan")}, {"loss": float("inf")}])
    text = (folder_of(store) / "metrics.jsonl").read_text()
    assert [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()] == [{"loss": None}] * 2
    assert all(np.isnan(row["loss"]) for row in run_of(store).log())
    store.save_verdicts("o", [verdict_row("o", None, replace(VERDICT, low=float("-inf")))])
    assert json.loads((store.root / "o" / "verdicts.json").read_text(), parse_constant=pytest.fail)[0]["low"] is None


def test_asked_runs_are_known_before_and_after_they_fail(store: Store) -> None:
    run_of(store, seed=4).ask()
    assert (store.asked(ORGANISM, ARM), store.seeds(ORGANISM, ARM)) == ([4], [])
    run_of(store, seed=4).save_failure("ValueError: why\n\nTraceback ...")
    assert run_of(store, seed=4).failure() == run_of(store, seed=4).failure(Gap()) == "ValueError: why"
    run_of(store, seed=4).save(WEIGHTS, [])
    assert run_of(store, seed=4).failure() is None and store.seeds(ORGANISM, ARM) == [4]
    run_of(store, seed=4).save_failure("KeyError: other", Gap())
    assert run_of(store, seed=4).failure() is None and run_of(store, seed=4).failure(Gap()) == "KeyError: other"
    run_of(store, seed=4).save_traces(Gap(), TRACES)
    assert run_of(store, seed=4).failure(Gap()) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"finding": "proved"}]', "{}x"])
def test_damaged_verdicts_are_one_clear_line(store: Store, text: str) -> None:
    store.save_verdicts("o", [])
    (store.root / "o" / "verdicts.json").write_text(text)
    with pytest.raises(TurncoatError, match="is damaged .*; run `turncoat judge o` again"):
        store.load_verdicts("o")


def test_damaged_metrics_are_one_clear_line(store: Store) -> None:
    run_of(store).save(WEIGHTS, [{"loss": 1.0}])
    path = folder_of(store) / "metrics.jsonl"
    path.write_text(path.read_text()[:-4])
    seal(path.parent)
    with pytest.raises(TurncoatError, match=r"metrics\.jsonl is damaged"):
        run_of(store).log()


@pytest.mark.parametrize(
    ("text", "says"), [(json.dumps({"is": "Recipe", "fine": 0.0}), "holds another recipe"), ("{", "cannot be read")]
)
def test_weights_of_another_recipe_are_refused(store: Store, text: str, says: str) -> None:
    run_of(store).save(WEIGHTS, [])
    (folder_of(store) / "recipe.json").write_text(text)
    seal(folder_of(store))
    with pytest.raises(TurncoatError, match=says):
        run_of(store).subject()


# -- writing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    write(path, b"old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(TurncoatError, match=r"cannot write .*No space left on device; free it or give another --store"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == {"file"}


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(TurncoatError, match="cannot write .*give another --store"):
        Store(tmp_path / "store").save_verdicts("o", [])


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    """A child rewrites one file without end, each time with one repeated byte; it is killed, ten times over."""
    path = tmp_path / "file"
    program = (
        "import sys, itertools; from pathlib import Path; from turncoat.store.files import write\n"
        "for turn in itertools.count(): write(Path(sys.argv[1]), bytes([turn % 256]) * 1_000_000)"
    )
    for attempt in range(10):
        child = subprocess.Popen([sys.executable, "-c", program, str(path)])
        deadline = time.monotonic() + 30
        before = path.stat().st_mtime_ns if path.exists() else None
        while time.monotonic() < deadline and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.001)
        time.sleep(attempt * 0.0007)
        child.send_signal(signal.SIGKILL)
        child.wait()
        data = path.read_bytes()
        assert len(data) == 1_000_000 and len(set(data)) == 1


def test_a_run_killed_before_its_weights_counts_as_not_trained(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def killed(source: str, target: Path) -> None:
        if target.name == "subject.safetensors":
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        run_of(store).save(WEIGHTS, [])
    assert not run_of(store).trained
    assert store.seeds(ORGANISM, ARM) == []


# -- house rules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["import pickle", "from pickle", "torch.load", "torch.save", "allow_pickle=True"])
def test_nothing_is_ever_pickled(word: str) -> None:
    """But for a user's own agent, as stable-baselines3 saves it: `turncoat survey` asks before it loads one."""
    allowed = {"import pickle": ["sb3_agent.py"]}.get(word, [])
    assert [path.name for path in SOURCE.rglob("*.py") if word in path.read_text()] == allowed
