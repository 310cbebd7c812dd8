"""Numbers, names and counts in the words of a page and of its figures."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass

import numpy as np

from turncoat.core import Assay, Readout


def number(value: float) -> str:
    """Two decimals where that says enough, three significant digits elsewhere; a true minus sign."""
    value += 0.0  # never -0
    text = f"{value:.2f}" if value == 0 or 0.01 <= abs(value) < 100 else f"{value:.3g}"
    return text.replace("-", "−")


def tick_label(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return truncated(text.replace("-", "−") if isinstance(value, (int, float)) else text, 32)


def truncated(text: str, most: int) -> str:
    """At most that many characters, with an ellipsis for what is left out."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def wrapped(text: str, width: int) -> str:
    """At most three lines."""
    return "\n".join(textwrap.wrap(text, width, max_lines=3, placeholder=" …"))


def line_count(text: str, width: int) -> int:
    """How many lines `wrapped` makes."""
    return wrapped(text, width).count("\n") + 1


def assay_name(assay: Assay) -> str:
    """An assay in words: its class, and the fields that are not at their default."""
    return with_settings(class_words(assay), changed_fields(assay))


def readout_name(readout: Readout) -> str:
    """A readout in words: its assay, which of the assay's readouts it is if there are several, and its parameters."""
    words = class_words(readout.assay)
    if len(readout.assay.readouts()) > 1:
        words += f", {readout.name.replace('_', ' ')}"
    return with_settings(words, changed_fields(readout.assay) | dict(readout.parameters))


def with_settings(words: str, settings: Mapping[str, object]) -> str:
    text = ", ".join(f"{name.replace('_', ' ')} {setting(value)}" for name, value in settings.items())
    return truncated(f"{words} ({text})" if text else words, 120)


def changed_fields(assay: Assay) -> dict[str, object]:
    """The fields of an assay that are not at their default."""
    found: dict[str, object] = {}
    for f in fields_of(assay):
        value = getattr(assay, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if default is MISSING or value != default:
            found[f.name] = value
    return found


def fields_of(assay: Assay) -> tuple[Field[object], ...]:
    """Of a dataclass, as every assay is declared, though its type cannot say so."""
    return fields(assay) if is_dataclass(assay) else ()


def class_words(assay: Assay) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(assay).__name__).capitalize()


def setting(value: object) -> str:
    """A field's value in words; pairs of factor and value, as conditions are written, without their brackets."""
    if isinstance(value, tuple) and value and all(isinstance(part, tuple) and len(part) == 2 for part in value):
        return " and ".join(f"{name} {tick_label(given)}" for name, given in value)
    return tick_label(value)


def seeds_caption(counts: Mapping[str, int], unit: str = "seed") -> str:
    """How many seeds, or of what `unit` there are several, stand behind each mark."""
    if len(set(counts.values())) == 1:
        n = next(iter(counts.values()))
        return f"n = {n} {unit}{'s' * (n != 1)}" + (" each." if len(counts) > 1 else ".")
    return f"n {unit}s = " + ", ".join(f"{n} ({name})" for name, n in counts.items()) + "."


def spoken_means(values: Mapping[str, Sequence[float]]) -> str:
    """The figure for those who hear it."""
    return "; ".join(f"{name} {number(float(np.mean(v)))}" for name, v in values.items()) + "."
