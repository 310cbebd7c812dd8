"""The table as it is printed, written and shown: marks, widths, colour, escaping."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import paths
from turncoat.cli import main
from turncoat.core import Finding, Row
from turncoat.organisms import names
from turncoat.report.table import (
    COLOURS,
    MARKS,
    NAME,
    WORST_FIRST,
    Table,
    as_csv,
    details,
    markdown,
    markdown_details,
    markdown_mark,
    matrix,
    unjudged,
)
from turncoat.store import Store

TOY = str(paths.TOY)
EVIL = "<script>alert('x')</script> & | \n"


def told(organism: str = "mine", row: str | None = "turn", finding: str = "shown", **more: Any) -> dict[str, Any]:
    return unjudged(organism)[0] | {"row": row, "finding": finding, "claim": f"It is {finding}."} | more


def test_every_finding_has_a_mark_a_colour_and_a_rank() -> None:
    assert set(MARKS) == set(COLOURS) == set(WORST_FIRST) == {finding.value for finding in Finding}
    assert len(set(MARKS.values())) == len(MARKS)
    assert len({row.head for row in Row}) == len(Row)
    assert {len(head) for head in (row.head for row in Row)} == {3}


def test_the_matrix_fits_a_hundred_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--store", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for name in names():
        shown = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
        (line,) = [line for line in lines if line.startswith(f"{shown} ")]
        assert len(re.findall(r"yes|no|[?!–.]", line.removeprefix(name))) == len(Row)
    assert all(f"{row.head} {row.value}" in "\n".join(lines) for row in Row)
    rows = [told("an_organism_with_a_very_long_name", row.value) for row in Row] + 120 * [told("b", None)]
    assert max(map(len, matrix(rows).splitlines())) <= 100


def test_a_row_is_as_good_as_its_weakest_claim() -> None:
    text = matrix([told(finding="shown"), told(finding="undecided"), told(row=None), told(row=None, finding="refuted")])
    line = text.splitlines()[1]
    assert line.split() == ["mine", "?", "1/2"]
    assert (
        markdown_mark([told(finding="shown")]) == "**yes**"
        and markdown_mark([told(finding="refuted")]) == "no"
        and markdown_mark([]) == ""
    )


def test_colour_is_for_terminals_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from turncoat.cli.commands import in_colour

    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert in_colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not in_colour()
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not in_colour()
    coloured, plain = (matrix([told(), told("other", finding="refuted")], colour) for colour in (True, False))
    assert "\033[32m" in coloured and "\033[31m" in coloured and "\033" not in plain
    bare = re.sub(r"\033\[\d+m", "", coloured)
    assert [line.rstrip() for line in bare.splitlines()] == plain.splitlines()


def test_details_name_every_claim_beside_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    text = details([told(), told(row=None, claim="Beside.", effect=0.5, low=0.1, high=None, k=4, n=5)])
    assert "turn                    shown" in text and "0.500 [0.100, ?] 4/5" in text and "Beside." in text
    assert main(["table", "coin_run"]) == 0
    printed = capsys.readouterr().out
    assert all(f" {row.value} " in printed for row in Row) and "cheese" not in printed
    assert "Untrained, it does not do the task." in printed


def test_csv_and_markdown_say_what_json_says(capsys: pytest.CaptureFixture[str]) -> None:
    def printed(*flags: str) -> str:
        assert main(["table", *flags]) == 0
        return capsys.readouterr().out

    rows = json.loads(printed("--json"))
    read = list(csv.DictReader(io.StringIO(printed("--csv"))))
    assert len(read) == len(rows) and list(read[0]) == list(rows[0])
    assert [row["because"] for row in read] == [row["because"] for row in rows]
    lines = printed("--markdown").splitlines()
    assert len(lines) == 2 + len(names()) and {line.count("|") for line in lines} == {2 + len(Row)}
    assert printed("coin_run", "--markdown").strip() == markdown_details(
        [r for r in rows if r["organism"] == "coin_run"]
    )
    assert (
        printed("coin_run", "--json") == json.dumps([r for r in rows if r["organism"] == "coin_run"], indent=1) + "\n"
    )


def test_unknown_keys_travel_on() -> None:
    rows = [told(), told(cost={"seconds": 5}, judge="somebody")]
    first, second = csv.DictReader(io.StringIO(as_csv(rows)))
    assert first["judge"] == "" and second["judge"] == "somebody"
    assert json.loads(second["cost"]) == {"seconds": 5}
    assert "mine" in matrix(rows) and "mine" in details(rows) and "mine" in markdown(rows)


def test_a_replication_is_told_and_counted() -> None:
    fresh = {"finding": "shown", "effect": 0.5, "low": 0.4, "high": 0.6, "k": 5, "n": 5}
    other = fresh | {"finding": "undecided"}
    rows = [told(finding="shown", standing="registered", replication=each) for each in (fresh, other)]
    assert "registered; on fresh seeds shown 0.500 [0.400, 0.600] 5/5" in details(rows[:1])
    assert matrix(rows).splitlines()[1].endswith("1/2")
    assert "registered; on fresh seeds undecided" in Table(tuple(rows))._repr_html_()


def test_nothing_breaks_out_of_a_cell() -> None:
    evil = told(organism=EVIL, claim=EVIL, because=EVIL)
    for table in (Table((evil,)), Table((evil, told()))):
        page = table._repr_html_()
        assert "<script" not in page and "&lt;script&gt;" in page
        assert str(table)
    assert "<script" not in Table(tuple(unjudged("<script>") + unjudged("b")))._repr_html_()
    assert "<script" not in pl.DataFrame([evil])._repr_html_()  # what `tc.results` returns shows itself by polars
    lines = markdown_details([told(because=EVIL)]).splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}


# -- organisms of one's own --------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A store with a run organism whose file is beside it."""
    mine = tmp_path / "my_organism.py"
    mine.write_text(Path(TOY).read_text())
    assert main(["run", str(mine), "--store", str(tmp_path / "store"), "--seeds", "1", "-j", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["organism"] for row in rows} == {"my_organism"}
    return tmp_path / "store"


def test_ones_own_organism_is_in_the_table_and_the_gallery(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["table", "--store", str(store)]) == 0
    assert "\nmy_organism " in capsys.readouterr().out
    monkeypatch.setattr("turncoat.cli.commands.names", lambda: ["coin_run"])  # the whole gallery takes its time
    assert main(["report", "--store", str(store), "--out", str(tmp_path / "site")]) == 0
    assert "my_organism.html" in (tmp_path / "site" / "index.html").read_text()
    (store.parent / "my_organism.py").unlink()
    capsys.readouterr()
    assert main(["report", "--store", str(store), "--out", str(tmp_path / "other")]) == 0
    assert "my_organism is left out: its file is not there any more" in capsys.readouterr().err
    assert "my_organism.html" not in (tmp_path / "other" / "index.html").read_text()
    assert main(["table", "my_organism", "--store", str(store)]) == 0
    assert "It is not as large as that." in capsys.readouterr().out
    assert main(["report", "my_organism", "--store", str(store)]) == 2


def test_its_name_or_its_file_is_enough_for_its_page(store: Path, tmp_path: Path) -> None:
    assert main(["play", "my_organism", "--store", str(store)]) == 0
    for source in ("my_organism", str(store.parent / "my_organism.py")):
        out = tmp_path / f"site-{len(source)}"
        assert main(["report", source, "--store", str(store), "--out", str(out)]) == 0
        assert (out / "my_organism.html").is_file()


def test_the_catalogue_is_not_noted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.remember("coin_run", "coin_run")
    assert store.sources() == {} and store.organisms() == []


@pytest.mark.parametrize("command", ["judge", "assay", "verify"])
def test_judging_commands_speak_json(command: str, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = str(store.parent / "my_organism.py")
    main([command, mine, "--store", str(store), "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert "It is able." in {row["claim"] for row in rows}
