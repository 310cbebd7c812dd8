"""Writes the measured parts of README.md from the zoo's verdicts, so that no figure in it is typed by hand.

python docs/readme.py            rewrite what stands between the `measured` marks
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from turncoat.cli import WORST_FIRST, interval
from turncoat.core import ROW_BLOCKS
from turncoat.organisms import load, names
from turncoat.store import Store, zoo_path

README = Path(__file__).parents[1] / "README.md"


def rows(verdicts: list[dict[str, Any]]) -> str:
    """The table of one organism: for each row its weakest claim."""
    lines = []
    for block, members in ROW_BLOCKS.items():
        lines += [f"| **{block}** | | | |"]
        for member in members:
            mine = [row for row in verdicts if row["row"] == member.value]
            worst = min(mine, key=lambda row: WORST_FIRST.index(row["finding"]))
            shown = f"{sum(row['finding'] == 'shown' for row in mine)} of {len(mine)}" if worst["claim"] else ""
            measured = interval(worst) if worst["effect"] is not None else worst["because"]
            lines += [f"| {member.value} | {worst['finding']} | {measured} | {shown} |"]
    head = ["| row | finding | weakest claim: effect [95% interval] k/n | claims shown |", "|---|---|---|---|"]
    return "\n".join(head + lines)


def claims(name: str, verdicts: list[dict[str, Any]]) -> str:
    """Every claim inside the table, with its threshold."""
    organism = load(name)
    terms = {claim.says: claim for claim in organism.claims}
    lines = ["| claim | needed | measured | finding |", "|---|---|---|---|"]
    for row in verdicts:
        if row["claim"] is not None and row["row"] is not None:
            claim = terms[row["claim"]]
            bound = f"≥ {claim.at_least:g}" if claim.at_least is not None else f"≤ {claim.at_most:g}"
            whose = f" over {claim.control}" if claim.control else "" if claim.arm == "organism" else f" ({claim.arm})"
            lines += [f"| {row['claim']} | {bound}{whose} | {interval(row)} | {row['finding']} |"]
    return "\n".join(lines)


def measured() -> dict[str, str]:
    """Each marked part of the README as it should be."""
    path = zoo_path()
    assert path is not None
    parts: dict[str, str] = {}
    for name in names():
        verdicts = Store(path).load_verdicts(name) or []
        parts |= {f"{name} table": rows(verdicts), f"{name} claims": claims(name, verdicts)}
    return parts


def filled(text: str) -> str:
    """README text with every marked part replaced by what was measured."""
    for mark, part in measured().items():
        pattern = f"(<!-- measured: {re.escape(mark)} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda found, part=part: f"{found[1]}\n{part}\n\n{found[2]}", text, flags=re.S)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
