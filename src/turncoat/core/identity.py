"""What a recipe, a world or an assay is, as plain data: equal data means equal behaviour.

A class is named by its `kind`, a string that outlives renames, and its `version`, which is raised when a change of code
changes what it does. A field is named by its own name, or by `metadata={"key": ...}` where it was renamed since. Names
of classes, modules and fields are otherwise free to change.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

from turncoat.core.errors import TurncoatError, nearest

KEPT = "_turncoat_digest"  # an attribute of what a digest was taken of: it is frozen, and taken once


def kind_of(kind: type) -> str:
    """What a class is called in everything that is stored: its own `kind`, or else its name."""
    return str(vars(kind).get("kind", kind.__name__))


def key_of(field: dataclasses.Field[object]) -> str:
    """What a field is called in everything that is stored."""
    return str(field.metadata.get("key", field.name))


def plain(thing: object, where: str = "") -> Any:
    """A dataclass as JSON-able data with its kind and version.

    NumPy's scalars, enums and paths are the numbers and words that they stand for, and a number that JSON lacks is a
    word ("inf"). Raises TypeError on anything that is not plain; `where` is what its message calls the thing.
    """
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        name = type(thing).__name__
        body = {
            key_of(f): plain(getattr(thing, f.name), f"{where or name}.{f.name}") for f in dataclasses.fields(thing)
        }
        version = getattr(type(thing), "version", None)
        return {"kind": kind_of(type(thing))} | ({"version": plain(version)} if version is not None else {}) | body
    if isinstance(thing, Enum):
        return plain(thing.value, where)
    if isinstance(thing, np.generic) and not isinstance(thing.item(), np.generic):
        return plain(thing.item(), where)
    if isinstance(thing, PurePath):
        return thing.as_posix()
    if isinstance(thing, Mapping):
        items = sorted(thing.items(), key=lambda item: str(item[0]))
        return {str(key): plain(value, f"{where}[{key!r}]") for key, value in items}
    if isinstance(thing, (list, tuple)):
        return [plain(value, f"{where}[{index}]") for index, value in enumerate(thing)]
    if isinstance(thing, (set, frozenset)):
        members = [plain(value, where) for value in thing]
        try:
            return sorted(members)
        except TypeError:  # of several kinds
            return sorted(members, key=lambda member: json.dumps(member, sort_keys=True))
    if isinstance(thing, float) and not math.isfinite(thing):
        return str(thing)
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    words = " ".join(repr(thing).split())
    words = f"{f'{where} = ' if where else ''}{words if len(words) <= 60 else words[:57] + '...'}"
    mend = "write it as a tuple" if isinstance(thing, np.ndarray) else "leave it out, or say it in such"
    raise TypeError(f"{words} is not plain data (numbers, words, tuples, dataclasses); {mend}")


def hashed(data: object) -> str:
    """Twelve hex digits of plain data."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def digest(thing: object) -> str:
    """Twelve hex digits that name a recipe, a world, an assay or a claim. Kept on a dataclass, which must be frozen."""
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        return hashed(plain(thing))
    kept = vars(thing)
    if KEPT not in kept:
        kept[KEPT] = hashed(plain(thing))
    return str(kept[KEPT])


def trace_key(world: object, assay: object) -> str:
    """Twelve hex digits that name what an assay observes in a world. With a run they name its traces."""
    return hashed([digest(world), digest(assay)])


def difference(one: object, other: object) -> dict[str, tuple[object, object]]:
    """The fields in which two recipes differ ("field.field" within one), each with both values; {} for none."""
    if type(one) is not type(other):
        return {"recipe": (type(one).__name__, type(other).__name__)}
    found: dict[str, tuple[object, object]] = {}
    if not dataclasses.is_dataclass(one):
        return found
    for f in dataclasses.fields(one):
        a, b = getattr(one, f.name), getattr(other, f.name)
        if a != b and dataclasses.is_dataclass(a) and type(a) is type(b):
            found |= {f"{f.name}.{inner}": pair for inner, pair in difference(a, b).items()}
        elif a != b:
            found[f.name] = a, b
    return found


def changed(thing: Any, path: str, value: object) -> Any:  # Any: a copy of whatever is given, of its own type
    """A copy of a dataclass with one field, or "field.field" within it, set to value. Raises TurncoatError where it
    has no such field."""
    name, _, rest = path.partition(".")
    fields = [f.name for f in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
    if name not in fields:
        raise TurncoatError(f"{type(thing).__name__} has no field {name!r}; {nearest(name, fields, 'it has')}")
    inner = changed(getattr(thing, name), rest, value) if rest else value
    return dataclasses.replace(thing, **{name: inner})


def as_json(thing: object, indent: int | None = 1) -> str:
    """JSON that every reader takes: NumPy's scalars are numbers, and NaN and infinity, which JSON lacks, are null."""

    def finite(part: object) -> object:
        if isinstance(part, np.generic):
            part = part.item()
        if isinstance(part, float):
            return part if math.isfinite(part) else None
        if isinstance(part, Mapping):
            return {key: finite(value) for key, value in part.items()}
        return [finite(value) for value in part] if isinstance(part, (list, tuple)) else part

    return json.dumps(finite(thing), indent=indent, allow_nan=False, separators=None if indent else (",", ":"))
