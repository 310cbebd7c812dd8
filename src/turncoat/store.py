"""The only module that touches the disk.

    <store>/<organism>/<arm>-<recipe hash>/seed-3/recipe.json
                                                  metrics.jsonl
                                                  subject.safetensors
                                                  traces/<assay hash>.parquet
    <store>/<organism>/verdicts.json

Every file is written under a temporary name and renamed, so a kill at any moment leaves the old file or the
new one and never half of one. Weights are safetensors, never pickle. A changed recipe is another hash, so
nothing is ever overwritten by something else. A `Store` reads through to the stores `behind` it (the zoo).
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.core import Arm, Finding, Traces, TurncoatError, Verdict, digest, plain

ZOO = "zoo"


def zoo_path() -> Path | None:
    """The store that ships with the repository, or None where the package was installed without it."""
    here = Path(__file__).resolve().parents[2] / ZOO
    return here if here.is_dir() else None


class Store:
    """One folder of runs. `behind` are read-only stores asked when this one lacks something."""

    def __init__(self, root: Path, behind: Iterable[Store] = (), name: str | None = None) -> None:
        self.root = Path(root)
        self.behind = tuple(behind)
        self.name = name or str(root)

    # -- where things are ------------------------------------------------------------------------------

    def run(self, organism: str, arm: Arm, seed: int) -> Path:
        """The folder of one training run. Arms of equal recipe share it, whatever they are called."""
        code = digest(arm.recipe)
        there = sorted((self.root / organism).glob(f"*-{code}"))
        folder = there[0] if there else self.root / organism / f"{arm.name}-{code}"
        return folder / f"seed-{seed}"

    def holder(self, organism: str, arm: Arm, seed: int, leaf: str) -> Store | None:
        """The first store, this one before those behind it, that holds a file of that run."""
        if (self.run(organism, arm, seed) / leaf).is_file():
            return self
        return next((found for store in self.behind if (found := store.holder(organism, arm, seed, leaf))), None)

    def seeds(self, organism: str, arm: Arm) -> list[int]:
        """Seeds with a finished run, here or behind, in order."""
        found = {seed for store in self.behind for seed in store.seeds(organism, arm)}
        for leaf in (SUBJECT, DROPPED):
            for path in self.run(organism, arm, 0).parent.glob(f"seed-*/{leaf}"):
                found.add(int(path.parent.name.removeprefix("seed-")))
        return sorted(found)

    # -- subjects --------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def alone(self, organism: str, arm: Arm, seed: int) -> Iterator[None]:
        """Hold off every other process that asks for the same run until this one is done with it.

        The lock is a file beside the run's folder for as long as somebody works on it. The system lets go of it with
        the process, however that ends, and the next one takes over and removes what was left.
        """
        from filelock import FileLock

        path = self.root / organism / f".{digest(arm.recipe)}-{seed}.lock"
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

    def has_subject(self, organism: str, arm: Arm, seed: int) -> bool:
        return self.holder(organism, arm, seed, SUBJECT) is not None

    def save_subject(
        self,
        organism: str,
        arm: Arm,
        seed: int,
        arrays: Mapping[str, np.ndarray],
        metrics: Iterable[Mapping[str, Any]],
    ) -> None:
        """Recipe and metrics first, weights last: a run counts as finished when its weights are there."""
        from safetensors.numpy import save

        folder = self.run(organism, arm, seed)
        write(folder / RECIPE, (json.dumps(plain(arm.recipe), indent=1, sort_keys=True) + "\n").encode())
        write(folder / METRICS, "".join(json.dumps(row) + "\n" for row in metrics).encode())
        write(folder / SUBJECT, save(dict(arrays)))

    def load_subject(self, organism: str, arm: Arm, seed: int) -> Any:
        """Raises TurncoatError where the run is missing, cut short, or of another recipe."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        store = self.holder(organism, arm, seed, SUBJECT)
        if store is None:
            raise TurncoatError(f"{organism}: no trained subject for arm {arm.name!r}, seed {seed}; train it first")
        folder = store.run(organism, arm, seed)
        store.check_recipe(folder, arm)
        path = folder / SUBJECT
        try:
            arrays = load(path.read_bytes())
        except (SafetensorError, ValueError) as error:
            raise TurncoatError(f"{path} is damaged ({error}); delete it and run again") from None
        return arm.recipe.load(arrays)

    def link_subject(self, organism: str, arm: Arm, seed: int, source: Store) -> None:
        """Hold the same subject as `source` does, byte for byte."""
        store = source.holder(organism, arm, seed, SUBJECT)
        if store is None:
            raise TurncoatError(f"{organism}: no trained subject for arm {arm.name!r}, seed {seed}; train it first")
        for name in (RECIPE, METRICS, SUBJECT):
            write(self.run(organism, arm, seed) / name, (store.run(organism, arm, seed) / name).read_bytes())

    def drop_subject(self, organism: str, arm: Arm, seed: int) -> None:
        """Keep of a finished run what was observed of it, and not its weights."""
        folder = self.run(organism, arm, seed)
        write(folder / DROPPED, b"Only what was observed of this run is kept; its weights can be trained again.\n")
        attempt(lambda: (folder / SUBJECT).unlink(missing_ok=True), folder / SUBJECT)

    def was_dropped(self, organism: str, arm: Arm, seed: int) -> bool:
        return self.holder(organism, arm, seed, DROPPED) is not None

    def check_recipe(self, folder: Path, arm: Arm) -> None:
        try:
            there = json.loads((folder / RECIPE).read_text())
        except (OSError, ValueError) as error:
            raise TurncoatError(f"{folder / RECIPE} cannot be read ({error}); delete {folder} and run again") from None
        if there != plain(arm.recipe):
            raise TurncoatError(f"{folder} holds another recipe than its name says; delete it and run again")

    def metrics(self, organism: str, arm: Arm, seed: int) -> list[dict[str, Any]]:
        """The training log of a run, one dict a report; [] where there is none."""
        store = self.holder(organism, arm, seed, METRICS)
        if store is None:
            return []
        path = store.run(organism, arm, seed) / METRICS
        try:
            return [json.loads(line) for line in path.read_text().splitlines()]
        except ValueError as error:
            raise TurncoatError(f"{path} is damaged ({error}); delete it and run again") from None

    # -- traces ----------------------------------------------------------------------------------------

    def has_traces(self, organism: str, arm: Arm, seed: int, assay: Any) -> bool:
        return self.holder(organism, arm, seed, leaf(assay)) is not None

    def save_traces(self, organism: str, arm: Arm, seed: int, assay: Any, traces: Traces) -> None:
        """One parquet file; the frames, and what was observed, travel in its metadata."""
        import io

        import polars as pl

        buffer = io.BytesIO()
        notes = {"frames": json.dumps(traces.frames), "assay": json.dumps(plain(assay, pure=False))}
        pl.DataFrame(dict(traces.columns)).write_parquet(buffer, compression="zstd", metadata=notes)
        write(self.run(organism, arm, seed) / leaf(assay), buffer.getvalue())

    def load_traces(self, organism: str, arm: Arm, seed: int, assay: Any) -> Traces | None:
        """None where that was never observed; TurncoatError where the file is damaged."""
        import polars as pl

        store = self.holder(organism, arm, seed, leaf(assay))
        if store is None:
            return None
        path = store.run(organism, arm, seed) / leaf(assay)
        try:
            frame = pl.read_parquet(path)
            frames = tuple(json.loads(pl.read_parquet_metadata(path).get("frames", "[]")))
        except (pl.exceptions.PolarsError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise TurncoatError(f"{path} is damaged ({reason}); delete it and run again") from None
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        words = {name: column.astype(str) for name, column in columns.items() if column.dtype == object}
        return Traces(columns | words, frames)

    def trace_holder(self, organism: str, arm: Arm, seed: int, assay: Any) -> Store | None:
        """The store that `load_traces` reads from."""
        return self.holder(organism, arm, seed, leaf(assay))

    def save_untestable(self, organism: str, arm: Arm, seed: int, assay: Any, because: str) -> None:
        write(self.run(organism, arm, seed) / leaf(assay, UNTESTABLE), because.encode())

    def untestable(self, organism: str, arm: Arm, seed: int, assay: Any) -> str | None:
        """Why that assay could not be put to that subject; None where it could, or was not tried."""
        store = self.holder(organism, arm, seed, leaf(assay, UNTESTABLE))
        return (store.run(organism, arm, seed) / leaf(assay, UNTESTABLE)).read_text() if store else None

    def observed(self, organism: str, arm: Arm, seed: int, assay: Any) -> bool:
        """Traces are there, or the reason why there can be none."""
        return self.has_traces(organism, arm, seed, assay) or self.untestable(organism, arm, seed, assay) is not None

    # -- verdicts --------------------------------------------------------------------------------------

    def save_verdicts(self, organism: str, rows: list[dict[str, Any]]) -> None:
        write(self.root / organism / VERDICTS, (json.dumps(rows, indent=1) + "\n").encode())

    def load_verdicts(self, organism: str) -> list[dict[str, Any]] | None:
        """The rows of the table as last judged, here before behind; None where never judged."""
        path = self.root / organism / VERDICTS
        if not path.is_file():
            return next((rows for store in self.behind if (rows := store.load_verdicts(organism)) is not None), None)
        try:
            rows = json.loads(path.read_text())
            return [dict(row, finding=Finding(row["finding"]).value) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise TurncoatError(f"{path} is damaged ({error}); run `turncoat judge {organism}` again") from None


RECIPE, METRICS, SUBJECT, VERDICTS = "recipe.json", "metrics.jsonl", "subject.safetensors", "verdicts.json"
UNTESTABLE, DROPPED = "not-testable.txt", "dropped.txt"


def leaf(assay: Any, suffix: str = "parquet") -> str:
    return f"traces/{digest(assay, pure=False)}.{suffix}"


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it is written to JSON."""
    return asdict(verdict) | {"finding": verdict.finding.value}


def write(path: Path, data: bytes) -> None:
    """All of `data` under `path`, or nothing: written beside it, flushed to disk, renamed."""

    def put() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    attempt(put, path)


def attempt(act: Callable[[], None], path: Path) -> None:
    """Run a disk action; a full or read-only disk becomes one clear line."""
    try:
        act()
    except OSError as error:
        reason = error.strerror or error
        raise TurncoatError(f"cannot write {path}: {reason}; free it or give another --store") from None
