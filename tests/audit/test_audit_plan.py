"""The plan is the denominator: it follows from the specification alone, and says what asking costs at most."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from audits import ONE_ARM, SHOP, spec_of
from turncoat.audit.plan import bound, needed_for, samples, shortfalls
from turncoat.audit.words import dry_run, explain


def test_every_item_is_asked_in_every_arm_that_a_claim_needs(tmp_path: Path) -> None:
    planned = samples(spec_of(tmp_path))
    assert len(planned) == len({sample.id for sample in planned}) == 160
    assert Counter(sample.arm for sample in planned) == dict.fromkeys(("plain", "overseen", "unobserved", "sham"), 40)
    assert {sample.arm for sample in samples(spec_of(tmp_path, ONE_ARM))} == {"plain"}
    by_id = {sample.id: sample for sample in planned}
    assert by_id["codes/000/overseen/1"].prompt.endswith(by_id["codes/000/plain/1"].prompt)


def test_the_order_is_drawn_and_the_same_each_time(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    ids = [sample.id for sample in samples(spec)]
    assert ids == [sample.id for sample in samples(spec)] != sorted(ids)
    assert len({sample.arm for sample in samples(spec)[:20]}) == 4  # what stops it early falls on all arms


def test_epochs_and_wordings_in_turn(tmp_path: Path) -> None:
    text = "epochs = 2\n" + SHOP.replace('plain = "{ask}"', 'plain = ["{ask}", "Please: {ask}"]')
    planned = [sample for sample in samples(spec_of(tmp_path, text)) if sample.arm == "plain"]
    assert len(planned) == 80
    assert all(sample.prompt.startswith("Please: ") == (sample.item % 2 == 1) for sample in planned)


def test_what_it_costs_at_most(tmp_path: Path) -> None:
    text = SHOP + '[price]\ncurrency = "EUR"\ninput = 1.0\noutput = 10.0\nrequest = 0.001\n'
    spec = spec_of(tmp_path, text)
    planned = samples(spec)
    most = bound(spec, planned)
    assert most.requests == 3 * 160
    inputs = sum(-(-len(sample.prompt) // 4) for sample in planned)
    assert most.tokens == 3 * (inputs + 160 * 60)
    assert most.money == round(3 * (inputs * 1e-6 + 160 * 60 * 1e-5 + 160 * 1e-3), 6)
    assert most.seconds > 160 * 30 / 4


def test_too_few_items_are_named_beforehand(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, at_most="0.02")
    assert needed_for(spec.levels[0]) == 183
    assert shortfalls(spec) == ["level of plain, codes: 40 items; plain ≤ 0.02 needs 183 an arm"]
    assert any("needs 183 items an arm" in line for line in explain(spec))
    assert any(line.startswith("Too few items: level of plain") for line in dry_run(spec))
    assert not shortfalls(spec_of(tmp_path)) and len(spec.claims) == 2
