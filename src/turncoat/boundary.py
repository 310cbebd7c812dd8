"""The one boundary around a user's code: whatever it raises becomes one line that names the file and the line.

A `TurncoatError` from within keeps its words, and gets the place where it was caused if that is in a user's file. The
error that was raised is its cause, so that `turncoat --debug` prints it in full.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import multiprocessing
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from turncoat.core import NotTestable, TurncoatError, nearest

OURS = f"{Path(__file__).parent}{os.sep}"
LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
PLACED = re.compile(r"\.py(:\d+)?: ")  # an error that says where it was caused


@contextlib.contextmanager
def user_code(where: Callable[[], str] = str) -> Iterator[None]:
    """Whatever is raised within is raised on as a TurncoatError of one line. `where`, called at once, is the place to
    name if no line of a user's file was running. NotTestable is an answer, and passes."""
    try:
        yield
    except NotTestable:
        raise
    except (Exception, SystemExit) as error:  # code that ends itself would end the command with it
        raise TurncoatError(one_line(error, where())) from error


def one_line(error: BaseException, otherwise: str = "") -> str:
    """file:line: Type: message. The line is the last one of a user's own file that was running, then `otherwise`, then
    the last one of Turncoat's."""
    if isinstance(error, SyntaxError) and str(error.filename).endswith(".py"):
        return f"{shown(str(error.filename))}:{error.lineno or 1}: {error.msg}"
    ours, users = "", ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(OURS):
            ours = f"{shown(frame.filename)}:{frame.lineno}"
        elif not is_library(frame.filename):
            users = f"{shown(frame.filename)}:{frame.lineno}"
    if isinstance(error, TurncoatError):
        place, message = users or otherwise, str(error)
        return f"{place}: {message}" if place and not PLACED.search(message) else message
    said = " ".join(str(error).split()) + meant(error)
    place = users or otherwise
    if isinstance(error, OSError) and not place:
        return said  # a disk or a terminal, not a line of anybody's
    place = place or ours
    return f"{f'{place}: ' if place else ''}{type(error).__name__}{f': {said}' if said else ''}"


def meant(error: BaseException) -> str:
    """The parameter that is nearest to one which a call got and does not have; "" where that is not the error."""
    found = re.match(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if not isinstance(error, TypeError) or found is None:
        return ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        known = [*frame.f_globals.values(), *(type(value) for value in frame.f_locals.values())]
        for kind in known:
            if isinstance(kind, type) and kind.__name__ == found[1] and dataclasses.is_dataclass(kind):
                return f"; {nearest(found[2], [f.name for f in dataclasses.fields(kind) if f.init], 'it has')}"
    return ""


def place_of(kind: type) -> str:
    """file:line of a class in a user's file, else ""."""
    try:
        file, line = inspect.getsourcefile(kind) or "", inspect.getsourcelines(kind)[1]
    except (OSError, TypeError):
        return ""
    return "" if is_library(file) else f"{shown(file)}:{line}"


def is_library(file: str) -> bool:
    return file.startswith((OURS, *LIBRARIES, "<"))


def shown(file: str) -> str:
    """A file as a user would type it: relative to where they are, if it is below."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (OSError, ValueError):  # elsewhere, or from a folder that is no more
        return file


def line_of(file: str, *words: str) -> str:
    """file:line of the first of these texts that the file holds as a literal, else of its `organism = ...`."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return shown(file)
    texts: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts[node.value] = min(node.lineno, texts.get(node.value, node.lineno))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "organism" for target in targets):
            texts.setdefault("", node.lineno)
    line = next((texts[word] for word in (*words, "") if word in texts), None)
    return shown(file) if line is None else f"{shown(file)}:{line}"


# -- scripts without a main guard ------------------------------------------------------------------------


def need_main_guard() -> None:
    """Called before worker processes are started, which import the user's script afresh. Raises TurncoatError where
    they would come to this call again: in a script, outside of any `if`, or in an organism's file.

    In a worker that comes to it all the same, this ends the process with that one line."""
    main = sys.modules["__main__"]
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "<module>" and not frame.f_code.co_filename.startswith("<"):
            name, place = frame.f_globals.get("__name__", ""), f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"
            script = frame.f_globals is vars(main) and imported_again(main) and not guarded(frame)
            message = (
                f"{place}: this starts worker processes, and each of them would run the file again; put it under "
                '`if __name__ == "__main__":`'
            )
            if name == "__mp_main__" or getattr(multiprocessing.current_process(), "_inheriting", False):
                sys.exit(f"turncoat: {message}")
            if script or name.startswith("turncoat_file_"):
                raise TurncoatError(message)
        frame = frame.f_back


def imported_again(main: object) -> bool:
    """Whether `multiprocessing` gives the main module to its workers: not what was typed, nor `python -m package`."""
    spec = getattr(main, "__spec__", None)
    return getattr(main, "__file__", None) is not None and not (spec is not None and spec.name.endswith("__main__"))


def guarded(frame: FrameType) -> bool:
    """Whether the line that runs is within an `if` of its script."""
    try:
        script = ast.parse(Path(frame.f_code.co_filename).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return True
    ifs = [part for part in script.body if isinstance(part, ast.If)]
    return any(part.lineno <= frame.f_lineno <= (part.end_lineno or 0) for part in ifs)
