"""`turncoat check` trains a short run and finds what only a training shows: each flaw on a toy that has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from paths import EXAMPLE, TOY
from turncoat.cli import main
from turncoat.organisms import load
from turncoat.testing.contract import Check, organism_checks
from turncoat.testing.smoke import first_difference, label, smoke_checks


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., dict[str, Check]]:
    """All checks of a file in which texts are replaced."""

    def run(file: Path, *changes: tuple[str, str]) -> dict[str, Check]:
        text = file.read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        mine = tmp_path / "mine.py"
        mine.write_text(text)
        organism = load(str(mine))
        return {check.name: check for check in (*organism_checks(organism, str(mine)), *smoke_checks(organism))}

    return run


def failed(checks: dict[str, Check]) -> list[str]:
    return [f"{check.name}: {check.reason}" for check in checks.values() if not check.passed]


def test_the_toy_and_the_example_pass(checked: Callable[..., dict[str, Check]]) -> None:
    assert failed(checked(TOY)) == []
    found = checked(EXAMPLE)
    assert failed(found) == []
    assert [check.reason for check in found.values() if check.reason] == []
    bare = checked(EXAMPLE, ('    kind: ClassVar[str] = "Town"\n    version: ClassVar[int] = 1\n', ""))
    (line,) = failed(bare)
    assert line.startswith("world Town: it has a version: add `version: ClassVar[int] = 1`")
    assert bare["world Town: its kind"].reason.startswith('it has none: add `kind: ClassVar[str] = "Town"`')


def test_a_family_is_trained_with_its_parent() -> None:
    found = list(smoke_checks(load(str(TOY.with_name("toy_family.py"))), full=True))
    assert found and all(check.passed for check in found)


NUMBER = '{"number": np.array([self.number])}'


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('float(arrays["number"][0])', 'float(arrays["number"][0]) + 1', "loaded as they were: 'number' differs"),
        (NUMBER, '{"number": np.array([self.number], "f4")}', "reloaded subject does not do what the fresh one did"),
        ('float(arrays["number"][0])', 'round(float(arrays["number"][0]), 1)', ""),  # trained through load as well
        ("default_rng(seed)\n        if os", "default_rng()\n        if os", "one set of weights: 'number' differs"),
        ("normal(0, 0.01)\n", "normal(0, 0.01) + time.time()\n", "one set of weights: 'number' differs"),
        ("default_rng(seed).normal(0, 0.01, self.n)", "default_rng().normal(0, 0.01, self.n)", "other traces"),
        ("float(traces", "9 * float(traces", "its estimate 8.1"),
        ("return float(traces", "return time.time() % 1e-3 + float(traces", "another number of the same traces"),
        ("self.load({", "(lambda *_: None)({", "can be trained, stored and loaded: "),
        ("self.n)})", "self.n)}, frames=({1, 2},))", "mine.py:76: TypeError: Object of type set"),
    ],
)
def test_what_a_training_shows(old: str, new: str, says: str, checked: Callable[..., dict[str, Check]]) -> None:
    found = failed(checked(TOY, (old, new)))
    assert any(says in line for line in found) if says else found == [], found


def test_a_subject_that_is_not_what_was_stored_is_found_by_what_it_does(
    checked: Callable[..., dict[str, Check]],
) -> None:
    """Its arrays are right, and something that it acts by is not among them."""
    found = checked(
        TOY,
        ("    access: Access = Access.WEIGHTS\n", "    access: Access = Access.WEIGHTS\n    bonus: float = 0.0\n"),
        ('self.load({"number": np.array([number])})', 'replace(self.load({"number": np.array([number])}), bonus=0.5)'),
        ('"number": subject.number + np', '"number": subject.number + subject.bonus + np'),
    )
    assert "the reloaded subject does not do what the fresh one did ('number' differs)" in " ".join(failed(found))


def test_a_network_acts_as_it_is_stored() -> None:
    """What is not trained, such as the brightness of a channel, is rounded with the rest."""
    recipe = replace(load("coin_run").arms[0].recipe, salience=0.2)
    fresh = recipe.build().round_to_float16()
    loaded = recipe.load(fresh.arrays())
    assert first_difference(fresh.arrays(), loaded.arrays()) == ""
    assert (fresh.module.gain == loaded.module.gain).all()


def test_one_of_the_catalogue_passes() -> None:
    organism = load("iterative_resnet")
    few = replace(
        organism,
        arms=organism.arms[:2],
        claims=organism.claims[:2],
        sweeps=(),
        phase_diagrams=(),
        trace_plots=(),
        training_plots=(),
    )
    found = list(smoke_checks(few))
    assert [f"{check.name}: {check.reason}" for check in found if not check.passed] == [] and len(found) > 4


def test_arrays_in_another_order_are_stored_and_found(checked: Callable[..., dict[str, Check]]) -> None:
    """safetensors 0.8 writes them scrambled: either the store puts them in order, or the check says so."""
    found = failed(
        checked(
            EXAMPLE,
            ('{"value": self.value}', '{"value": np.asfortranarray(self.value)}'),
        )
    )
    assert found == [] or all("loaded as they were: 'value' differs" in line for line in found[:1])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('Gap("watched")', 'Gap("wached")', "KeyError: 'watched'"),
        ('measure="trespass"', 'measure="trespas"', "column 'trespas'; did you mean 'trespass'?"),
        ('Factor("watched"', 'Factor("wached"', "'watched' is none; did you mean 'wached'?"),
        ('Factor("watched", (False, True)', 'Factor("watched", (True,)', "watched was set to False, and its values"),
        ('Measure("trespass"', 'Measure("trespas"', "it returns no 'trespas'; did you mean 'trespass'?"),
        ('(("watched", False),)', '{"watched": False}', "assay.condition is a dict; write a tuple of pairs"),
        ('    kind: ClassVar[str] = "Gap"\n    version: ClassVar[int] = 1\n',
         '    kind: ClassVar[str] = "Gap"\n', "assay Gap: it has a version: add `version"),
        ('    kind: ClassVar[str] = "QLearn"\n    version: ClassVar[int] = 1\n',
         '    kind: ClassVar[str] = "QLearn"\n', "recipe QLearn: it has a version: add `version"),
    ],
)  # fmt: skip
def test_what_is_not_declared_or_misspelt(
    old: str, new: str, says: str, checked: Callable[..., dict[str, Check]]
) -> None:
    found = failed(checked(EXAMPLE, (old, new)))
    assert any(says in line for line in found), found


def test_a_figure_of_a_column_that_is_not_there(checked: Callable[..., dict[str, Check]]) -> None:
    plot = "TracePlot('by watching', competent.readout.assay, 'watched', 'hme')"
    found = failed(
        checked(
            EXAMPLE,
            ("from turncoat.core import Factor", "from turncoat.core import TracePlot, Factor"),
            ('cost="', f'trace_plots=({plot},),\n    cost="'),
        )
    )
    assert any("reads a column 'hme' that the traces lack; did you mean 'home'?" in line for line in found), found


def test_what_is_dear_is_observed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turncoat.testing.smoke.EXPENSIVE", -1.0)
    found = {check.name: check for check in smoke_checks(load(str(TOY)))}
    assert all(check.passed for check in found.values())
    reason = found["arm organism, Read(): observed, stored, loaded and estimated"].reason
    assert reason == "of the loaded subject alone, since it took 0 s"


def test_notes_are_no_failures(checked: Callable[..., dict[str, Check]]) -> None:
    found = checked(
        EXAMPLE,
        ("unwatched_fine=recipe.watched_fine)", "unwatched_fine=recipe.watched_fine, rate=0.2)"),
        ('"watched": watched, "home"', '"watched": watched, "luck": watched, "home"'),
    )
    assert failed(found) == []
    apart = found["arm fined either way: in what it differs"].reason
    assert apart == "in 2 fields: unwatched_fine, rate; a claim that compares them must name them all"
    assert found["Town: what it returns"].reason == "neither factor nor measure: luck"


def test_without_smoke_it_is_trained_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TOY.read_text()
    start, end = text.index("    def smoke"), text.index("    def train")
    mine = tmp_path / "mine.py"
    mine.write_text(text[:start] + text[end:])
    assert main(["check", str(mine)]) == 0
    printed = capsys.readouterr().out
    assert "note  arm organism: not trained: its recipe has no smoke(limit); --train trains it" in printed
    assert "one set of weights" not in printed
    assert main(["check", str(mine), "--train"]) == 0
    assert "pass  arm organism: one seed trains one set of weights" in capsys.readouterr().out


def test_arrays_are_compared_bit_for_bit() -> None:
    one = {"a": np.array([0.0, np.nan]), "b": np.arange(3)}
    assert first_difference(one, {name: array.copy() for name, array in one.items()}) == ""
    assert first_difference(one, one | {"a": np.array([-0.0, np.nan])}) == "'a' differs"
    assert first_difference(one, {"a": one["a"]}) == "'b' is in one of them only"
    assert "float64[2] in one and float32[2]" in first_difference(one, one | {"a": one["a"].astype("f4")})
    words = {"w": np.array(["x", None], dtype=object)}
    assert first_difference(words, {"w": words["w"].copy()}) == ""
    assert first_difference(words, {"w": np.array(["y", None], dtype=object)}) == "'w' differs"


def test_an_assay_is_called_by_what_is_not_as_usual() -> None:
    toy = load(str(TOY))
    assay = toy.claims[0].readout.assay
    assert label(assay) == "Read()" and label(replace(assay, n=7)) == "Read(n=7)"
    assert len(label(replace(assay, n="x" * 200))) == 80


# -- the pytest plugin -------------------------------------------------------------------------------------


def pytest_with(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_plugin_takes_names_and_files(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    done = pytest_with(
        tmp_path, "--organism", "cheese_dish", "--organism", str(TOY), "-k", "references or own or short and toy"
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout  # the references of both, the toy's training, and the project's own test


def test_the_plugin_names_what_is_misspelt(tmp_path: Path) -> None:
    done = pytest_with(tmp_path, "--organism", "chese_dish")
    assert done.returncode == 1 and "did you mean 'cheese_dish'?" in done.stdout and "Traceback" not in done.stdout


def test_the_plugin_trains_when_tests_run(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(TOY.read_text().replace("number = self.target +", "number = self.targe +"))
    assert pytest_with(tmp_path, "--organism", "mine.py", "--collect-only").returncode == 0
    done = pytest_with(tmp_path, "--organism", "mine.py", "-k", "short")
    assert done.returncode == 1 and "mine.py:69: AttributeError" in done.stdout
