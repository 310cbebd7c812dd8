"""What is wrong in a user's own file, or around it, is one line with file and line number, from every command."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PureWindowsPath
from typing import Any, ClassVar

import numpy as np
import pytest

from paths import TOY
from turncoat.boundary import one_line, place_of, user_code
from turncoat.cli import main
from turncoat.core import (
    Factor,
    NotTestable,
    Traces,
    TurncoatError,
    as_json,
    check_condition,
    digest,
    nearest,
    plain,
)
from turncoat.organisms import load
from turncoat.runner.backends import execute
from turncoat.runner.plan import Job, plan
from turncoat.runner.worker import trained
from turncoat.store import Run, Store


def altered(folder: Path, old: str, new: str, name: str = "mine.py") -> Path:
    """The toy with one text replaced."""
    text = TOY.read_text()
    assert old in text
    mine = folder / name
    mine.write_text(text.replace(old, new), encoding="utf-8")
    return mine


def turncoat(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "turncoat", *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture
def fails(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must fail: exit 2, no traceback, one line that is Turncoat's."""

    def run(*arguments: str) -> str:
        assert main(arguments) == 2
        err = capfd.readouterr().err
        assert "Traceback" not in err
        (line,) = [line for line in err.splitlines() if line.startswith("turncoat: ")]
        return line

    return run


# -- what recipes may hold -------------------------------------------------------------------------------


class Kind(Enum):
    ONE = (1, 2)


@dataclass(frozen=True)
class Recipe:
    field: Any
    version: ClassVar[int] = 1


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("word"), "word"),
        (tuple(np.arange(3)), (0, 1, 2)),
        (Path("data") / "mazes", "data/mazes"),
        (PureWindowsPath("data\\mazes"), "data/mazes"),
        (Kind.ONE, (1, 2)),
        (((1, "a"), (2.5, None)), ((1, "a"), (2.5, None))),
        (frozenset({np.int64(2), 1}), frozenset({1, 2})),
    ],
)
def test_a_recipe_may_hold_what_stands_for_numbers_and_words(written: Any, same: Any) -> None:
    assert plain(Recipe(written)) == plain(Recipe(same))
    assert digest(Recipe(written)) == digest(Recipe(same))


def test_numbers_that_json_lacks_are_words_in_a_recipe() -> None:
    codes = {digest(Recipe(value)) for value in (float("inf"), float("-inf"), float("nan"), np.float32("inf"), None)}
    assert len(codes) == 4
    assert json.dumps(plain(Recipe(float("inf"))), allow_nan=False)


def test_sets_and_dicts_of_several_kinds_have_an_order() -> None:
    assert plain(frozenset({1, "a", None})) == plain(frozenset({None, "a", 1}))
    assert plain({1: "a", "b": 2}) == plain({"b": 2, 1: "a"})


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (Recipe(np.zeros(3)), r"Recipe.field = array\(.*write it as a tuple"),
        (Recipe((1, Recipe(object()))), r"Recipe.field\[1\].field = <object"),
        (Recipe({"a": len}), r"Recipe.field\['a'\] = <built-in"),
        (Recipe(np.longdouble(1)), "Recipe.field"),
        (Recipe(1j), "Recipe.field"),
    ],
)
def test_what_is_not_plain_is_named_with_its_field(thing: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says) as raised:
        plain(thing)
    assert "\n" not in str(raised.value)


def test_a_sweep_over_numpys_numbers_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = altered(
        tmp_path, "(0.1, 0.5, 0.9), (Read().readout(),)", "tuple(np.arange(0.1, 1, 0.4)), (Read().readout(),)"
    )
    assert [arm.name for arm in load(str(mine)).all_arms()] == [arm.name for arm in load(str(TOY)).all_arms()]
    mine = altered(tmp_path, "target: float = 0.9", "target: float = np.float32(0.9)")
    assert main(["run", str(mine), "--store", str(tmp_path / "store"), "--seeds", "2", "-j", "1"]) == 0
    assert main(["play", str(mine), "--store", str(tmp_path / "store")]) == 0  # its recipe.json is that of its recipe


# -- one line, with file and line --------------------------------------------------------------------------

COMMANDS = ("show", "run", "train", "assay", "judge", "verify", "play", "report", "check")


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_is_one_line_from_every_command(command: str, tmp_path: Path, fails: Callable[..., str]) -> None:
    mine = altered(
        tmp_path, 'Arm("control", replace(recipe, target=0.1)', 'Arm("control", replace(recipe, target=np.zeros(3))'
    )
    store = [] if command == "check" else ["--store", str(tmp_path)]
    line = fails(command, str(mine), *store)
    assert "mine.py:110: TypeError: Learn.target = array([0., 0., 0.]) is not plain data" in line


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"by target", "target"', '"by target", "targt"', ":134: Learn has no field 'targt'; did you mean 'target'?"),
        ("(0.1, 0.5, 0.9), (Read", "(0.1, len), (Read", ":134: TypeError: Learn.target = <built-in"),
        ('that.", Read()', 'that.", Read(len)', ":123: TypeError: Claim.readout.assay.n = <built-in"),
        ("replace(recipe, target=0.1)", "replace(recipe, targt=0.1)", ":110: TypeError: Learn.__init__() got an"),
        ("replace(recipe, target=0.1)", "replace(recipe, targt=0.1)", "did you mean 'target'?"),
        ("recipe = Learn()", "recipe = Learn(udpates=3)", ":101: TypeError: Learn.__init__() got an unexpected"),
        ("arms=(\n", "arms=5 or (\n", ":103: TypeError: 'int' object is not iterable"),
        ("recipe = Learn()", "import sys; sys.exit('done')", ":101: SystemExit: done"),
        ("recipe = Learn()", "recipe = Learn(", ":101: "),
        ('Row.TURN: "there', '"turm": "there', "unknown row 'turm'; did you mean 'turn'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(
    old: str, new: str, says: str, tmp_path: Path, fails: Callable[..., str]
) -> None:
    line = fails("show", str(altered(tmp_path, old, new)))
    assert says in line and "mine.py" in line


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("number = self.target +", "number = self.targe +", "mine.py:69: AttributeError: 'Learn' object has no"),
        ('subject.number + np', 'subject.numbr + np', "mine.py:82: AttributeError: 'Number' object has no"),
        ('traces["number"]', 'traces["numbr"]', "mine.py:87: these traces have no column 'numbr'; did you mean"),
        ('traces["number"]', 'traces["number"].tolist()', "mine.py:87: AttributeError: 'list' object has"),
    ],
)  # fmt: skip
def test_what_a_run_raises_is_one_line(
    old: str, new: str, says: str, tmp_path: Path, fails: Callable[..., str]
) -> None:
    mine = altered(tmp_path, old, new)
    assert says in fails("run", str(mine), "--store", str(tmp_path / "store"), "--seeds", "1", "-j", "1")


def test_what_load_raises_is_one_line(tmp_path: Path, fails: Callable[..., str]) -> None:
    store = str(tmp_path / "store")
    assert main(["train", str(TOY), "--store", store, "--seeds", "1", "-j", "1", "--arm", "organism"]) == 0
    (tmp_path / "store" / "toy").rename(tmp_path / "store" / "mine")
    mine = altered(tmp_path, 'arrays["number"][0]', 'arrays["numbr"][0]')
    assert "mine.py:73: KeyError: 'numbr'" in fails("play", str(mine), "--store", store)


def test_the_whole_traceback_is_there_for_the_asking(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mine = str(altered(tmp_path, "recipe = Learn()", "recipe = 1 / 0"))
    for arguments in (["--debug", "show", mine], ["show", mine, "--debug"]):
        assert main(arguments) == 2
        err = capfd.readouterr().err
        assert "Traceback" in err and "recipe = 1 / 0" in err and "turncoat: " in err.splitlines()[-1]


def test_the_boundary_keeps_answers_and_words() -> None:
    with pytest.raises(NotTestable), user_code():
        raise NotTestable("no such part")
    with pytest.raises(TurncoatError, match=r"test_user_errors.py:\d+: SystemExit: 3$"), user_code():
        sys.exit(3)
    with pytest.raises(TurncoatError, match=r"test_user_errors.py:\d+: mend it$"), user_code():
        raise TurncoatError("mend it")
    with pytest.raises(TurncoatError, match=r"^a.py:3: mend it$") as raised, user_code():
        raise TurncoatError("a.py:3: mend it")
    assert one_line(raised.value) == "a.py:3: mend it"
    assert one_line(TypeError("two\nlines"), "here") == "here: TypeError: two lines"  # no line of a user's was running
    assert "test_user_errors.py:" in place_of(Recipe)
    assert place_of(Store) == place_of(int) == ""


# -- misspelt words ----------------------------------------------------------------------------------------


def test_a_misspelt_word_names_the_nearest() -> None:
    assert nearest("colr", ["colour", "size"], "it has") == "did you mean 'colour'?"
    assert nearest("zzz", ["colour", "size"], "it has") == "it has colour, size"
    factors = (Factor("watched", (False, True), ""), Factor("year", ("safe", "sham"), ""))
    with pytest.raises(TurncoatError, match="no factor 'wached'; did you mean 'watched'?"):
        check_condition(factors, {"wached": True})
    with pytest.raises(TurncoatError, match="must be one of safe, sham; got 'sahm'; did you mean 'sham'?"):
        check_condition(factors, {"year": "sahm"})
    traces = Traces({"trespass": np.zeros(2)})
    for read in (lambda: traces["trespas"], lambda: traces.where(trespas=0)):
        with pytest.raises(TurncoatError, match="no column 'trespas'; did you mean 'trespass'?"):
            read()


def test_json_is_what_every_reader_takes() -> None:
    thing = {"a": float("nan"), "b": (np.float32("inf"), np.int64(3), {"c": -np.inf}), "d": "NaN"}
    assert json.loads(as_json(thing)) == {"a": None, "b": [None, 3, {"c": None}], "d": "NaN"}


# -- streams and folders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_terminal_that_cannot_encode_a_character_gets_its_code(encoding: str, tmp_path: Path) -> None:
    mine = altered(tmp_path, "# The toy that tests run", "# The toy ≥ 0")
    done = turncoat("show", str(mine), env=os.environ | {"PYTHONIOENCODING": encoding})
    assert done.returncode == 0 and done.stdout.startswith("# The toy \\u2265 0") and not done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "turncoat", "list"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "No space left" in done.stderr
        assert subprocess.run([*command, "--tga"], stderr=full).returncode == 2  # and nowhere to say so


@pytest.mark.skipif(os.name != "posix", reason="closes file descriptors through a shell")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("play cheese_corner --me <&-", 0),
        ("list >&-", 0),
        ("show zzz 2>&-", 2),
        ("list <&- >&- 2>&-", 0),
    ],
)
def test_closed_streams_are_empty(command: str, code: int) -> None:
    line = f"{sys.executable} -m turncoat {command}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, "")


def test_a_folder_where_a_file_belongs_is_one_line(tmp_path: Path, fails: Callable[..., str]) -> None:
    (tmp_path / "mine.py").mkdir()
    assert "mine.py is a folder" in fails("show", str(tmp_path / "mine.py"))
    assert "is a folder" in fails("check", str(tmp_path))
    store = tmp_path / "store"
    assert main(["train", str(TOY), "--store", str(store), "--seeds", "1", "-j", "1"]) == 0
    (store / "toy" / "verdicts.json").mkdir(parents=True)
    assert "verdicts.json" in fails("judge", str(TOY), "--store", str(store))
    (tmp_path / "site" / "toy.html").mkdir(parents=True)
    (tmp_path / "site" / "index.html").mkdir(parents=True)
    line = fails("report", str(TOY), "--store", str(store), "--out", str(tmp_path / "site"))
    assert "cannot write" in line


# -- scripts without a main guard --------------------------------------------------------------------------

SCRIPT = f"""
from pathlib import Path
from turncoat.organisms import load
from turncoat.runner.backends import execute
from turncoat.runner.plan import plan
from turncoat.store import Store

TOY = {str(TOY)!r}


def go():
    execute(plan(TOY, load(TOY), Store(Path("store")), 1, arms=("organism",)), 2)


"""


@pytest.mark.parametrize(
    ("end", "works"),
    [
        ("go()\n", False),
        ("for _ in range(1):\n    go()\n", False),
        ("if __name__ == '__main__':\n    pass\ngo()\n", False),
        ("if __name__ == '__main__':\n    go()\n", True),
    ],
)
def test_a_script_without_a_main_guard_is_told_so(end: str, works: bool, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + end)
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode == 0) == works, done.stderr
    if not works:
        assert done.stderr.count("Traceback") == 1 and "bootstrapping" not in done.stderr
        assert "script.py:" in done.stderr.splitlines()[-1] and "__main__" in done.stderr.splitlines()[-1]
        assert not (tmp_path / "store").exists()


def test_a_worker_that_comes_to_the_call_again_says_so(tmp_path: Path) -> None:
    """What the parent cannot see: the guard is there, and is no guard."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + "if __name__:\n    go()\n")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and "script.py:16: this starts worker processes" in done.stderr
    assert "bootstrapping" not in done.stderr


def test_an_organisms_file_that_runs_itself_is_told_so(tmp_path: Path, fails: Callable[..., str]) -> None:
    execute = "from turncoat.runner.backends import execute"
    mine = altered(tmp_path, "recipe = Learn()", f"{execute}; execute([], 1); recipe = Learn()")
    line = fails("show", str(mine))
    assert "mine.py:101: this starts worker processes" in line and "__main__" in line


# -- locks -------------------------------------------------------------------------------------------------


def hold(root: Path, seconds: float, log: Path) -> None:
    organism = load(str(TOY))
    with Store(root).run(organism, organism.arms[0], 0).lock():
        with log.open("a") as out:
            out.write("in\n")
        time.sleep(seconds)
        with log.open("a") as out:
            out.write("out\n")


def test_locks_exclude_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    context, log = multiprocessing.get_context("spawn"), tmp_path / "log"
    holders = [context.Process(target=hold, args=(tmp_path / "store", 0.05, log)) for _ in range(6)]
    for holder in holders:
        holder.start()
    for holder in holders:
        holder.join()
    assert log.read_text() == "in\nout\n" * 6
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path / "store", 60, log))
    holder.start()
    while not (log.exists() and log.read_text()):
        time.sleep(0.05)
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join()
    left = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert len(left) == 1 and left[0].suffix == ".lock"
    hold(tmp_path / "store", 0, log)
    assert not left[0].exists()


def test_a_run_leaves_no_locks_and_a_read_only_store_can_be_observed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    organism, store = load(str(TOY)), Store(tmp_path / "store")
    execute(plan(str(TOY), organism, store, 1), 2)
    assert list((tmp_path / "store").rglob("*.lock")) == []

    def none(*_: Any) -> Any:
        raise AssertionError("a lock in a store that is only read")

    monkeypatch.setattr(Run, "lock", none)
    arm = organism.arms[0]
    assert trained(organism, arm, Job(str(TOY), arm.name, 0, store.root, ()), store).number > 0.5
