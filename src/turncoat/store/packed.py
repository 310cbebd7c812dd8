"""A store that ships: read-only, a few files an organism, in formats that other tools open.

    <root>/<organism>/runs.json              every run: recipe, seed, what became of it, and what was observed of it
                      weights.safetensors    "<recipe digest>/<seed>/<name>": the subjects whose weights are kept
                      logs.parquet           training logs; `run` is "<recipe digest>/<seed>"
                      traces/<assay>-<trace key>.parquet    one observation of all runs, with the same column `run`
                      verdicts.json          the rows of the table

runs.json holds the digests of the other files, which are compared when they are read. `pack` writes the same bytes for
the same runs, so that git stores only what changed.
"""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from turncoat.core import Traces, TurncoatError, VerdictRow
from turncoat.store import tables
from turncoat.store.files import sha256
from turncoat.store.folder import VERDICTS, read_verdicts
from turncoat.store.source import Facts, Report, RunKey

if TYPE_CHECKING:
    import polars as pl

RUNS, WEIGHTS, LOGS, TRACES = "runs.json", "weights.safetensors", "logs.parquet", "traces"


class Pack:
    """Runs as `pack` wrote them below `root`. Implements `source.Source`."""

    def __init__(self, root: Path, name: str | None = None) -> None:
        self.root = Path(root)
        self.name = name or str(root)
        self.opened: dict[str, Opened | None] = {}

    def open(self, organism: str) -> Opened | None:
        if organism not in self.opened:
            folder = self.root / organism
            self.opened[organism] = Opened(folder) if (folder / RUNS).is_file() else None
        return self.opened[organism]

    def holding(self, key: RunKey) -> Opened:
        """The files of an organism that has that run."""
        there = self.open(key.organism)
        assert there is not None
        return there

    def seeds(self, organism: str, recipe: str) -> list[int]:
        there = self.open(organism)
        runs = () if there is None else there.runs.values()
        return sorted(run["seed"] for run in runs if run["recipe"] == recipe)

    def facts(self, key: RunKey) -> Facts | None:
        there = self.open(key.organism)
        return None if there is None else there.facts.get(key.code)

    def recipe(self, key: RunKey) -> object:
        return self.holding(key).index["recipes"][key.recipe]

    def arrays(self, key: RunKey) -> dict[str, np.ndarray]:
        weights, prefix = self.holding(key).weights, f"{key.code}/"
        return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}

    def log(self, key: RunKey) -> list[Report]:
        rows = self.holding(key).logs.get(key.code, [])
        return [{name: value for name, value in row.items() if value is not None} for row in rows]

    def provenance(self, key: RunKey) -> dict[str, object]:
        there = self.holding(key)
        number = there.runs[key.code].get("provenance")
        return {} if number is None else dict(there.index["provenances"][number])

    def traces(self, key: RunKey, trace: str) -> Traces:
        return self.holding(key).observation(trace)[key.code]

    def load_verdicts(self, organism: str) -> list[VerdictRow] | None:
        return read_verdicts(self.root, organism)

    def check(self, organism: str) -> int:
        there = self.open(organism)
        return 0 if there is None else len([there.read(leaf) for leaf in there.index["files"]])

    def organisms(self) -> list[str]:
        return sorted(path.parent.name for path in self.root.glob(f"*/{VERDICTS}"))

    def sources(self) -> dict[str, Path]:
        return {}


class Opened:
    """The files of one organism, each read when it is first asked for. Runs go by `RunKey.code`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.index: dict[str, Any] = json.loads((folder / RUNS).read_text())
            self.runs = {f"{run['recipe']}/{run['seed']}": run for run in self.index["runs"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise damaged(folder / RUNS, error) from None

    @cached_property
    def facts(self) -> dict[str, Facts]:
        traces: dict[str, set[str]] = {}
        for trace, observed in self.index["traces"].items():
            for recipe, seeds in observed["runs"].items():
                for seed in seeds:
                    traces.setdefault(f"{recipe}/{seed}", set()).add(trace)
        return {
            code: Facts(
                weights=run.get("weights", False),
                dropped=run.get("dropped", False),
                parent=run.get("parent", False),
                failure=run.get("failure"),
                failures=run.get("failures", {}),
                untestable=run.get("untestable", {}),
                traces=frozenset(traces.get(code, ())),
            )
            for code, run in self.runs.items()
        }

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        if WEIGHTS not in self.index["files"]:  # of subjects that have none
            return {}
        try:
            return load(self.read(WEIGHTS))
        except (SafetensorError, ValueError) as error:
            raise damaged(self.folder / WEIGHTS, error) from None

    @cached_property
    def logs(self) -> dict[str, list[Report]]:
        found: dict[str, list[Report]] = {}
        if LOGS in self.index["files"]:
            for row in self.table(LOGS)[0].to_dicts():
                found.setdefault(row.pop(tables.RUN), []).append(row)
        return found

    @lru_cache(maxsize=8)  # noqa: B019 -- an observation of all runs is read once for all of them, and let go again
    def observation(self, trace: str) -> dict[str, Traces]:
        """What was observed of each run."""
        frame, notes = self.table(self.index["traces"][trace]["file"])
        replays = tables.unpack_json(notes["frames"]) if "frames" in notes else {}
        return {
            str(run): Traces(tables.columns_of(part), tuple(replays.get(run, ())))
            for (run,), part in frame.partition_by(tables.RUN, as_dict=True, include_key=False).items()
        }

    def table(self, leaf: str) -> tuple[pl.DataFrame, dict[str, str]]:
        try:
            return tables.read(self.read(leaf))
        except tables.Damaged as error:
            raise damaged(self.folder / leaf, error) from None

    def read(self, leaf: str) -> bytes:
        """The bytes of a file. Raises TurncoatError where they are not what was packed."""
        path = self.folder / leaf
        try:
            data = path.read_bytes()
        except OSError as error:
            raise damaged(path, error) from None
        if sha256(data) != self.index["files"][leaf]:
            raise damaged(path, "it is not what was packed")
        return data


def damaged(path: Path, why: object) -> TurncoatError:
    return TurncoatError(f"{path} is damaged ({why}); take it from the repository or the package again")
