"""The contract tests are themselves tested: each passes what is right and fails what is broken."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from paths import TOY
from turncoat.core import Access, Assay, Traces, readout
from turncoat.organisms import load
from turncoat.testing.contract import assay_checks, organism_checks


@dataclass(frozen=True)
class Number:
    """A subject that is a number and no more."""

    value: float
    access: Access = Access.ACT


@dataclass(frozen=True)
class Mean(Assay):
    broken: str = ""
    version: ClassVar[int] = 1

    def observe(self, subject: Any, world: Any, seed: int) -> Traces:
        rng = np.random.default_rng(None if self.broken == "seed" else seed)
        value = 0.0 if self.broken == "deaf" else 0.9 if self.broken == "always" else subject.value
        return Traces({"x": value + rng.random(50) / 10 + (5 if self.broken == "bounds" else 0)})

    @readout(bounds=(0.0, 1.0), unit="units")
    def mean(self, traces: Traces) -> float:
        noise = np.random.default_rng().random() if self.broken == "impure" else 0
        return float(traces["x"].mean()) + noise / 100


@pytest.mark.parametrize(
    ("broken", "fails"),
    [
        ("", None),
        ("deaf", "it fires on the planted subject"),
        ("always", "it is silent on the null"),
        ("bounds", "its estimates are within its bounds"),
        ("seed", "observation is a function of the seed"),
        ("impure", "estimates are pure, also after storage"),
    ],
)
def test_assay_checks_find_the_flaw(broken: str, fails: str | None) -> None:
    world: Any = None
    failed = [
        check.name
        for check in assay_checks(Mean(broken).readout(), world, Number(0.8), Number(0.1), 0.5)
        if not check.passed
    ]
    assert failed == [] if fails is None else fails in failed


def test_organism_checks_pass_the_toy_and_find_flaws() -> None:
    toy = load(str(TOY))
    assert all(check.passed for check in organism_checks(toy, str(TOY)))

    def failed(**changes: Any) -> set[str]:
        return {check.name for check in organism_checks(replace(toy, **changes), str(TOY)) if not check.passed}

    assert failed(doc="no title") == {"the docstring has a title", "the docstring has prose"}
    assert failed(refs=()) == {"references are given"}
    assert "there is a control" in failed(arms=toy.arms[:1], claims=(), sweeps=())
    twin = replace(toy.arms[1], name="twin", recipe=toy.arms[0].recipe)
    assert failed(arms=(*toy.arms, twin)) == {"arm twin: differs from the organism"}
    impossible = replace(toy.claims[0], at_least=7.0)
    assert failed(claims=(impossible,)) == {f"claim {impossible.statement!r}: its threshold can be met and missed"}


def test_importing_torch_on_sight_is_found(tmp_path: Path) -> None:
    eager = tmp_path / "eager.py"
    eager.write_text(TOY.read_text().replace("import time\n", "import time\nimport torch\n"))
    failed = [check for check in organism_checks(load(str(eager)), str(eager)) if not check.passed]
    assert [check.name for check in failed] == ["listing it does not import torch"]


def test_the_pytest_plugin_runs_the_checks_of_anybodys_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(TOY.read_text().replace('refs=("arxiv:1906.01820",)', "refs=()"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--organism", str(mine)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "references are given: refs is empty" in done.stdout and "1 failed" in done.stdout
    mine.write_text(TOY.read_text())
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).returncode == 0
