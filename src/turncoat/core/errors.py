"""What can go wrong that somebody can mend, and what is no error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TurncoatError(Exception):
    """Something a user can mend: one line that says what is wrong, where, and what to do (exit code 2)."""


class NotTestable(Exception):
    """This assay cannot be put to this subject; the message says why, and the table prints it."""


def nearest(word: object, known: Iterable[object], otherwise: str) -> str:
    """What a misspelt word was meant to be: the known one that is nearest, or all of them after `otherwise`."""
    words = [str(each) for each in known]
    near = difflib.get_close_matches(str(word), words, 1, 0.5)
    return f"did you mean {near[0]!r}?" if near else f"{otherwise} {', '.join(words) or 'none'}"


def one_of(what: str, value: object, allowed: Iterable[object]) -> None:
    """Raises TurncoatError where value is none of the allowed ones."""
    if value not in (allowed := tuple(allowed)):
        near = nearest(value, allowed, "")
        hint = f"; {near}" if near.startswith("did") else ""
        raise TurncoatError(f"{what} must be one of {', '.join(map(str, allowed))}; got {value!r}{hint}")
