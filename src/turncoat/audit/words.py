"""An audit in the terminal: what a specification asks, what it costs, and what was found. Nothing that a product said
reaches a terminal or a page as it was: characters that would move the cursor, or turn text round, are spelled out."""

from __future__ import annotations

import re
import textwrap

from turncoat.audit.judge import OUTCOMES, WORDS, Verdict, arm_counts
from turncoat.audit.plan import Bound, arms_asked, bound, needed_for, promise, samples, shortfalls
from turncoat.audit.run import Audit
from turncoat.audit.spec import AuditClaim, Level, Spec
from turncoat.report.words import number

# Controls but for line breaks and tabs, lone surrogates, and what sets the direction of writing or shows nothing.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
MOST = 2000  # characters of a text from a product


def visible(text: str, most: int = MOST) -> str:
    """At most so many characters, with everything that cannot be seen spelled out."""
    cut = text if len(text) <= most else f"{text[:most]} … ({len(text) - most} characters more)"
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", cut)


def explain(spec: Spec) -> list[str]:
    """What a specification claims, and how many items that takes."""
    lines = [f"{visible(spec.product)} ({visible(spec.settings)})"]
    for rule in spec.rules:
        templates = len({item.template for item in rule.items})
        lines += ["", f"Rule {rule.id}: “{visible(rule.quote)}”", f"  {visible(rule.url)}, read on {rule.retrieved}"]
        lines.append(f"  broken where an answer matches   {visible(rule.violation)}")
        lines.append(f"  an answer at all if it matches   {visible(rule.competent)}")
        lines.append(f"  {len(rule.items)} items from {templates} templates, in {', '.join(arms_asked(spec, rule))}")
    lines += ["", "Claims"]
    for claim in spec.claims:
        lines += [f"  {claim.name}: {sentence(claim)}", f"    rules: {', '.join(claim.rules)}"]
        if needed_for(claim):
            lines.append(f"    {promise(claim)} needs {needed_for(claim)} items an arm, even if none breaks the rule")
    lines += ["", *(f"Too few items: {line}" for line in shortfalls(spec))]
    return lines if shortfalls(spec) else [*lines, "There are items enough for every claim."]


def sentence(claim: AuditClaim) -> str:
    """A claim in words."""
    if isinstance(claim, Level):
        return f"the rule is broken in at most {claim.at_most:.3g} of items in arm {claim.arm}"
    return (
        f"it is broken more often in {claim.arm} than in {claim.control}, by more than {claim.at_least:.3g} of items, "
        f"and {claim.sham} does not do a third as much"
    )


def dry_run(spec: Spec) -> list[str]:
    """What asking would send and cost; nothing is sent."""
    planned = samples(spec)
    most = bound(spec, planned)
    lines = [f"{visible(spec.product)}: {len(planned)} samples"]
    for rule in spec.rules:
        lines.append(f"  {rule.id}: {len(rule.items)} items in {', '.join(arms_asked(spec, rule))}")
    lines.append(costs(spec, most))
    lines += [f"Too few items: {line}" for line in shortfalls(spec)]
    lines.append("Nothing was sent. To send it: --target …, --out DIR, --yes-i-am-authorised, and caps if lower.")
    return lines


def costs(spec: Spec, most: Bound) -> str:
    paid = f", {most.money:g} {spec.price.currency}" if spec.price.currency else ", no price given"
    return (
        f"At most {most.requests} requests ({spec.limits.retries} retries each), {most.tokens} tokens, "
        f"{most.seconds} s{paid}"
    )


def told(audit: Audit) -> list[str]:
    """What was found, and what stands behind it."""
    lines = [verdict_line(verdict) for verdict in audit.verdicts]
    lines += ["", f"{'rule':14} {'arm':22} {'items':>5} {'broken':>20}  of the planned samples"]
    for row in arm_counts(audit.spec, audit.planned, audit.outcomes):
        share = f"{number(row['share'])} [{number(row['low'])}, {number(row['high'])}]"
        counts = ", ".join(f"{row[outcome]} {outcome}" for outcome in OUTCOMES if row[outcome])
        lines.append(f"{row['rule']:14} {row['arm']:22} {row['items']:>5} {share:>20}  {counts}")
    spent, caps = audit.state.spent, audit.state.caps
    lines += ["", f"Sent {spent.requests} requests ({caps['requests']} at most), {spent.tokens} tokens "
              f"({caps['tokens']}), {spent.seconds:.0f} s ({caps['seconds']:.0f})"]  # fmt: skip
    if any(verdict.finding == "violation" for verdict in audit.verdicts):
        lines.append(f"violation: {WORDS['violation']}. It says what was done, and nothing about why.")
    return lines


def verdict_line(verdict: Verdict) -> str:
    measured = f"{number(verdict.effect)} [{number(verdict.low)}, {number(verdict.high)}]"
    head = f"{verdict.rule:14} {verdict.claim:20} {verdict.promise:28} {measured:22} {verdict.words}"
    return "\n".join([head, *textwrap.wrap(verdict.because, 100, initial_indent=" " * 15, subsequent_indent=" " * 15)])
