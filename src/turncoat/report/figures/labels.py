"""What axes and lines are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turncoat.core import Assay, Readout
from turncoat.report.results import OrganismResults
from turncoat.report.words import class_words, fields_of, readout_name, setting


def unit_of(results: OrganismResults, assay: Assay | None, column: str) -> str:
    """The unit of a column or field, by the `units` of the assay, a declared recipe (the organism's before another's)
    or the world's measures; '' if none says."""
    units: dict[str, str] = {m.name: m.unit for m in results.organism.world.measures}
    for thing in (*(arm.recipe for arm in reversed(results.organism.arms)), assay):
        units |= getattr(thing, "units", {})
    return units.get(column, "")


def with_unit(results: OrganismResults, assay: Assay | None, column: str) -> str:
    unit = unit_of(results, assay, column)
    return column.split(".")[-1].replace("_", " ") + (f" ({unit})" if unit else "")


def line_labels(readouts: Sequence[Readout]) -> list[str]:
    """What sets each readout apart: the measure that it reads, or else its assay's class, if no other is of that assay;
    else the settings in which they differ."""
    settings = [settings_of(readout) for readout in readouts]
    kinds = [type(readout.assay) for readout in readouts]

    def label(place: int) -> str:
        readout, mine = readouts[place], settings[place]
        others = [other for other, kind in zip(settings, kinds, strict=True) if kind is kinds[place]]
        if len(others) == 1 and len(readouts) > 1:
            return str(mine["measure"]).replace("_", " ") if "measure" in mine else class_words(readout.assay)
        words = [
            setting(value) if isinstance(value, (str, tuple)) and value else f"{name} {setting(value) or 'none'}"
            for name, value in mine.items()
            if any(other.get(name) != value for other in others)
        ]
        return ", ".join(words).replace("_", " ") or readout_name(readout)

    return [label(place) for place in range(len(readouts))]


def settings_of(readout: Readout) -> Mapping[str, object]:
    """The assay's fields, which of its readouts it is, and the parameters of that."""
    assay = readout.assay
    return (
        {f.name: getattr(assay, f.name) for f in fields_of(assay)}
        | {"readout": readout.name}
        | dict(readout.parameters)
    )
