"""Traces of edits: a row a variant, of which some are named "random 0", "random 1" and so on."""

from __future__ import annotations

from turncoat.core import Traces


def by_variant(traces: Traces, column: str) -> dict[str, float]:
    """A column's numbers by the name of the variant."""
    return dict(zip(traces["variant"].tolist(), traces[column].tolist(), strict=True))
