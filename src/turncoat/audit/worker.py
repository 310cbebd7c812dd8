"""The process in which Inspect runs one audit: `python -m turncoat.audit.worker`, with the job on standard input.

Its own process, since Inspect keeps models and, after an exception, refuses to evaluate again. It ends with whoever
started it: when standard input is closed, at once, wherever it is. Standard output says how it went, in one line of
JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from turncoat.audit.budget import Caps, Ledger
from turncoat.audit.spec import read
from turncoat.audit.targets import parse
from turncoat.boundary import one_line
from turncoat.core import TurncoatError


def main() -> int:
    job, answers = json.loads(sys.stdin.readline()), os.dup(1)
    os.dup2(2, 1)  # what a product in Python prints is not an answer of ours
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        told = {"status": run(job)}
    except Exception as error:
        told = {"error": one_line(error)}
    os.write(answers, (json.dumps(told) + "\n").encode())
    os._exit(0)  # a product in Python may have left threads that never end


def end_with_parent() -> None:
    sys.stdin.read()
    os._exit(3)


def run(job: dict[str, Any]) -> str:  # Any: JSON
    """Run a job {spec, target, headers, out, caps} and return the status of Inspect's log. Raises TurncoatError."""
    spec, target, folder = read(job["spec"]), parse(job["target"], job["headers"]), Path(job["out"])
    if spec.sha256 != job["sha256"]:
        raise TurncoatError(f"{spec.path} was changed meanwhile; run the command again")
    os.environ |= {"INSPECT_DISPLAY": "none", "INSPECT_LOG_LEVEL": "error"}
    ledger = Ledger(folder, spec.sha256, target.text, Caps(**job["caps"]))
    from inspect_ai import eval as evaluate
    from inspect_ai.model import get_model

    from turncoat.audit.task import task_of

    logs = evaluate(
        task_of(spec, ledger, secrets=(*target.variables, *spec.environment)),
        model=get_model(target.model, memoize=False, **target.arguments(spec)),
        log_dir=str(folder / "logs"),
        max_samples=spec.limits.connections,  # so that nobody waits for a connection while the time runs
        max_connections=spec.limits.connections,
        display="none",
        ctl_server=False,
        log_buffer=100,
    )
    ledger.close()
    if logs[0].status == "error" and logs[0].error is not None:
        raise TurncoatError(f"Inspect stopped: {logs[0].error.message}")
    return str(logs[0].status)


if __name__ == "__main__":
    sys.exit(main())
