"""What takes a while to make, is the same each time, and is kept in the user's cache: `$XDG_CACHE_HOME/turncoat`, else
`~/.cache/turncoat`. Nothing is lost with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def cache_folder() -> Path:
    """Where it is kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "turncoat"


def kept(path: Path, load: Callable[[Path], T | None], make: Callable[[], T], packed: Callable[[T], bytes]) -> T:
    """What `load` reads at `path`; where it reads None, what `make` makes, put there as `packed` writes it.

    Processes that need the same thing at once make it once. Where the folder cannot be written, each makes its own.
    """
    if (found := load(path)) is not None:
        return found
    try:
        from filelock import FileLock

        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if (found := load(path)) is None:
                save(path, packed(found := make()))
        return found
    except OSError:
        return make()


def save(path: Path, data: bytes) -> None:
    """All of it or nothing: written beside `path` and renamed."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
