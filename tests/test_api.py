"""`import turncoat as tc`: what it hands out, what it imports, and that the page about it is true."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import paths
import turncoat as tc
from extras import needs_for
from paths import ROOT
from turncoat.cli import main

TOY = str(paths.TOY)
CONTRACT = ["organism", "row", "claim", "id", "finding", "effect", "low", "high", "k", "n", "unit", "because", "store"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "store"
    assert main(["run", TOY, "--store", str(folder), "--seeds", "5", "-j", "2"]) == 0
    return folder


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "using.md").read_text("utf-8")
    page = doctest.DocTestParser().get_doctest(text, {}, "using.md", None, 0)
    failures: list[str] = []
    assert doctest.DocTestRunner().run(page, out=failures.append).failed == 0, "".join(failures)


@pytest.mark.parametrize(
    "code",
    ["import turncoat as tc", "import turncoat as tc; tc.load('gatehouse'); tc.names(); tc.table(); dir(tc)"],
    ids=["import", "looking around"],
)
def test_importing_it_imports_nothing_heavy(code: str) -> None:
    heavy = "import sys; sys.exit(str({'torch', 'scipy', 'polars', 'matplotlib', 'gymnasium'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{heavy}"], capture_output=True, text=True)
    assert done.stderr.strip() == "set()"


def test_every_public_name_is_there() -> None:
    assert all(getattr(tc, name) is not None for name in tc.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tc.nonsense


def test_results_have_the_columns_of_the_table(store: Path) -> None:
    frame = tc.results(store=store)
    assert frame.columns[: len(CONTRACT)] == CONTRACT
    assert set(frame["organism"]) == {*tc.names(), "toy"}
    assert frame.schema["effect"] == pl.Float64 and frame.schema["k"] == pl.Int64
    toy = tc.results("toy", store)
    assert toy.schema == frame.select(toy.columns).schema and toy.height < frame.height


def test_results_take_keys_that_only_some_rows_have(tmp_path: Path) -> None:
    from turncoat.report.table import unjudged
    from turncoat.store import Store

    rows = unjudged("mine")
    rows[1] |= {"standing": "registered", "replication": {"finding": "shown", "effect": 0.5, "k": 5}}
    Store(tmp_path).save_verdicts("mine", rows)
    frame = tc.results("mine", tmp_path)
    assert frame["standing"].to_list()[:2] == ["exploratory", "registered"]
    assert frame["replication"].struct.field("effect").to_list()[:2] == [None, 0.5]


def test_judging_writes_nothing(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    judged = tc.judge(TOY, store)
    assert list(judged) == list(tc.table("toy", store)) and len(judged) == len(judged.rows)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_an_organism_of_ones_own_goes_by_its_name_once_it_was_run(store: Path, tmp_path: Path) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    assert tc.subject("toy", "control", 2, store).number == pytest.approx(0.1, abs=0.05)
    assert [row["finding"] for row in tc.judge("toy", store)] == [row["finding"] for row in tc.judge(TOY, store)]
    with pytest.raises(tc.TurncoatError, match="there is no organism 'toy'"):
        tc.subject("toy", store=elsewhere)


def test_what_is_not_there_gets_one_line(store: Path) -> None:
    with pytest.raises(tc.TurncoatError, match=r"are kept of seed 0, 1, 2, 3, 4, not of 9; train seed 9: .*toy\.py"):
        tc.subject("toy", seed=9, store=store)
    for ask in (tc.subject, tc.judge, tc.table, tc.results, tc.rollout, tc.load):
        with pytest.raises(tc.TurncoatError, match="did you mean 'gatehouse'"):
            ask("gatehose")
    with pytest.raises(tc.TurncoatError, match="has no arm 'twin'; arms are organism"):
        tc.subject("coin_run", "twin")
    with pytest.raises(tc.TurncoatError, match=r"--first-seed (\d+) --seeds 1") as caught:
        tc.subject("coin_run", "diverse", 3)  # was run and its weights dropped: that seed is not trained again
    assert "--first-seed 3 " not in str(caught.value)


def test_rollouts_are_seeded_and_take_conditions() -> None:
    one = tc.rollout("coin_run", n=5, seed=3, condition={"levels": "deployment"})
    assert one.height == 5 and set(one["levels"]) == {"deployment"}
    assert one.equals(tc.rollout(tc.subject("coin_run"), 5, 3, {"levels": "deployment"}, world="coin_run"))
    assert not one.equals(tc.rollout("coin_run", n=5, seed=4, condition={"levels": "deployment"}))
    with pytest.raises(tc.TurncoatError, match="needs a world"):
        tc.rollout(tc.subject("coin_run"))
    with pytest.raises(tc.TurncoatError, match="no factor 'colour'"):
        tc.rollout("coin_run", condition={"colour": "red"})
    with pytest.raises(tc.TurncoatError, match="at least 1"):
        tc.rollout("coin_run", n=0)


@pytest.mark.parametrize("name", tc.names())
def test_every_organism_rolls_out(name: str) -> None:
    needs_for(tc.load(name))
    assert tc.rollout(name, n=3).height == 3


def test_what_the_error_says_to_do_works(tmp_path: Path) -> None:
    with pytest.raises(tc.TurncoatError) as caught:
        tc.subject(TOY, seed=7, store=tmp_path)
    command = str(caught.value).split("turncoat ", 1)[1].replace("'", "").split()
    assert main([*command, "--store", str(tmp_path), "-j", "1"]) == 0
    assert tc.subject(TOY, seed=7, store=tmp_path).number > 0.5
