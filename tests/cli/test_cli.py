"""The command line as a user meets it: exit codes, one-line errors, JSON contracts, nothing heavy imported."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import paths
from turncoat.cli import main
from turncoat.organisms import names
from turncoat.store.files import put

TOY = str(paths.TOY)
ROWS = [
    "correct_reward",
    "behaves_in_training",
    "capable_in_deployment",
    "standard_tools",
    "turn",
    "instrumental",
    "any_test",
    "undesigned",
    "compute",
    "plan",
    "causal_plan",
    "replan",
    "objective_decodable",
    "objective_retargetable",
    "interchange",
    "shift",
    "not_lookup",
]


@pytest.fixture
def fails(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail: exit 2, one line on stderr (after progress lines), nothing on stdout."""

    def run(*arguments: str) -> str:
        assert main(arguments) == 2
        out, err = capfd.readouterr()
        assert "Traceback" not in err and not out
        (line,) = [line for line in err.splitlines() if line.startswith("turncoat: ")]
        return line

    return run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "store"
    assert main(["run", TOY, "--store", str(folder), "--seeds", "5", "-j", "2"]) == 0
    return folder


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "--json"], ["table"], ["table", "--json"]])
def test_looking_around_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from turncoat.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'scipy', 'polars', 'matplotlib', 'gymnasium'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_list_keeps_its_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries] == names()
    for entry in entries:
        assert list(entry) == ["name", "title", "tier", "realism", "tags", "arms", "claims"]
    assert main(["list", "--tag", "no such tag"]) == 0
    assert capsys.readouterr().out == ""


def test_table_keeps_its_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--json", "--store", str(tmp_path)]) == 0
    rows = json.loads(capsys.readouterr().out)
    keys = ["organism", "row", "claim", "id", "finding", "effect", "low", "high", "k", "n", "unit", "because"]
    keys += ["store", "standing", "replication"]
    assert all(list(row) == keys for row in rows)
    for name in names():
        answered = {row["row"] for row in rows if row["organism"] == name}
        assert answered - {None} == set(ROWS)


def test_run_prints_verdicts_and_refuted_is_no_failure(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["judge", TOY, "--store", str(store)]) == 0
    printed = capsys.readouterr().out
    assert "shown" in printed and "refuted" in printed and "no such part" in printed
    assert main(["judge", TOY, "--store", str(store), "--fail-on", "refuted"]) == 1


def test_what_is_packed_is_judged_and_keeps_its_verdicts(capfd: pytest.CaptureFixture[str]) -> None:
    before = (paths.ZOO / "cheese_corner" / "verdicts.json").read_bytes()
    assert main(["judge", "cheese_corner", "--store", str(paths.ZOO)]) == 0
    out, err = capfd.readouterr()
    assert "shown" in out.splitlines()[-1] and "cannot be written" not in err
    assert (paths.ZOO / "cheese_corner" / "verdicts.json").read_bytes() == before


def test_a_quick_look_runs_the_runs_that_are_named_and_judges_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "quick.py"
    toy = (
        Path(TOY)
        .read_text()
        .replace('title="The toy",', 'title="The toy", quick={"organism": (1007,), "control": (3,)},')
    )
    source.write_text(toy)
    assert main(["run", str(source), "--store", str(tmp_path / "store"), "-j", "1", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "organism, seed 1007" in printed and "control, seed 3" in printed and "shown" not in printed
    assert "These are single runs" in printed and len(list(tmp_path.glob("store/quick/*/seed-*"))) == 2


def test_assay_observes_only_what_is_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", TOY, "--store", str(tmp_path), "--seeds", "2", "-j", "1", "--arm", "control"]) == 0
    assert main(["assay", TOY, "--store", str(tmp_path), "--seeds", "5", "-j", "1"]) == 0
    assert "not observed yet" in capsys.readouterr().out
    assert len(list(tmp_path.glob("toy/*/seed-*/subject.safetensors"))) == 2


def test_show_and_play(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", TOY, "--store", str(store)]) == 0
    printed = capsys.readouterr().out
    assert "target: 0.9 -> 0.1" in printed and "organism minus control: at least 0.5 units" in printed
    assert main(["play", TOY, "--store", str(store), "--arm", "control"]) == 0
    assert "the number is 0.09" in capsys.readouterr().out


def test_a_person_can_play(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def typed(*lines: str) -> str:
        said = iter(lines)

        def answer(prompt: str) -> str:
            try:
                return next(said)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", answer)
        assert main(["play", "cheese_corner", "--me", "--levels", "training"]) == 0
        return capsys.readouterr().out

    printed = typed("x", "", "aw")
    assert "there is no key 'x'" in printed and "w up" in printed and "@" in printed and "goal oracle" in printed
    assert "over after 2 steps" in printed
    assert "reward 1" in typed("aw" * 10 + "d" * 200)  # the keys after the end are not played


def test_check_says_what_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", TOY]) == 0
    bare = tmp_path / "bare.py"
    bare.write_text(Path(TOY).read_text().replace('refs=("arxiv:1906.01820",)', "refs=()"))
    assert main(["check", str(bare)]) == 1
    assert "FAIL  references are given" in capsys.readouterr().out


def test_smoke_runs_are_never_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", TOY, "--limit", "1", "--seeds", "1", "-j", "1", "--store", str(tmp_path)]) == 0
    assert "nothing is judged" in capsys.readouterr().out
    assert not list(tmp_path.rglob("verdicts.json"))
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("subject.safetensors")} == {"smoke"}


# -- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "maze_planer"], "did you mean 'maze_planner'?"),
        (["show", "zzzzz"], "the catalogue has"),
        (["table", "maze_planer"], "did you mean 'maze_planner'?"),
        (["table", "--csv", "--json"], "not allowed with"),
        (["run", "missing.py"], "no organism file missing.py"),
        (["run", TOY, "-j", "0"], "at least 1"),
        (["run", TOY, "--seeds", "-3"], "at least 1"),
        (["run", TOY, "--seeds", "0"], "at least 1"),
        (["run", TOY, "--first-seed", "-1"], "at least 0"),
        (["run", TOY, "--arm", "controll"], "did you mean 'control'?"),
        (["run", TOY, "--quick"], "has no quick choice of runs"),
        (["fly"], "invalid choice"),
        (["run"], "required"),
        ([], "required"),
        (["run", TOY, "--colour", "red"], "unrecognized"),
        (["play", TOY, "--store", "nowhere"], "is not there"),
    ],
)
def test_bad_words_get_one_line(arguments: list[str], says: str, fails: Callable[..., str]) -> None:
    assert says in fails(*arguments)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("organism = Organism(", "organism = Organism((", "mend the file"),
        ("organism = Organism(", "creature = Organism(", "no `organism"),
        ('"""# The toy', 'x = """# The toy', "docstring"),
        ("import time\n", "import time\nimport no_such_module\n", ":9: ModuleNotFoundError"),
        ('Arm("control"', 'Arm("organism"', "two arms"),
        ('control="control"', 'control="contrl"', "did you mean 'control'?"),
        ("at_least=1.5)", ")", "exactly one of at_least, at_most and within"),
        ('"organism"),', '"control"),', "first arm"),
    ],
)
def test_malformed_organism_files_get_one_line(
    old: str, new: str, says: str, tmp_path: Path, fails: Callable[..., str]
) -> None:
    text = Path(TOY).read_text()
    assert old in text
    bad = tmp_path / "bad.py"
    bad.write_text(text.replace(old, new))
    line = fails("show", str(bad))
    assert says in line and "bad.py" in line


def one(store: Path, pattern: str) -> Path:
    return next(iter(sorted(store.glob(pattern))))


@pytest.fixture
def copied(store: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(store, tmp_path / "copied"))


def test_truncated_traces_get_one_line(copied: Path, fails: Callable[..., str]) -> None:
    path = one(copied, "toy/organism-*/seed-0/traces/*.parquet")
    path.write_bytes(path.read_bytes()[:100])
    assert str(path) in fails("judge", TOY, "--store", str(copied))


def test_truncated_weights_get_one_line(copied: Path, fails: Callable[..., str]) -> None:
    path = one(copied, "toy/organism-*/seed-0/subject.safetensors")
    path.write_bytes(path.read_bytes()[:-3])
    assert str(path) in fails("play", TOY, "--store", str(copied))


def test_a_store_of_another_recipe_gets_one_line(copied: Path, fails: Callable[..., str]) -> None:
    path = one(copied, "toy/organism-*/seed-0/recipe.json")
    put(path.parent, path.name, path.read_text().replace("0.9", "0.7").encode())
    assert "another recipe" in fails("play", TOY, "--store", str(copied))


def test_damaged_verdicts_get_one_line(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from turncoat.core import TurncoatError
    from turncoat.store import Store

    path = copied / "toy" / "verdicts.json"
    path.write_text(path.read_text()[:50])
    with pytest.raises(TurncoatError, match="judge toy"):
        Store(copied).load_verdicts("toy")


def test_a_file_where_the_store_should_be_gets_one_line(tmp_path: Path, fails: Callable[..., str]) -> None:
    (tmp_path / "file").write_text("")
    assert "give a folder" in fails("run", TOY, "--store", str(tmp_path / "file"))
    assert "cannot write" in fails("run", TOY, "--store", str(tmp_path / "file" / "below"))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_gets_one_line_and_loses_nothing(
    code: int, copied: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (copied / "toy" / "verdicts.json").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    assert main(["judge", TOY, "--store", str(copied)]) == 2
    assert os.strerror(code) in capfd.readouterr().err
    assert (copied / "toy" / "verdicts.json").read_bytes() == before
    assert not list(copied.rglob(".part-*"))
