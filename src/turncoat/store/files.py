"""Files that are written whole or not at all, and read back as what was written.

Every file is written under a temporary name, flushed and renamed, so a kill at any moment leaves the old file or the
new one and never half of one. The digest of every file of a run stands beside it in SHA256SUMS and is compared
whenever the file is read.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from turncoat.core import TurncoatError

SUMS = "SHA256SUMS"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(folder: Path, leaf: str, data: bytes) -> None:
    """Write a file of a run, its digest first: a kill in between leaves a digest too many and never a file without one.

    The line is appended, so that processes that observe one run by different assays do not undo one another's."""

    def note() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / SUMS).open("a") as out:
            out.write(f"{sha256(data)}  {leaf}\n")

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
    if f"{sha256(data)}  {leaf}\n" not in sums:
        kept = any(line.partition("  ")[2] == leaf for line in sums.splitlines())
        wrong = "is damaged (it is not what was stored)" if kept else f"has no digest in {folder / SUMS}"
        raise TurncoatError(f"{path} {wrong}; delete it and run again")
    return data


def write(path: Path, data: bytes) -> None:
    """All of `data` under `path`, or nothing. Raises TurncoatError where the disk does not take it."""

    def replace() -> None:
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

    attempt(replace, path)


def attempt(act: Callable[[], object], path: Path) -> None:
    """Run a disk action; a full or read-only disk becomes one clear line."""
    try:
        act()
    except OSError as error:
        reason = error.strerror or error
        raise TurncoatError(f"cannot write {path}: {reason}; free it or give another --store") from None
