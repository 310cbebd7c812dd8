"""The page about an audit, and its JSON. One file that opens from disk and loads nothing; every string in it is
escaped, and characters that cannot be seen are spelled out.

Before the date of the embargo the product is not named: its name, its address and the documents that are quoted are
withheld, on the page and in the JSON, unless whoever writes them says otherwise.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import turncoat.report
from turncoat import __version__
from turncoat.audit.judge import KEPT, OUTCOMES, WORDS, arm_counts
from turncoat.audit.run import Audit, embargoed
from turncoat.audit.words import sentence, visible
from turncoat.core import as_json
from turncoat.report.words import number
from turncoat.store.files import write

WITHHELD = "[withheld]"
TRANSCRIPTS = 2  # of each rule, arm and outcome
BADGES = {"violation": "refuted", "no violation detected": "shown", "inconclusive": "undecided", "invalid": "invalid"}


def build(audit: Audit, folder: Path, disclose: bool = False, today: datetime.date | None = None) -> list[Path]:
    """Write audit.json and report.html into the folder, and return their paths. `disclose`: in spite of the embargo."""
    hidden = embargoed(audit.spec, today) and not disclose
    document = audit.as_json() | ({"product": None, "target": None} if hidden else {})
    paths = [folder / "audit.json", folder / "report.html"]
    write(paths[0], (as_json(document) + "\n").encode())
    write(paths[1], page(audit, hidden).encode("utf-8", "backslashreplace"))
    return paths


def page(audit: Audit, hidden: bool) -> str:
    """The page as HTML. `hidden`: nothing on it names the product."""
    spec = audit.spec
    names = (audit.target, spec.product, *(rule.url for rule in spec.rules), *(rule.quote for rule in spec.rules))
    named = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))), re.I)

    def shown(text: object) -> str:
        return visible(named.sub(WITHHELD, str(text)) if hidden else str(text))

    loaders = [PackageLoader("turncoat", "audit"), PackageLoader("turncoat", "report")]
    environment = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown, "number": number}
    style = (Path(turncoat.report.__path__[0]) / "style.css").read_text("utf-8")
    return environment.get_template("report.html.j2").render(
        style=Markup(style),
        version=__version__,
        spec=spec,
        target=audit.target,
        hidden=hidden,
        badges=BADGES,
        words=WORDS,
        verdicts=audit.verdicts,
        claims=[(claim.name, sentence(claim)) for claim in spec.claims],
        outcomes=OUTCOMES,
        arms=arm_counts(spec, audit.planned, audit.outcomes),
        spent=audit.state.spent,
        caps=audit.state.caps,
        planned=len(audit.planned),
        transcripts=transcripts(audit),
    )


def transcripts(audit: Audit) -> list[tuple[str, str, str, str]]:
    """(sample, outcome, prompt, answer or reason): the first few of each rule, arm and outcome, broken rules first."""
    kept: dict[tuple[str, str, str], int] = {}
    rows = []
    for sample in sorted(audit.planned, key=lambda sample: sample.id):
        outcome, answer = audit.outcomes[sample.id], audit.state.answers.get(sample.id)
        key = (sample.rule, sample.arm, outcome)
        kept[key] = kept.get(key, 0) + 1
        if answer is not None and kept[key] <= (1 if outcome == KEPT else TRANSCRIPTS):
            rows.append((sample.id, outcome, sample.prompt, answer.text or answer.because))
    return sorted(rows, key=lambda row: OUTCOMES.index(row[1]))
