"""Verdict rows as people read them: a matrix, one organism's details, CSV, Markdown, HTML.

The one place for the marks and for which finding speaks for a row. A row is the dict that `turncoat table --json`
prints; keys that are not known here travel on into CSV and JSON as they are.
"""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from turncoat.core import EXPLORATORY, ROW_BLOCKS, Finding, Numbers, Row, Verdict, VerdictRow, verdict_row

WORST_FIRST = ("refuted", "invalid", "undecided", "not testable", "not yet run", "shown")
MARKS = {"shown": "yes", "refuted": "no", "undecided": "?", "invalid": "!", "not testable": "–", "not yet run": "."}
COLOURS = {"shown": 32, "refuted": 31, "undecided": 33, "invalid": 35, "not testable": 2, "not yet run": 2}  # ANSI
NAME = 18  # characters of an organism's name in the matrix: the rest of 100 is for the marks
LEGEND = ", ".join(f"{mark} {finding}" for finding, mark in MARKS.items())
READING = "Each row: its weakest finding, then effect [95% interval] and seeds that meet the threshold alone."


def unjudged(organism: str) -> list[VerdictRow]:
    """The rows of an organism that was never judged."""
    return [verdict_row(organism, row, Verdict(Finding.NOT_RUN, unit="", because="not judged yet")) for row in Row]


def weakest(rows: Iterable[VerdictRow]) -> VerdictRow | None:
    """The one of them with the worst finding, which speaks for all; None for none."""
    return min(rows, key=lambda row: WORST_FIRST.index(row["finding"]), default=None)


def interval(row: VerdictRow | Numbers) -> str:
    """Effect [low, high] k/n; nothing where nothing was measured."""
    if row["effect"] is None:
        return ""
    low, high = ("?" if end is None else number(end) for end in (row["low"], row["high"]))
    return f"{number(row['effect'])} [{low}, {high}] {row['k']}/{row['n']}"


def number(value: float) -> str:
    """Three decimals, and never -0.000."""
    return f"{round(value, 3) + 0.0:.3f}"


def measured(row: VerdictRow) -> str:
    """What was measured, or else why not."""
    return interval(row) if row["effect"] is not None else str(row["because"])


def replication_words(row: VerdictRow) -> str:
    """What came out on the fresh seeds for which the claim was written down; nothing where that was not done."""
    fresh = row["replication"]
    if fresh is None:
        return "" if row["standing"] == EXPLORATORY else row["standing"]
    return f"{row['standing']}; on fresh seeds {fresh['finding']} {interval(fresh)}".rstrip()


def replicated_count(rows: Sequence[VerdictRow]) -> str:
    """Of the registered claims that were judged on fresh seeds, how many were found the same, as "9/12"; nothing for
    none."""
    registered = [row for row in rows if row["standing"] != EXPLORATORY]
    same = [row["finding"] == fresh["finding"] for row in registered if (fresh := row["replication"]) is not None]
    return f"{sum(same)}/{len(same)}" if same else ""


def by_organism(rows: Sequence[VerdictRow]) -> dict[str, dict[str | None, list[VerdictRow]]]:
    """Rows by organism and by row of the table, organisms in the order in which they come."""
    found: dict[str, dict[str | None, list[VerdictRow]]] = {}
    for row in rows:
        found.setdefault(str(row["organism"]), {}).setdefault(row["row"], []).append(row)
    return found


def shown_count(rows: Sequence[VerdictRow]) -> str:
    """How many of the claims are shown, as "2 of 3"; nothing where there is no claim."""
    claims = [row for row in rows if row["claim"] is not None]
    return f"{sum(row['finding'] == 'shown' for row in claims)} of {len(claims)}" if claims else ""


# -- text ------------------------------------------------------------------------------------------------


def matrix(rows: Sequence[VerdictRow], colour: bool = False) -> str:
    """Organisms down, rows of the table across, the mark of each row's weakest claim: at most 100 columns wide."""

    def mark(claims: Sequence[VerdictRow]) -> str:
        worst = weakest(claims)
        if worst is None:
            return "   "
        sign = f"{MARKS[worst['finding']]:^3}"
        return f"\033[{COLOURS[worst['finding']]}m{sign}\033[0m" if colour else sign

    def line(name: str, cells: Mapping[Row, str], *last: str) -> str:
        parts = (" ".join(cells[row] for row in block) for block in ROW_BLOCKS.values())
        return f"{name:{NAME}} {'  '.join(parts)} {last[0]:5} {last[1]}".rstrip()

    lines = [line("", {row: row.head for row in Row}, "aside", "again")]
    for name, by_row in by_organism(rows).items():
        head = name if len(name) <= NAME else name[: NAME - 1] + "…"
        beside = shown_count(by_row.get(None, ())).replace(" of ", "/")
        repeats = replicated_count([row for claims in by_row.values() for row in claims])
        lines.append(line(head, {row: mark(by_row.get(row.value, ())) for row in Row}, beside, repeats))
    lines += ["", LEGEND]
    for title, block in ROW_BLOCKS.items():
        lines += wrapped(f"{title}: ", [f"{row.head} {row.value}" for row in block])
    lines.append("A mark is its row's weakest claim's. aside: claims beside the table that are shown")
    lines.append("again: registered claims that were found the same on fresh seeds; all others are exploratory")
    return "\n".join(lines)


def wrapped(head: str, parts: Sequence[str], width: int = 100) -> list[str]:
    """The parts behind the head, in lines that fit, the later ones set in."""
    lines = [head]
    for number, part in enumerate(parts):
        part += "," * (number < len(parts) - 1)
        if len(lines[-1]) + len(part) > width:
            lines.append("  ")
        lines[-1] += part + " "
    return [line.rstrip() for line in lines]


def details(rows: Sequence[VerdictRow]) -> str:
    """Each organism's rows with what was measured, and every claim beside the table."""
    lines = []
    for name, by_row in by_organism(rows).items():
        lines.append(name)
        for block, members in ROW_BLOCKS.items():
            lines.append(f"  {block}")
            lines += [f"    {row.value:23} {summary(by_row[row.value])}" for row in members if row.value in by_row]
        if beside := by_row.get(None):
            lines.append(f"  Beside the table: {tally(beside)}")
            for row in beside:
                lines.append(f"    {row['finding']:13} {measured(row):30} {row['claim']}")
                lines += [f"    {'':13} {words}" for words in (replication_words(row),) if words]
    return "\n".join([*lines, READING])


def summary(rows: Sequence[VerdictRow]) -> str:
    """A row of the table in one line: its weakest claim speaks for it."""
    worst = weakest(rows)
    assert worst is not None
    several = f"  ({shown_count(rows)} claims shown)" if len(rows) > 1 else ""
    fresh = f"  ({replication_words(worst)})" if replication_words(worst) else ""
    return f"{worst['finding']:13} {measured(worst)}{several}{fresh}"


def tally(rows: Sequence[VerdictRow]) -> str:
    """How many of each finding."""
    found = [row["finding"] for row in rows]
    return ", ".join(f"{found.count(f.value)} {f.value}" for f in Finding if f.value in found)


# -- files -----------------------------------------------------------------------------------------------


def as_csv(rows: Sequence[VerdictRow]) -> str:
    """One line a verdict row under the names of their keys; what is not a number or a word is written as JSON."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(keys)
    for row in rows:
        cells = (row.get(key) for key in keys)
        writer.writerow([json.dumps(cell) if isinstance(cell, (dict, list)) else cell for cell in cells])
    return out.getvalue()


def markdown(rows: Sequence[VerdictRow], columns: Sequence[Row] = tuple(Row)) -> str:
    """The matrix as a Markdown table, *shown* in bold."""
    lines = ["| organism | " + " | ".join(row.value.replace("_", " ") for row in columns) + " |"]
    lines.append("|---" * (1 + len(columns)) + "|")
    for name, by_row in by_organism(rows).items():
        cells = (markdown_mark(by_row.get(row.value, ())) for row in columns)
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def markdown_mark(rows: Iterable[VerdictRow]) -> str:
    """The mark of the weakest as Markdown; nothing for none."""
    worst = weakest(rows)
    mark = "" if worst is None else MARKS[worst["finding"]]
    return f"**{mark}**" if mark == MARKS["shown"] else mark


def markdown_details(rows: Sequence[VerdictRow]) -> str:
    """One organism's rows as a Markdown table: for each row its weakest claim."""
    by_row: dict[str | None, list[VerdictRow]] = {}
    for row in rows:
        by_row.setdefault(row["row"], []).append(row)
    lines = ["| row | finding | weakest claim: effect [95% interval] k/n | claims shown |", "|---|---|---|---|"]
    for block, members in ROW_BLOCKS.items():
        lines.append(f"| **{block}** | | | |")
        for member in members:
            worst = weakest(by_row.get(member.value, ()))
            if worst is not None:
                count = shown_count(by_row[member.value])
                lines.append(f"| {member.value} | {worst['finding']} | {escaped_cell(measured(worst))} | {count} |")
    return "\n".join(lines)


def escaped_cell(text: str) -> str:
    """Text that cannot break out of a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


# -- notebooks -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """Verdict rows that print as text and show as a table in a notebook. Iterating gives the rows.

    One organism is shown with a line for each claim, several as a matrix with a line for each organism.
    """

    rows: tuple[VerdictRow, ...]

    def __iter__(self) -> Iterator[VerdictRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> VerdictRow:
        return self.rows[index]

    @property
    def several(self) -> bool:
        return len({row["organism"] for row in self.rows}) > 1

    def __str__(self) -> str:
        return matrix(self.rows) if self.several else details(self.rows)

    def _repr_html_(self) -> str:
        return html_matrix(self.rows) if self.several else html_details(self.rows)


def html_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table of cells, every one of them escaped."""
    top = "".join(f"<th>{html.escape(word)}</th>" for word in head)
    lines = ("<tr>" + "".join(f"<td>{html.escape(word)}</td>" for word in words) + "</tr>" for words in body)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def html_matrix(rows: Sequence[VerdictRow]) -> str:
    """The matrix with its legend."""

    def marks(by_row: Mapping[str | None, Sequence[VerdictRow]]) -> list[str]:
        worst = (weakest(by_row.get(row.value, ())) for row in Row)
        return ["" if row is None else MARKS[row["finding"]] for row in worst]

    head = ["organism", *(row.value.replace("_", " ") for row in Row)]
    body = ([name, *marks(by_row)] for name, by_row in by_organism(rows).items())
    return html_table(head, body) + f"<p>{html.escape(LEGEND)}</p>"


def html_details(rows: Sequence[VerdictRow]) -> str:
    """A line a claim, or a row of the table that no claim answers."""
    head = ("row", "claim", "finding", "effect [95% interval] k/n", "because", "on fresh seeds")
    body = (
        (
            row["row"] or "beside",
            row["claim"] or "",
            row["finding"],
            interval(row),
            row["because"],
            replication_words(row),
        )
        for row in rows
    )
    return html_table(head, body)
