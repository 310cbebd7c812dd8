"""Packages of other people that are installed beside ours, and whether they are what was published."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from turncoat.core import TurncoatError

MEND = "run `make products`"
SHARE = Path("share/turncoat/npm")  # below sys.prefix: where `make products` installs npm packages


@cache
def pypi_package(name: str, version: str, mend: str = MEND) -> importlib.metadata.Distribution:
    """A package of PyPI. Raises TurncoatError where it is not installed, is of another version, or a file of it is not
    the one that its own record lists (PEP 627). Commands that lie beside the packages are left out: two packages may
    bring one of the same name, and nobody asks it here."""
    try:
        package = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise TurncoatError(f"the package {name} {version} is not installed; {mend}") from None
    if package.version != version:
        raise TurncoatError(f"the package {name} is installed as {package.version}, and {version} is meant; {mend}")
    for file in package.files or ():
        if file.hash is not None and file.suffix != ".pyc" and file.parts[0] != "..":
            path = Path(str(file.locate()))
            known = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, path.read_bytes()).digest()).rstrip(b"=")
            if known.decode() != file.hash.value:
                raise TurncoatError(f"{file} of {name} {version} is not as it was installed; {mend}")
    return package


@cache
def npm_package(name: str, version: str | None = None) -> Path:
    """The folder of a package of npm. Raises TurncoatError where it is not installed, or is of another version."""
    folder = Path(sys.prefix) / SHARE / "node_modules" / name
    try:
        found = json.loads((folder / "package.json").read_text())["version"]
    except (OSError, ValueError, KeyError):
        raise TurncoatError(f"the npm package {name} is not installed; {MEND}") from None
    if version is not None and found != version:
        raise TurncoatError(f"the npm package {name} is installed as {found}, and {version} is meant; {MEND}")
    return folder


def check_files(root: Path, files: Iterable[tuple[str, str]], mend: str = MEND) -> None:
    """Raises TurncoatError where a file below `root` has another SHA-256 than is declared (path, hash)."""
    for path, sha256 in files:
        try:
            found = hashlib.sha256((root / path).read_bytes()).hexdigest()
        except OSError:
            raise TurncoatError(f"{path} is missing; {mend}") from None
        if found != sha256:
            raise TurncoatError(f"{path} is not the file that was published ({found[:12]}…); {mend}")
