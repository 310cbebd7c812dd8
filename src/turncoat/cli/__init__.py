"""The command line: words in, words out. Whatever a command needs is imported when it runs.

`parser` says which words there are, `commands` does what they ask for; here is what all of them share: exit codes, one
line for whatever goes wrong, and output that may be closed or full.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

from turncoat.boundary import one_line
from turncoat.cli.parser import parser
from turncoat.core import TurncoatError


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done (refuted is a result), 1 asked-for failure, 2 something the user can mend, 130 stopped."""
    streams()
    debug = False
    try:
        try:
            options = parser().parse_args(argv)
            debug = options.debug
            return int(options.run(options))
        finally:
            sys.stdout.flush()  # what cannot be written is found out here, and not when Python ends
    except KeyboardInterrupt:
        complain("stopped; what is finished is saved, and the same command goes on from there")
        return 130
    except BrokenPipeError:
        give_up_output()
        return 0
    except Exception as error:
        give_up_output()
        if debug:
            traceback.print_exc()
        hint = "" if debug or isinstance(error, TurncoatError) else " (--debug prints the whole traceback)"
        complain(f"{one_line(error)}{hint}")
        return 2


def streams() -> None:
    """A stream that was closed is empty, and a character that the terminal's encoding lacks is written as its code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # for as long as Python runs
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def complain(message: str) -> None:
    """One line on standard error, if that can be written."""
    with contextlib.suppress(OSError, ValueError):
        print(f"turncoat: {message}", file=sys.stderr, flush=True)


def give_up_output() -> None:
    """Print what is still to be printed; where that cannot be written, Python must not try again when it ends."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
