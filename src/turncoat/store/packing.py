"""Writes what `packed.Pack` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from turncoat.core import Assay, Organism, as_json, kind_of, plain
from turncoat.store import tables
from turncoat.store.files import sha256, write
from turncoat.store.folder import VERDICTS
from turncoat.store.packed import LOGS, RUNS, TRACES, WEIGHTS
from turncoat.store.run import Run

if TYPE_CHECKING:
    import polars as pl

LEVEL = 19  # of zstd: packing takes its time, once


@dataclass(frozen=True)
class Kept:
    """How much of a run is kept."""

    run: Run
    assays: tuple[Assay, ...]  # what was observed by these, where it was
    weights: bool  # its weights, where they are there
    log: bool = True


def pack(organism: Organism, kept: Iterable[Kept], root: Path) -> None:
    """Write runs below `root`, in place of what was there of the organism but for its verdicts.

    Runs are ordered by arm, recipe and seed, so that the same runs give the same bytes, and git stores only what
    changed. Where an observation has got more columns since, those that all runs have are packed. Raises ValueError
    where two runs were observed by one assay and have other columns.
    """
    from safetensors.numpy import save

    kept = sorted(kept, key=lambda each: (each.run.arm.name, each.run.key.recipe, each.run.seed))
    provenances: list[str] = []
    weights: dict[str, np.ndarray] = {}
    logs: list[Mapping[str, float | str]] = []
    runs: list[object] = []
    observed: dict[str, list[Kept]] = {}
    assays: dict[str, Assay] = {}
    for each in kept:
        run = each.run
        body: dict[str, object] = {"arm": run.arm.name, "recipe": run.key.recipe, "seed": run.seed}
        if each.weights and run.trained:
            body["weights"] = True
            arrays = run.arrays().items()
            weights |= {f"{run.key.code}/{name}": np.ascontiguousarray(array) for name, array in arrays}
        elif run.finished:
            body["dropped"] = True
        if not run.asked:
            body["parent"] = True
        if (why := run.failure()) is not None:
            body["failure"] = why
        failures, untestable = {}, {}
        for assay in each.assays:
            trace = run.trace(assay)
            if run.holder(assay) is not None:
                observed.setdefault(trace, []).append(each)
                assays[trace] = assay
            elif (reason := run.untestable(assay)) is not None:
                untestable[trace] = reason
            elif (why := run.reason("failures", assay)) is not None:
                failures[trace] = why
        body |= {"failures": failures} if failures else {}
        body |= {"untestable": untestable} if untestable else {}
        if by := run.provenance():
            text = json.dumps(by, sort_keys=True)
            if text not in provenances:
                provenances.append(text)
            body["provenance"] = provenances.index(text)
        if each.log:
            logs += [{tables.RUN: run.key.code, **report} for report in run.log()]
        runs.append(body)
    files: dict[str, bytes] = {}
    if weights:
        files[WEIGHTS] = save(dict(sorted(weights.items())))
    if logs:
        files[LOGS] = packed_logs(logs)
    told: dict[str, object] = {}
    for trace, having in sorted(observed.items()):
        leaf = f"{TRACES}/{kind_of(type(assays[trace]))}-{trace}.parquet"
        files[leaf] = packed_traces(having, assays[trace])
        told[trace] = {"assay": plain(assays[trace]), "file": leaf, "runs": seeds_by_recipe(having)}
    index: dict[str, Mapping[str, object] | list[object]] = {
        "world": {"world": plain(organism.world)},
        "recipes": {each.run.key.recipe: plain(each.run.arm.recipe) for each in kept},
        "provenances": [json.loads(text) for text in provenances],
        "traces": told,
        "runs": runs,
        "files": {leaf: sha256(data) for leaf, data in sorted(files.items())},
    }
    folder = root / organism.name
    for leaf, data in files.items():
        if not (folder / leaf).is_file() or (folder / leaf).read_bytes() != data:
            write(folder / leaf, data)
    write(folder / RUNS, one_entry_a_line(index).encode())
    for path in list(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in {*files, RUNS, VERDICTS}:
            path.unlink()


def seeds_by_recipe(having: Iterable[Kept]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in having:
        found.setdefault(each.run.key.recipe, []).append(each.run.seed)
    return found


def packed_traces(having: Iterable[Kept], assay: Assay) -> bytes:
    """What was observed of several runs as one table, with the run in its first column."""
    import polars as pl

    frames: list[pl.DataFrame] = []
    narrow = pl.Schema()  # the columns that all have
    replays: dict[str, object] = {}
    for each in having:
        traces = each.run.traces(assay)
        assert traces is not None
        frame = tables.frame_of(traces)
        frame = frame.insert_column(0, pl.Series(tables.RUN, [each.run.key.code] * frame.height))
        if frames and not (frame.schema.items() <= narrow.items() or narrow.items() <= frame.schema.items()):
            raise ValueError(f"{each.run.label}: it has the columns {frame.schema}, another {narrow}")
        narrow = frame.schema if not frames or len(frame.schema) < len(narrow) else narrow
        frames.append(frame)
        if traces.frames:
            replays[each.run.key.code] = traces.frames
    frames = [frame.select(narrow.names()) for frame in frames]
    return tables.written(pl.concat(frames), {"frames": tables.pack_json(replays)} if replays else {}, LEVEL)


def packed_logs(reports: list[Mapping[str, float | str]]) -> bytes:
    """Logs of runs that report different things; what one does not report is null."""
    import polars as pl

    names = dict.fromkeys(name for report in reports for name in report)
    columns = {name: [report.get(name) for report in reports] for name in names}
    return tables.written(pl.DataFrame(columns, strict=False), {}, LEVEL)


def one_entry_a_line(index: Mapping[str, Mapping[str, object] | list[object]]) -> str:
    """JSON with a line for each entry of each part, so that a change shows as the lines that it changed."""

    def part(value: Mapping[str, object] | list[object]) -> str:
        if isinstance(value, Mapping):
            lines = [f"  {json.dumps(name)}: {as_json(each, None)}" for name, each in value.items()]
            return "{\n" + ",\n".join(lines) + "\n }"
        return "[\n" + ",\n".join(f"  {as_json(each, None)}" for each in value) + "\n ]"

    return "{\n" + ",\n".join(f" {json.dumps(name)}: {part(value)}" for name, value in index.items()) + "\n}\n"
