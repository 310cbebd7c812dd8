"""A packed store: what comes out is what went in, the same runs give the same bytes, and nothing can be written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import paths
from toy import Learn, Read
from turncoat.core import Organism, Traces, TurncoatError, trace_key
from turncoat.organisms import load
from turncoat.store import Pack, Run, Store, place
from turncoat.store.packing import Kept, pack

WEIGHTS = {"number": np.array([0.25]), "half": np.arange(4, dtype=np.float16)}


@dataclass(frozen=True)
class Other(Read):
    kind: ClassVar[str] = "Other"


@pytest.fixture
def organism() -> Organism:
    return load(str(paths.TOY))


def traces(seed: int) -> Traces:
    columns = {"number": np.array([seed, 0.5]), "word": np.array(["a", "bc"]), "yes": np.array([True, False])}
    return Traces(columns, ({"cells": [seed]},) if seed == 1 else ())


def filled(root: Path, organism: Organism) -> Store:
    """Two runs of the organism, one of its control that failed, and one that was only built on."""
    store = Store(root)
    for seed in (1, 0):
        run = store.run(organism, organism.arms[0], seed)
        run.save(WEIGHTS, [{"done": 1, "loss": float("nan")}, {"done": 2, "score": 0.5 + seed}], {"python": "3"})
        run.save_traces(Read(), traces(seed))
        run.save_untestable(Other(), "it has no such part")
    failed = store.run(organism, organism.arms[1], 0)
    failed.ask()
    failed.save_failure("ValueError: why\n\nTraceback ...")
    built_on = store.run(organism, organism.arms[2], 0)
    built_on.save(WEIGHTS, [])
    built_on.mark_parent()
    return store


def kept(store: Store, organism: Organism) -> list[Kept]:
    return [
        Kept(store.run(organism, arm, seed), (Read(), Other()), weights=seed == 0)
        for arm in organism.arms
        for seed in store.known(organism, arm)
    ]


@pytest.fixture
def packed(tmp_path: Path, organism: Organism) -> Store:
    pack(organism, kept(filled(tmp_path / "store", organism), organism), tmp_path / "zoo")
    return Store(tmp_path / "zoo", name="zoo")


def test_what_comes_out_is_what_went_in(packed: Store, organism: Organism) -> None:
    arm = organism.arms[0]
    assert isinstance(packed.own, Pack)
    assert (packed.seeds(organism, arm), packed.asked(organism, arm)) == ([0, 1], [0, 1])
    for seed in (0, 1):
        run = packed.run(organism, arm, seed)
        there = run.traces(Read())
        assert there is not None and list(there.columns) == list(traces(seed).columns)
        for name, column in traces(seed).columns.items():
            assert there[name].dtype.kind == column.dtype.kind and there[name].tolist() == column.tolist()
        assert there.frames == traces(seed).frames
        assert run.untestable(Other()) == "it has no such part" and run.observed(Other())
        assert [set(row) for row in run.log()] == [{"done", "loss"}, {"done", "score"}]
        assert np.isnan(run.log()[0]["loss"]) and run.log()[1]["score"] == 0.5 + seed
        assert run.provenance() == {"python": "3"}
        assert (run.trained, run.dropped) == (seed == 0, seed == 1)
    arrays = packed.run(organism, arm, 0).arrays()
    for name, array in WEIGHTS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    assert packed.run(organism, organism.arms[1], 0).failure() == "ValueError: why"
    assert packed.asked(organism, organism.arms[2]) == [] and packed.seeds(organism, organism.arms[2]) == [0]


def test_the_same_runs_give_the_same_bytes_also_packed_again(tmp_path: Path, organism: Organism) -> None:
    store = filled(tmp_path / "store", organism)
    once, twice = tmp_path / "once", tmp_path / "twice"
    pack(organism, kept(store, organism), once)
    pack(organism, reversed(kept(store, organism)), twice)
    pack(organism, kept(Store(twice), organism), twice)

    def content(root: Path) -> dict[str, bytes]:
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    assert content(once) == content(twice)
    names = {
        "runs.json",
        "weights.safetensors",
        "logs.parquet",
        f"traces/Read-{trace_key(organism.world, Read())}.parquet",
    }
    assert set(content(once)) == {f"toy/{name}" for name in names}


def test_a_pack_is_a_fallback_and_is_never_written(packed: Store, organism: Organism, tmp_path: Path) -> None:
    front = Store(tmp_path / "front", [place(packed.root, "zoo")], name="store")
    run = front.run(organism, organism.arms[0], 0)
    assert run.trained
    run.save_traces(Other(), traces(0))
    again = front.run(organism, organism.arms[0], 0)
    holders = [again.holder(assay) for assay in (Read(), Other())]
    assert [place.name for place in holders if place is not None] == ["zoo", "store"]
    writing = packed.run(organism, organism.arms[0], 7)
    for act in (writing.ask, lambda: writing.save(WEIGHTS, []), lambda: packed.save_verdicts("toy", [])):
        with pytest.raises(TurncoatError, match="is packed and cannot be written; give another --store"):
            act()


def test_of_an_observation_that_has_grown_the_common_columns_are_packed(tmp_path: Path, organism: Organism) -> None:
    store, arm = Store(tmp_path / "store"), organism.arms[0]
    for seed, more in enumerate(({"new": np.ones(2)}, {}, {"new": np.zeros(2)})):
        run = store.run(organism, arm, seed)
        run.save({"number": np.array([0.5])}, [])
        run.save_traces(Read(), Traces(traces(seed).columns | more))
    pack(organism, [Kept(store.run(organism, arm, seed), (Read(),), True) for seed in range(3)], tmp_path / "zoo")
    for seed in range(3):
        there = Store(tmp_path / "zoo").run(organism, arm, seed).traces(Read())
        assert there is not None and list(there.columns) == list(traces(seed).columns)


def test_runs_of_other_columns_are_not_packed_together(tmp_path: Path, organism: Organism) -> None:
    store = Store(tmp_path / "store")
    for seed, column in enumerate(("one", "other")):
        run = store.run(organism, organism.arms[0], seed)
        run.save(WEIGHTS, [])
        run.save_traces(Read(), Traces({column: np.zeros(2)}))
    with pytest.raises(ValueError, match="toy, organism, seed 1: it has the columns .*other"):
        pack(organism, kept(store, organism), tmp_path / "zoo")


def test_a_damaged_index_is_one_clear_line(packed: Store, organism: Organism) -> None:
    path = packed.root / "toy" / "runs.json"
    for text in ("", "{", "[]", '{"runs": [1]}'):
        path.write_text(text)
        with pytest.raises(
            TurncoatError, match="runs.json is damaged .*; take it from the repository or the package again"
        ):
            Store(packed.root).seeds(organism, organism.arms[0])


def test_another_recipe_is_another_run(packed: Store, organism: Organism) -> None:
    other = replace(organism.arms[0], recipe=Learn(target=0.3))
    run: Run = packed.run(organism, other, 0)
    assert not run.asked and run.traces(Read()) is None and packed.known(organism, other) == []
