"""What is stored is called by kinds, versions and values, and outlives the names that code has."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from plain_recipe import Recipe, Room
from turncoat.core import Row, Tier, difference, digest, kind_of, plain, trace_key


@dataclass(frozen=True)
class Gap:
    version: ClassVar[int] = 2
    episodes: int = 100


@dataclass(frozen=True)
class Named:
    kind: ClassVar[str] = "named"
    size: int = 1


def test_a_digest_is_twelve_hex_digits_that_never_change() -> None:
    # Were this to change, every store in the world would look like another recipe's.
    assert digest(Recipe()) == "bd7f44bbcad0"


def test_equal_recipes_have_one_digest_and_any_field_changes_it() -> None:
    base = Recipe()
    others = [replace(base, fine=-29.0), replace(base, world=Room(side=4)), replace(base, parent=base)]
    assert digest(base) == digest(Recipe(world=Room(tags=frozenset({"a", "b"}))))
    assert len({digest(each) for each in [base, *others]}) == 4


def test_a_digest_covers_the_parent_and_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    child, other = Recipe(parent=Recipe()), Recipe(parent=Recipe(fine=0.0))
    assert digest(child) != digest(other)
    before = digest(child)
    monkeypatch.setattr(Recipe, "version", 2)
    assert digest(replace(child)) != before  # of this very object it was taken once


def test_a_digest_is_the_same_in_another_process() -> None:
    """Set order depends on the hash seed of the process; a digest must not."""
    program = "from turncoat.core import digest; print(digest({'tags': frozenset('abcdefgh')}))"

    def once(seed: str) -> str:
        env = os.environ | {"PYTHONHASHSEED": seed}
        return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True).stdout

    assert once("1") == once("2") != ""


def test_a_trace_is_of_a_world_and_an_assay() -> None:
    assert trace_key(Room(), Gap()) == trace_key(Room(), Gap())
    others = [trace_key(Room(side=4), Gap()), trace_key(Room(), Gap(episodes=9)), trace_key(Gap(), Room())]
    assert len({trace_key(Room(), Gap()), *others}) == 4


@dataclass(frozen=True)
class Renamed:
    """`Recipe` after its class and two fields were given better names."""

    kind: ClassVar[str] = "Recipe"
    version: ClassVar[int] = 1
    home: Room = field(default=Room(), metadata={"key": "world"})
    penalty: float = field(default=-30.0, metadata={"key": "fine"})
    parent: Any = None


def test_renaming_a_class_a_module_or_a_field_changes_no_digest() -> None:
    assert plain(Renamed()) == plain(Recipe())
    assert digest(Renamed(penalty=2.0, parent=Renamed())) == digest(Recipe(fine=2.0, parent=Recipe()))
    other = type("CalledOtherwise", (Named,), {"kind": "named", "__module__": "moved.elsewhere"})
    assert digest(other()) == digest(Named())


def test_a_class_that_says_no_kind_is_called_by_its_name_and_its_heirs_by_theirs() -> None:
    @dataclass(frozen=True)
    class Heir(Named):
        pass

    assert (kind_of(Recipe), kind_of(Named), kind_of(Heir)) == ("Recipe", "named", "Heir")


def test_plain_is_json_with_kind_and_version() -> None:
    assert plain(Recipe()) == {
        "kind": "Recipe",
        "version": 1,
        "world": {"kind": "Room", "side": 3, "tags": ["a", "b"]},
        "fine": -30.0,
        "parent": None,
    }
    assert plain({"row": Row.TURN, "tier": Tier.PRODUCT, "pair": (1, 2)}) == {
        "row": "turn",
        "tier": 1,
        "pair": [1, 2],
    }


@pytest.mark.parametrize("thing", [object(), lambda: 0, np.zeros(3), Recipe, b"bytes"])
def test_plain_refuses_what_is_not_plain(thing: object) -> None:
    with pytest.raises(TypeError, match="is not plain data"):
        plain(thing)


def test_difference_names_exactly_the_changed_fields() -> None:
    base = Recipe()
    assert difference(base, base) == {}
    assert difference(base, replace(base, fine=0.0)) == {"fine": (-30.0, 0.0)}
    assert difference(base, Gap()) == {"recipe": ("Recipe", "Gap")}
