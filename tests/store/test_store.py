"""The store: what was written comes back, or one clear line says why not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import turncoat
from turncoat.core import Arm, Finding, Traces, TurncoatError, Verdict
from turncoat.store import Store, leaf, seal, verdict_row, write

SOURCE = Path(turncoat.__file__).parent


@dataclass(frozen=True)
class Recipe:
    fine: float = -30.0

    def load(self, arrays: Mapping[str, np.ndarray]) -> Any:
        return arrays


@dataclass(frozen=True)
class Gap:
    episodes: int = 100
    measure: str = field(default="x", metadata={"pure": True})


ARM = Arm("organism", Recipe(), "organism")
WEIGHTS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(3)}
TRACES = Traces(
    {"watched": np.array([True, False]), "steps": np.array([3, 4]), "arm": np.array(["a", "b"])}, ({"cells": [1, 2]},)
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


# -- round trips -----------------------------------------------------------------------------------------------


def test_a_subject_comes_back_as_it_was(store: Store) -> None:
    assert not store.has_subject("o", ARM, 3)
    store.save_subject("o", ARM, 3, WEIGHTS, [{"done": 1, "loss": 0.5}, {"done": 2, "loss": 0.25}])
    loaded = store.load_subject("o", ARM, 3)
    assert loaded.keys() == WEIGHTS.keys()
    for name, array in WEIGHTS.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
    assert store.metrics("o", ARM, 3) == [{"done": 1, "loss": 0.5}, {"done": 2, "loss": 0.25}]
    assert store.metrics("o", ARM, 4) == []
    assert store.seeds("o", ARM) == [3]


def test_what_stands_on_disk(store: Store) -> None:
    store.save_subject("o", ARM, 3, WEIGHTS, [])
    store.save_traces("o", ARM, 3, Gap(), TRACES)
    store.save_verdicts("o", [])
    names = {"/".join(Path(name).parts[2:]) for name in files(store.root) if "seed-3" in name}
    kept = ("recipe.json", "metrics.jsonl", "provenance.json", "subject.safetensors", leaf(Gap()), "SHA256SUMS")
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
    store.save_traces("o", ARM, 0, Gap(), Traces(columns, tuple(frames)))
    loaded = store.load_traces("o", ARM, 0, Gap())
    assert loaded is not None
    assert list(loaded.frames) == frames
    assert list(loaded.columns) == list(columns)
    for name, array in columns.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_words_come_back_and_can_be_selected(store: Store) -> None:
    store.save_traces("o", ARM, 0, Gap(), TRACES)
    loaded = store.load_traces("o", ARM, 0, Gap())
    assert loaded is not None
    assert loaded["arm"].tolist() == ["a", "b"]
    assert loaded.where(arm="b")["steps"].tolist() == [4]


def test_assays_that_differ_in_pure_fields_share_traces(store: Store) -> None:
    store.save_traces("o", ARM, 0, Gap(), TRACES)
    assert store.has_traces("o", ARM, 0, Gap(measure="y"))
    assert not store.has_traces("o", ARM, 0, Gap(episodes=9))
    assert store.load_traces("o", ARM, 0, Gap(episodes=9)) is None


def test_why_an_assay_could_not_be_put(store: Store) -> None:
    assert store.untestable("o", ARM, 0, Gap()) is None
    store.save_untestable("o", ARM, 0, Gap(), "no weights behind an API")
    assert store.untestable("o", ARM, 0, Gap()) == "no weights behind an API"
    assert store.observed("o", ARM, 0, Gap())
    assert not store.observed("o", ARM, 1, Gap())


def test_verdicts_come_back(store: Store) -> None:
    assert store.load_verdicts("o") is None
    row = verdict_row(Verdict(Finding.SHOWN, 0.5, 0.4, 0.6, 5, 5, because="5/5"))
    store.save_verdicts("o", [row])
    assert store.load_verdicts("o") == [row]
    assert row["finding"] == "shown"


# -- names -----------------------------------------------------------------------------------------------------


def test_arms_of_one_recipe_share_their_runs_and_others_never_meet(store: Store) -> None:
    store.save_subject("o", ARM, 0, WEIGHTS, [])
    assert store.has_subject("o", Arm("another name", Recipe()), 0)
    assert not store.has_subject("o", Arm("organism", Recipe(fine=0.0)), 0)
    assert not store.has_subject("p", ARM, 0)


def test_a_changed_recipe_never_overwrites(store: Store) -> None:
    store.save_subject("o", ARM, 0, WEIGHTS, [])
    before = files(store.root)
    store.save_subject("o", replace(ARM, recipe=Recipe(fine=0.0)), 0, WEIGHTS, [])
    assert before < files(store.root)


def test_stores_behind_are_read_and_never_written(tmp_path: Path) -> None:
    zoo = Store(tmp_path / "zoo", name="zoo")
    zoo.save_subject("o", ARM, 0, WEIGHTS, [{"loss": 1.0}])
    zoo.save_traces("o", ARM, 0, Gap(), TRACES)
    zoo.save_verdicts("o", [{"finding": "shown"}])
    untouched = files(zoo.root)
    front = Store(tmp_path / "store", behind=[zoo])
    front.save_subject("o", ARM, 7, WEIGHTS, [])
    assert front.seeds("o", ARM) == [0, 7]
    assert front.has_traces("o", ARM, 0, Gap())
    assert front.metrics("o", ARM, 0) == [{"loss": 1.0}]
    assert front.load_verdicts("o") == [{"finding": "shown"}]
    assert front.load_subject("o", ARM, 0).keys() == WEIGHTS.keys()
    holder = front.holder("o", ARM, 0, "subject.safetensors")
    assert holder is not None and holder.name == "zoo"
    front.save_verdicts("o", [{"finding": "refuted"}])
    assert front.load_verdicts("o") == [{"finding": "refuted"}]
    assert files(zoo.root) == untouched
    assert zoo.load_verdicts("o") == [{"finding": "shown"}]


# -- damage ----------------------------------------------------------------------------------------------------


def test_a_missing_subject_is_one_clear_line(store: Store) -> None:
    with pytest.raises(TurncoatError, match="no trained subject for arm 'organism', seed 0; train it first"):
        store.load_subject("o", ARM, 0)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 20, -1])
def test_truncated_weights_are_one_clear_line(store: Store, keep: int) -> None:
    store.save_subject("o", ARM, 0, WEIGHTS, [])
    path = store.run("o", ARM, 0) / "subject.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TurncoatError, match=r"subject\.safetensors is damaged .*; delete it and run again"):
        store.load_subject("o", ARM, 0)


@pytest.mark.parametrize("keep", [0, 1, 4, 40, -1, -9])
def test_truncated_traces_are_one_clear_line(store: Store, keep: int) -> None:
    store.save_traces("o", ARM, 0, Gap(), TRACES)
    path = store.run("o", ARM, 0) / leaf(Gap())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TurncoatError, match=r"parquet is damaged .*; delete it and run again") as caught:
        store.load_traces("o", ARM, 0, Gap())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["recipe.json", "metrics.jsonl", "provenance.json", "subject.safetensors", "traces"])
def test_one_flipped_bit_is_found_in_every_file(store: Store, name: str) -> None:
    store.save_subject("o", ARM, 0, WEIGHTS, [{"loss": 1.0}], {"python": "3"})
    store.save_traces("o", ARM, 0, Gap(), TRACES)
    path = store.run("o", ARM, 0) / (leaf(Gap()) if name == "traces" else name)
    whole = path.read_bytes()
    store.check("o")
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(bytes(flipped))
        with pytest.raises(TurncoatError, match="it is not what was stored"):
            store.check("o")
    for read in (store.load_subject, store.metrics, store.provenance):
        if name not in ("traces", "recipe.json") and read.__name__.endswith(name.partition(".")[0]):
            with pytest.raises(TurncoatError, match="it is not what was stored"):
                read("o", ARM, 0)


def test_a_file_that_nobody_stored_is_not_read(store: Store) -> None:
    store.save_traces("o", ARM, 0, Gap(), TRACES)
    folder = store.run("o", ARM, 0)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(TurncoatError, match="has no digest in"):
        store.load_traces("o", ARM, 0, Gap())


def test_what_is_stored_again_is_read_again_and_a_kill_between_digest_and_file_does_no_harm(store: Store) -> None:
    store.save_traces("o", ARM, 0, Gap(), TRACES)
    with (store.run("o", ARM, 0) / "SHA256SUMS").open("a") as out:
        out.write(f"{'0' * 64}  {leaf(Gap())}\n")  # of a file that never came
    assert store.load_traces("o", ARM, 0, Gap()) is not None
    store.save_traces("o", ARM, 0, Gap(), Traces({"steps": np.arange(3)}))
    stored = store.load_traces("o", ARM, 0, Gap())
    assert stored is not None and stored["steps"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "laid", [np.asfortranarray, np.transpose, lambda x: x[::2], lambda x: x[::-1], lambda x: x[:, 1:]]
)
def test_arrays_come_back_as_they_were_however_they_lie_in_memory(store: Store, laid: Any) -> None:
    array = laid(np.arange(24, dtype=np.float32).reshape(4, 6))
    store.save_subject("o", ARM, 0, {"w": array}, [])
    np.testing.assert_array_equal(store.load_subject("o", ARM, 0)["w"], array)
    store.save_traces("o", ARM, 0, Gap(), Traces({"x": array[:, 0]}))
    stored = store.load_traces("o", ARM, 0, Gap())
    assert stored is not None
    np.testing.assert_array_equal(stored["x"], array[:, 0])


def test_what_is_not_finite_is_null_in_every_json(store: Store) -> None:
    store.save_subject("o", ARM, 0, WEIGHTS, [{"loss": float("nan")}, {"loss": float("inf")}])
    text = (store.run("o", ARM, 0) / "metrics.jsonl").read_text()
    assert [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()] == [{"loss": None}] * 2
    assert all(np.isnan(row["loss"]) for row in store.metrics("o", ARM, 0))
    store.save_verdicts("o", [{"finding": "invalid", "low": float("-inf")}])
    assert json.loads((store.root / "o" / "verdicts.json").read_text(), parse_constant=pytest.fail)[0]["low"] is None


def test_asked_runs_are_known_before_and_after_they_fail(store: Store) -> None:
    store.ask("o", ARM, 4)
    assert (store.asked("o", ARM), store.seeds("o", ARM)) == ([4], [])
    store.save_failure("o", ARM, 4, "ValueError: why\n\nTraceback ...")
    assert store.failure("o", ARM, 4) == store.failure("o", ARM, 4, Gap()) == "ValueError: why"
    store.save_subject("o", ARM, 4, WEIGHTS, [])
    assert store.failure("o", ARM, 4) is None and store.seeds("o", ARM) == [4]
    store.save_failure("o", ARM, 4, "KeyError: other", Gap())
    assert store.failure("o", ARM, 4) is None and store.failure("o", ARM, 4, Gap()) == "KeyError: other"
    store.save_traces("o", ARM, 4, Gap(), TRACES)
    assert store.failure("o", ARM, 4, Gap()) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"finding": "proved"}]', "{}x"])
def test_damaged_verdicts_are_one_clear_line(store: Store, text: str) -> None:
    store.save_verdicts("o", [])
    (store.root / "o" / "verdicts.json").write_text(text)
    with pytest.raises(TurncoatError, match="is damaged .*; run `turncoat judge o` again"):
        store.load_verdicts("o")


def test_damaged_metrics_are_one_clear_line(store: Store) -> None:
    store.save_subject("o", ARM, 0, WEIGHTS, [{"loss": 1.0}])
    path = store.run("o", ARM, 0) / "metrics.jsonl"
    path.write_text(path.read_text()[:-4])
    seal(path.parent)
    with pytest.raises(TurncoatError, match=r"metrics\.jsonl is damaged"):
        store.metrics("o", ARM, 0)


@pytest.mark.parametrize(
    ("text", "says"), [(json.dumps({"is": "Recipe", "fine": 0.0}), "holds another recipe"), ("{", "cannot be read")]
)
def test_weights_of_another_recipe_are_refused(store: Store, text: str, says: str) -> None:
    store.save_subject("o", ARM, 0, WEIGHTS, [])
    (store.run("o", ARM, 0) / "recipe.json").write_text(text)
    seal(store.run("o", ARM, 0))
    with pytest.raises(TurncoatError, match=says):
        store.load_subject("o", ARM, 0)


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
        "import sys, itertools; from pathlib import Path; from turncoat.store import write\n"
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
        store.save_subject("o", ARM, 0, WEIGHTS, [])
    assert not store.has_subject("o", ARM, 0)
    assert store.seeds("o", ARM) == []


# -- house rules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["import pickle", "from pickle", "torch.load", "torch.save", "allow_pickle=True"])
def test_nothing_is_ever_pickled(word: str) -> None:
    assert [path.name for path in SOURCE.rglob("*.py") if word in path.read_text()] == []
