"""A store that is written to: one folder a run.

    <store>/<organism>/<arm>-<recipe digest>/seed-3/recipe.json          written when the run is asked for
                                                    provenance.json      what it was trained by, and on
                                                    metrics.jsonl        the training log
                                                    subject.safetensors  written last: a run with weights is finished
                                                    failure.txt          in its place where training raised
                                                    traces/<trace key>.parquet
                                                    SHA256SUMS           of every file of the run
    <store>/<organism>/verdicts.json
                       source.txt      the file of an organism that is not in the catalogue

Weights are safetensors, never pickle. A changed recipe is another digest, so nothing is ever overwritten by something
else.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.core import Finding, Traces, TurncoatError, VerdictRow, as_json
from turncoat.store import tables
from turncoat.store.files import SUMS, attempt, checked, put, write
from turncoat.store.source import Facts, Report, RunKey

RECIPE, METRICS, SUBJECT, PROVENANCE = "recipe.json", "metrics.jsonl", "subject.safetensors", "provenance.json"
FAILURE, PARENT, DROPPED, UNTESTABLE = "failure.txt", "parent.txt", "dropped.txt", "not-testable.txt"
TRACES, VERDICTS, SOURCE = "traces", "verdicts.json", "source.txt"


class Folder:
    """Runs as folders below `root`. Implements `source.Source`, and what writes."""

    def __init__(self, root: Path, name: str | None = None) -> None:
        self.root = Path(root)
        self.name = name or str(root)

    # -- where things are ------------------------------------------------------------------------------

    def run(self, key: RunKey, arm: str = "run") -> Path:
        """The folder of a run, named for `arm` where there is none yet."""
        recipes = self.root / key.organism
        there = sorted(recipes.glob(f"*-{key.recipe}"))
        return (there[0] if there else recipes / f"{arm}-{key.recipe}") / f"seed-{key.seed}"

    def seeds(self, organism: str, recipe: str) -> list[int]:
        runs = self.run(RunKey(organism, recipe, 0)).parent.glob("seed-*")
        return sorted(int(run.name.removeprefix("seed-")) for run in runs if any(run.iterdir()))

    def facts(self, key: RunKey) -> Facts | None:
        run = self.run(key)
        if not (there := names(run)):
            return None
        observed = names(run / TRACES) if TRACES in there else set()

        def words(ending: str) -> dict[str, str]:
            found = (name for name in observed if name.endswith(f".{ending}"))
            return {name.partition(".")[0]: first_line(checked(run, f"{TRACES}/{name}")) for name in found}

        return Facts(
            weights=SUBJECT in there,
            dropped=DROPPED in there,
            parent=PARENT in there,
            failure=first_line(checked(run, FAILURE)) if FAILURE in there else None,
            failures=words(FAILURE),
            untestable=words(UNTESTABLE),
            traces=frozenset(name.removesuffix(".parquet") for name in observed if name.endswith(".parquet")),
        )

    # -- reading ---------------------------------------------------------------------------------------

    def recipe(self, key: RunKey) -> Any:
        run = self.run(key)
        try:
            return json.loads(checked(run, RECIPE))
        except ValueError as error:
            raise TurncoatError(f"{run / RECIPE} cannot be read ({error}); delete {run} and run again") from None

    def arrays(self, key: RunKey) -> dict[str, np.ndarray]:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        run = self.run(key)
        try:
            return load(checked(run, SUBJECT))
        except (SafetensorError, ValueError) as error:
            raise TurncoatError(f"{run / SUBJECT} is damaged ({error}); delete it and run again") from None

    def log(self, key: RunKey) -> list[Report]:
        run = self.run(key)
        if not (run / METRICS).is_file():
            return []
        try:
            rows = [json.loads(line) for line in checked(run, METRICS).decode().splitlines()]
            return [{name: math.nan if value is None else value for name, value in row.items()} for row in rows]
        except (ValueError, AttributeError) as error:
            raise TurncoatError(f"{run / METRICS} is damaged ({error}); delete it and run again") from None

    def provenance(self, key: RunKey) -> dict[str, object]:
        run = self.run(key)
        return dict(json.loads(checked(run, PROVENANCE))) if (run / PROVENANCE).is_file() else {}

    def traces(self, key: RunKey, trace: str) -> Traces:
        run, leaf = self.run(key), f"{TRACES}/{trace}.parquet"
        try:
            return tables.from_parquet(checked(run, leaf))
        except tables.Damaged as error:
            raise TurncoatError(f"{run / leaf} is damaged ({error}); delete it and run again") from None

    def check(self, organism: str) -> int:
        runs = (self.root / organism).glob("*/seed-*")
        files = [(run, path) for run in runs for path in sorted(run.rglob("*")) if path.is_file() and path.name != SUMS]
        for run, path in files:
            checked(run, path.relative_to(run).as_posix())
        return len(files)

    # -- writing ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def lock(self, key: RunKey) -> Iterator[None]:
        """Hold off every other process that asks for the same run until this one is done with it.

        The lock is a file beside the run's folder for as long as somebody works on it. The system lets go of it with
        the process, however that ends, and the next one takes over and removes what was left.
        """
        from filelock import FileLock

        path = self.root / key.organism / f".{key.recipe}-{key.seed}.lock"
        lock = FileLock(path)

        def take() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()

        attempt(take, path)
        try:
            yield
        finally:
            # Removed while it is held: one that waited for it finds that its file has no name any more and starts over.
            # Windows does not remove an open file, and keeps it.
            with contextlib.suppress(OSError):
                path.unlink()
            lock.release()

    def ask(self, key: RunKey, arm: str, recipe: object) -> None:
        """Write down that this run is wanted; `recipe` is plain data."""
        run = self.run(key, arm)
        (run / PARENT).unlink(missing_ok=True)
        if not (run / RECIPE).is_file():
            put(run, RECIPE, (json.dumps(recipe, indent=1, sort_keys=True) + "\n").encode())

    def mark_parent(self, key: RunKey) -> None:
        put(self.run(key), PARENT, b"Nobody asked for this run: something else is built on it.\n")

    def save(
        self,
        key: RunKey,
        arrays: Mapping[str, np.ndarray],
        log: Iterable[Mapping[str, Any]],
        provenance: Mapping[str, Any],
    ) -> None:
        """Log and provenance first, weights last: a run counts as finished when its weights are there.

        Arrays are laid out in C order first, since safetensors stores memory as it lies."""
        from safetensors.numpy import save

        run = self.run(key)
        put(run, METRICS, "".join(as_json(row, None) + "\n" for row in log).encode())
        put(run, PROVENANCE, (as_json(dict(provenance)) + "\n").encode())
        put(run, SUBJECT, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        (run / FAILURE).unlink(missing_ok=True)

    def drop(self, key: RunKey) -> None:
        """Keep of a finished run what was observed of it, and not its weights."""
        run = self.run(key)
        put(run, DROPPED, b"Only what was observed of this run is kept; its weights can be trained again.\n")
        attempt(lambda: (run / SUBJECT).unlink(missing_ok=True), run / SUBJECT)

    def save_failure(self, key: RunKey, arm: str, text: str, trace: str | None) -> Path:
        run, leaf = self.run(key, arm), FAILURE if trace is None else f"{TRACES}/{trace}.{FAILURE}"
        put(run, leaf, text.encode())
        return run / leaf

    def save_traces(self, key: RunKey, arm: str, trace: str, traces: Traces, assay: object) -> None:
        """`assay`, as plain data, is noted in the file's metadata."""
        run = self.run(key, arm)
        put(run, f"{TRACES}/{trace}.parquet", tables.to_parquet(traces, {"assay": json.dumps(assay)}))
        (run / TRACES / f"{trace}.{FAILURE}").unlink(missing_ok=True)

    def save_untestable(self, key: RunKey, arm: str, trace: str, because: str) -> None:
        put(self.run(key, arm), f"{TRACES}/{trace}.{UNTESTABLE}", because.encode())

    # -- verdicts, and where organisms come from -------------------------------------------------------

    def save_verdicts(self, organism: str, rows: list[VerdictRow]) -> None:
        write(self.root / organism / VERDICTS, (as_json(rows) + "\n").encode())

    def load_verdicts(self, organism: str) -> list[VerdictRow] | None:
        return read_verdicts(self.root, organism)

    def organisms(self) -> list[str]:
        return sorted({path.parent.name for leaf in (VERDICTS, SOURCE) for path in self.root.glob(f"*/{leaf}")})

    def remember(self, organism: str, source: str) -> None:
        """Note the file of an organism that is not in the catalogue, so that its name is enough from then on."""
        if source.endswith(".py"):
            write(self.root / organism / SOURCE, os.fsencode(Path(source).resolve()) + b"\n")

    def sources(self) -> dict[str, Path]:
        noted = {path.parent.name: path.read_bytes().rstrip(b"\n") for path in self.root.glob(f"*/{SOURCE}")}
        return {name: Path(os.fsdecode(path)) for name, path in noted.items()}


def read_verdicts(root: Path, organism: str) -> list[VerdictRow] | None:
    """The rows of the table as last judged; None where never judged."""
    path = root / organism / VERDICTS
    if not path.is_file():
        return None
    try:
        rows: list[VerdictRow] = json.loads(path.read_text())
        for row in rows:
            Finding(row["finding"])
        return rows
    except (ValueError, KeyError, TypeError) as error:
        raise TurncoatError(f"{path} is damaged ({error}); run `turncoat judge {organism}` again") from None


def names(folder: Path) -> set[str]:
    """What is in a folder; nothing where there is none."""
    try:
        return {entry.name for entry in os.scandir(folder) if not entry.name.startswith(".part-")} - {SUMS}
    except OSError:
        return set()


def first_line(data: bytes) -> str:
    return data.decode().partition("\n")[0]
