"""What a subject or a world can do is said by types, in one place; and what is of any type says why."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from paths import ROOT
from turncoat.assays.residual.layer_ablation import LayerAblation
from turncoat.core import Access, Assay, NotTestable, TurncoatError
from turncoat.protocols import CAPABILITIES, require

SOURCE = ROOT / "src" / "turncoat"
OWNER = SOURCE / "protocols.py"
SUBJECTS_AND_WORLDS = re.compile(r"(^|\.|_)(subject|world|model|net|policy|planted|null|fresh|loaded)$")
MOST = 40  # annotations that are Any


def asked(path: Path) -> Iterator[tuple[str, str]]:
    """Every `hasattr`, and `getattr` with a default: of what, and the whole call."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            call = (node.func.id, len(node.args))
            if call[0] == "hasattr" or call == ("getattr", 3):
                yield ast.unparse(node.args[0]), ast.unparse(node)


def test_nobody_feels_about_in_subjects_and_worlds() -> None:
    found = [
        f"{path.relative_to(SOURCE)}: {call}"
        for path in SOURCE.rglob("*.py")
        if path != OWNER
        for of, call in asked(path)
        if SUBJECTS_AND_WORLDS.search(of)
    ]
    assert not found


def test_what_is_of_any_type_says_why() -> None:
    lines = [
        (path.relative_to(SOURCE).as_posix(), number, line)
        for path in SOURCE.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r":\s*Any\b", line.split("#")[0])
    ]
    assert len(lines) <= MOST, f"{len(lines)} annotations are Any"
    assert not [f"{path}:{number}" for path, number, line in lines if "  # " not in line]


def every_assay(kind: type[Assay] = Assay) -> Iterator[type[Assay]]:
    for child in kind.__subclasses__():
        if child.__module__.startswith("turncoat."):
            yield child
        yield from every_assay(child)


def test_every_assay_has_a_kind_a_version_readouts_and_known_requirements() -> None:
    import importlib
    import pkgutil

    import turncoat.assays

    for module in pkgutil.walk_packages(turncoat.assays.__path__, "turncoat.assays."):
        importlib.import_module(module.name)
    assays = list(every_assay())
    assert len(assays) > 20
    assert len({vars(assay)["kind"] for assay in assays}) == len(assays)  # its own, and no other's
    for assay in assays:
        assert isinstance(vars(assay)["version"], int) and assay.readouts(), assay
        assert set(assay.requires) <= set(CAPABILITIES), assay
        for name in assay.readouts():
            assert (getattr(assay, name).__doc__ or "").strip().endswith((".", "?")), f"{assay.__name__}.{name}"


def test_requirements_are_checked_in_order_and_one_that_is_unknown_is_an_error() -> None:
    class Sealed:
        access = Access.ACT

    class Open:
        access = Access.WEIGHTS

    with pytest.raises(NotTestable, match="reaches for its weights, and it lets itself be reached by act only"):
        require(LayerAblation(), Sealed(), object())
    with pytest.raises(NotTestable, match="residual steps"):  # nor has the world a loss
        require(LayerAblation(), Open(), object())

    class Careless(LayerAblation):
        requires = (str,)

    with pytest.raises(TurncoatError, match="Careless requires str, which is no @capability"):
        require(Careless(), Open(), object())
