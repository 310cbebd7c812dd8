"""The only module that touches the disk.

    <store>/<organism>/<arm>-<recipe hash>/seed-3/recipe.json          written when the run is asked for
                                                  provenance.json      what it was trained by, and on
                                                  metrics.jsonl
                                                  subject.safetensors  written last: a run with weights is finished
                                                  failure.txt          in its place where training raised
                                                  traces/<assay hash>.parquet
                                                  SHA256SUMS           of every file of the run
    <store>/<organism>/verdicts.json
                       source.txt      the file of an organism that is not in the catalogue

Every file is written under a temporary name and renamed, so a kill at any moment leaves the old file or the
new one and never half of one. Its digest is kept beside it and compared whenever it is read. Weights are safetensors,
never pickle. A changed recipe is another hash, so nothing is ever overwritten by something else. A `Store` reads
through to the stores `behind` it (the zoo).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from turncoat.core import Arm, Finding, Traces, TurncoatError, Verdict, as_json, digest, plain

ZOO = "zoo"


def shipped(folder: str) -> Path | None:
    """A folder that ships with Turncoat: of the checkout, else inside the installed package. None without either."""
    package = Path(__file__).resolve().parent
    checkout = package.parents[1] / folder if package.parent.name == "src" else package / folder
    return next((here for here in (checkout, package / folder) if here.is_dir()), None)


def zoo_path() -> Path | None:
    """The store that ships with Turncoat, or None where it was installed without it."""
    return shipped(ZOO)


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

    def asked(self, organism: str, arm: Arm) -> list[int]:
        """Seeds that were ever asked for, here or behind, in order: whatever became of them, they have a folder.

        Those are not among them that were only trained because something else builds on them."""
        found = {seed for store in self.behind for seed in store.asked(organism, arm)}
        for path in self.run(organism, arm, 0).parent.glob("seed-*"):
            if any(path.iterdir()) and not (path / PARENT).is_file():
                found.add(int(path.name.removeprefix("seed-")))
        return sorted(found)

    def ask(self, organism: str, arm: Arm, seed: int) -> None:
        """Write down that this run is wanted, before anything is done for it. From then on a claim counts it."""
        folder = self.run(organism, arm, seed)
        (folder / PARENT).unlink(missing_ok=True)
        if not (folder / RECIPE).is_file():
            put(folder, RECIPE, (json.dumps(plain(arm.recipe), indent=1, sort_keys=True) + "\n").encode())

    def mark_parent(self, organism: str, arm: Arm, seed: int) -> None:
        """Note that nobody asked for this run itself: it was trained for what is built on it."""
        put(self.run(organism, arm, seed), PARENT, b"Nobody asked for this run: something else is built on it.\n")

    def read(self, organism: str, arm: Arm, seed: int, leaf: str) -> bytes | None:
        """A file of a run, from the first store that holds it; None where none does.

        Raises TurncoatError where it is not what was stored."""
        store = self.holder(organism, arm, seed, leaf)
        return None if store is None else checked(store.run(organism, arm, seed), leaf)

    def check(self, organism: str) -> int:
        """Compare every file of every run, here and behind, with its digest; returns how many. Raises TurncoatError."""
        runs = (self.root / organism).glob("*/seed-*")
        files = [(run, path) for run in runs for path in sorted(run.rglob("*")) if path.is_file() and path.name != SUMS]
        for run, path in files:
            checked(run, path.relative_to(run).as_posix())
        return len(files) + sum(store.check(organism) for store in self.behind)

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
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Recipe, metrics and provenance first, weights last: a run counts as finished when its weights are there.

        Arrays are laid out in C order first, since safetensors stores memory as it lies."""
        from safetensors.numpy import save

        folder = self.run(organism, arm, seed)
        if not (folder / RECIPE).is_file():
            self.ask(organism, arm, seed)
        put(folder, METRICS, "".join(as_json(row, None) + "\n" for row in metrics).encode())
        put(folder, PROVENANCE, (as_json(dict(provenance or {})) + "\n").encode())
        put(folder, SUBJECT, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        (folder / FAILURE).unlink(missing_ok=True)

    def load_subject(self, organism: str, arm: Arm, seed: int) -> Any:
        """Raises TurncoatError where the run is missing, cut short, or of another recipe."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        store = self.holder(organism, arm, seed, SUBJECT)
        if store is None:
            raise TurncoatError(f"{organism}: no trained subject for arm {arm.name!r}, seed {seed}; train it first")
        folder = store.run(organism, arm, seed)
        store.check_recipe(folder, arm)
        try:
            arrays = load(checked(folder, SUBJECT))
        except (SafetensorError, ValueError) as error:
            raise TurncoatError(f"{folder / SUBJECT} is damaged ({error}); delete it and run again") from None
        return arm.recipe.load(arrays)

    def link_subject(self, organism: str, arm: Arm, seed: int, source: Store) -> None:
        """Hold the same subject as `source` does, byte for byte."""
        for name in (RECIPE, METRICS, PROVENANCE, SUBJECT):
            data = source.read(organism, arm, seed, name)
            if data is not None:
                put(self.run(organism, arm, seed), name, data)
            elif name == SUBJECT:
                raise TurncoatError(f"{organism}: no trained subject for arm {arm.name!r}, seed {seed}; train it first")

    def drop_subject(self, organism: str, arm: Arm, seed: int) -> None:
        """Keep of a finished run what was observed of it, and not its weights."""
        folder = self.run(organism, arm, seed)
        put(folder, DROPPED, b"Only what was observed of this run is kept; its weights can be trained again.\n")
        attempt(lambda: (folder / SUBJECT).unlink(missing_ok=True), folder / SUBJECT)

    def was_dropped(self, organism: str, arm: Arm, seed: int) -> bool:
        return self.holder(organism, arm, seed, DROPPED) is not None

    def check_recipe(self, folder: Path, arm: Arm) -> None:
        try:
            there = json.loads(checked(folder, RECIPE))
        except ValueError as error:
            raise TurncoatError(f"{folder / RECIPE} cannot be read ({error}); delete {folder} and run again") from None
        if there != plain(arm.recipe):
            raise TurncoatError(f"{folder} holds another recipe than its name says; delete it and run again")

    def metrics(self, organism: str, arm: Arm, seed: int) -> list[dict[str, Any]]:
        """The training log of a run, one dict a report; [] where there is none. What was not finite is NaN."""
        data = self.read(organism, arm, seed, METRICS)
        try:
            rows = [json.loads(line) for line in (data or b"").decode().splitlines()]
            return [{key: math.nan if value is None else value for key, value in row.items()} for row in rows]
        except (ValueError, AttributeError) as error:
            where = f"{organism}, {arm.name}, seed {seed}: {METRICS}"
            raise TurncoatError(f"{where} is damaged ({error}); delete it and run again") from None

    def provenance(self, organism: str, arm: Arm, seed: int) -> dict[str, Any]:
        """Which Python, packages, machine and data a run was trained by; {} where nothing was recorded."""
        return dict(json.loads(self.read(organism, arm, seed, PROVENANCE) or b"{}"))

    # -- what went wrong -------------------------------------------------------------------------------

    def save_failure(self, organism: str, arm: Arm, seed: int, text: str, assay: Any = None) -> Path:
        """Keep why a training, or the observation by an assay, gave nothing: a line, and below it the traceback."""
        folder, name = self.run(organism, arm, seed), FAILURE if assay is None else leaf(assay, FAILURE)
        put(folder, name, text.encode())
        return folder / name

    def failure(self, organism: str, arm: Arm, seed: int, assay: Any = None) -> str | None:
        """The first line of why a training, or else the observation by an assay, gave nothing; None where it did not
        fail."""
        for name in (FAILURE, *(() if assay is None else (leaf(assay, FAILURE),))):
            if (data := self.read(organism, arm, seed, name)) is not None:
                return data.decode().partition("\n")[0]
        return None

    # -- traces ----------------------------------------------------------------------------------------

    def has_traces(self, organism: str, arm: Arm, seed: int, assay: Any) -> bool:
        return self.holder(organism, arm, seed, leaf(assay)) is not None

    def save_traces(self, organism: str, arm: Arm, seed: int, assay: Any, traces: Traces) -> None:
        """One parquet file; its metadata hold the frames (compressed, which metadata are not) and the assay."""
        import io

        import polars as pl

        buffer = io.BytesIO()
        notes = {"assay": json.dumps(plain(assay, pure=False))}
        if traces.frames:
            notes["frames"] = base64.b85encode(zlib.compress(json.dumps(traces.frames).encode(), 9)).decode()
        columns = {name: np.ascontiguousarray(column) for name, column in traces.columns.items()}
        pl.DataFrame(columns).write_parquet(buffer, compression="zstd", metadata=notes)
        folder = self.run(organism, arm, seed)
        put(folder, leaf(assay), buffer.getvalue())
        (folder / leaf(assay, FAILURE)).unlink(missing_ok=True)

    def load_traces(self, organism: str, arm: Arm, seed: int, assay: Any) -> Traces | None:
        """None where that was never observed; TurncoatError where the file is damaged."""
        import io

        import polars as pl

        if (data := self.read(organism, arm, seed, leaf(assay))) is None:
            return None
        try:
            frame = pl.read_parquet(io.BytesIO(data))
            packed = pl.read_parquet_metadata(io.BytesIO(data)).get("frames")
            if packed is None or packed == "[]":  # the latter in files from before frames were compressed
                frames: tuple[Any, ...] = ()
            else:
                frames = tuple(json.loads(zlib.decompress(base64.b85decode(packed))))
        except (pl.exceptions.PolarsError, ValueError, OSError, zlib.error) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            where = f"{organism}, {arm.name}, seed {seed}: {leaf(assay)}"
            raise TurncoatError(f"{where} is damaged ({reason}); delete it and run again") from None
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        words = {name: column.astype(str) for name, column in columns.items() if column.dtype == object}
        return Traces(columns | words, frames)

    def trace_holder(self, organism: str, arm: Arm, seed: int, assay: Any) -> Store | None:
        """The store that `load_traces` reads from."""
        return self.holder(organism, arm, seed, leaf(assay))

    def save_untestable(self, organism: str, arm: Arm, seed: int, assay: Any, because: str) -> None:
        put(self.run(organism, arm, seed), leaf(assay, UNTESTABLE), because.encode())

    def untestable(self, organism: str, arm: Arm, seed: int, assay: Any) -> str | None:
        """Why that assay could not be put to that subject; None where it could, or was not tried."""
        data = self.read(organism, arm, seed, leaf(assay, UNTESTABLE))
        return None if data is None else data.decode()

    def observed(self, organism: str, arm: Arm, seed: int, assay: Any) -> bool:
        """Traces are there, or the reason why there can be none."""
        return self.has_traces(organism, arm, seed, assay) or self.untestable(organism, arm, seed, assay) is not None

    # -- verdicts --------------------------------------------------------------------------------------

    def save_verdicts(self, organism: str, rows: list[dict[str, Any]]) -> None:
        write(self.root / organism / VERDICTS, (as_json(rows) + "\n").encode())

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

    # -- which organisms, and where they come from -----------------------------------------------------

    def organisms(self) -> list[str]:
        """Names of the organisms that were judged in this store itself, or whose file it notes."""
        return sorted({path.parent.name for leaf in (VERDICTS, SOURCE) for path in self.root.glob(f"*/{leaf}")})

    def remember(self, organism: str, source: str) -> None:
        """Note the file of an organism that is not in the catalogue, so that its name is enough from then on."""
        if source.endswith(".py"):
            write(self.root / organism / SOURCE, os.fsencode(Path(source).resolve()) + b"\n")

    def sources(self) -> dict[str, Path]:
        """The noted files by the organism's name. One may have been moved since."""
        noted = {path.parent.name: path.read_bytes().rstrip(b"\n") for path in self.root.glob(f"*/{SOURCE}")}
        return {name: Path(os.fsdecode(path)) for name, path in noted.items()}


RECIPE, METRICS, SUBJECT, VERDICTS = "recipe.json", "metrics.jsonl", "subject.safetensors", "verdicts.json"
PROVENANCE, FAILURE, SUMS = "provenance.json", "failure.txt", "SHA256SUMS"
PARENT = "parent.txt"
UNTESTABLE, DROPPED, SOURCE = "not-testable.txt", "dropped.txt", "source.txt"


def leaf(assay: Any, suffix: str = "parquet") -> str:
    return f"traces/{digest(assay, pure=False)}.{suffix}"


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as it is written to JSON."""
    return asdict(verdict) | {"finding": verdict.finding.value}


def put(folder: Path, leaf: str, data: bytes) -> None:
    """Write a file of a run, its digest first: a kill in between leaves a digest too many and never a file without one.

    The line is appended, so that processes that observe one run by different assays do not undo one another's."""

    def note() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / SUMS).open("a") as out:
            out.write(f"{hashlib.sha256(data).hexdigest()}  {leaf}\n")

    attempt(note, folder / SUMS)
    write(folder / leaf, data)


def checked(folder: Path, leaf: str) -> bytes:
    """The bytes of a file of a run. Raises TurncoatError where they are none that were ever stored there."""
    path = folder / leaf
    try:
        data = path.read_bytes()
        sums = (folder / SUMS).read_text() if (folder / SUMS).is_file() else ""
    except (OSError, ValueError) as error:
        raise TurncoatError(f"{path} cannot be read ({error}); delete {folder} and run again") from None
    if f"{hashlib.sha256(data).hexdigest()}  {leaf}\n" not in sums:
        kept = any(line.partition("  ")[2] == leaf for line in sums.splitlines())
        wrong = "is damaged (it is not what was stored)" if kept else f"has no digest in {folder / SUMS}"
        raise TurncoatError(f"{path} {wrong}; delete it and run again")
    return data


def seal(folder: Path) -> None:
    """Keep the digests of the files of one run as they are now, and of no others."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = (f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n" for p in files)
    write(folder / SUMS, "".join(lines).encode())


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
