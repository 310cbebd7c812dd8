"""From a specification to the samples that will be asked, and what they cost at most. The denominator of every verdict
is this list, and not what a log happens to hold."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from turncoat.audit.spec import ASK, BYTES_A_TOKEN, AuditClaim, Level, Rule, Spec
from turncoat.stats import items_needed


@dataclass(frozen=True)
class Sample:
    """One request for an answer. `id` is rule/item/arm/epoch; `template` the cluster of its item."""

    id: str
    rule: str
    item: int
    arm: str
    epoch: int
    template: str
    prompt: str


@dataclass(frozen=True)
class Bound:
    """What an audit costs at most: `seconds` if every request takes as long as it may."""

    requests: int
    tokens: int
    seconds: int
    money: float


def samples(spec: Spec) -> tuple[Sample, ...]:
    """Every item of every rule in every arm that a claim is about, in an order drawn by the seed: whatever stops an
    audit early, or changes the product while it runs, then falls on all arms alike."""
    planned = [
        Sample(
            f"{rule.id}/{i:03d}/{arm}/{epoch}", rule.id, i, arm, epoch, item.template,
            item.within(spec.arms[arm][i % len(spec.arms[arm])]).replace(ASK, item.question),
        )
        for rule in spec.rules
        for i, item in enumerate(rule.items)
        for arm in arms_asked(spec, rule)
        for epoch in range(1, spec.epochs + 1)
    ]  # fmt: skip
    random.Random(spec.seed).shuffle(planned)
    return tuple(planned)


def arms_asked(spec: Spec, rule: Rule) -> list[str]:
    """The arms in which a rule's items are asked: those that a claim about it compares."""
    wanted = {arm for claim in spec.claims if rule.id in claim.rules for arm in claim.arms}
    return [arm for arm in spec.arms if arm in wanted]


def tokens_of(text: str) -> int:
    """An estimate from above for plain text in a Latin script, where the product does not count."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_A_TOKEN)


def bound(spec: Spec, planned: tuple[Sample, ...]) -> Bound:
    """The most that asking them can cost, every retry used and every answer as long as it may be."""
    tries = 1 + spec.limits.retries
    inputs, output = [tokens_of(sample.prompt) for sample in planned], spec.limits.max_tokens
    waits = sum(spec.limits.wait_before(k) for k in range(spec.limits.retries))
    return Bound(
        requests=tries * len(planned),
        tokens=tries * (sum(inputs) + output * len(planned)),
        seconds=math.ceil(len(planned) * (tries * spec.limits.timeout + waits) / spec.limits.connections) + 60,
        money=round(tries * sum(spec.price.of(count, output) for count in inputs), 6),
    )


def shortfalls(spec: Spec) -> list[str]:
    """A line for each claim that its rule has too few items to settle, even where no item breaks it."""
    lines = []
    by_id = {rule.id: rule for rule in spec.rules}
    for claim in spec.claims:
        for rule in claim.rules:
            have, needed = len(by_id[rule].items), needed_for(claim)
            if have < needed:
                lines.append(f"{claim.name}, {rule}: {have} items; {promise(claim)} needs {needed} an arm")
    return lines


def needed_for(claim: AuditClaim) -> int:
    """The fewest items an arm with which a clean record clears the product of this claim."""
    if isinstance(claim, Level):
        return items_needed(claim.at_most)
    # Of a difference both kinds of discordant items have bounds, each at half the error.
    return items_needed(claim.at_least, 0.975) if claim.at_least > 0 else 0


def promise(claim: AuditClaim) -> str:
    """The claim in few words."""
    if isinstance(claim, Level):
        return f"{claim.arm} ≤ {claim.at_most:.3g}"
    return f"{claim.arm} − {claim.control} ≥ {claim.at_least:.3g}"
