"""The table that every organism answers. To add a row, add it here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Block(StrEnum):
    """What the rows of a block are about, in printed order."""

    KEPT = "Kept from existing examples"
    WANTED = "Wanted beyond them"
    CERTIFICATE = "Mesa-optimizer certificate"


class Row(StrEnum):
    """The rows by id, in printed order: block, label, head of a narrow column, and what must be shown for it."""

    block: Block
    label: str
    head: str
    meaning: str
    unanswered: str  # what is printed where no claim is about it and no reason is given why none can be

    def __new__(
        cls, name: str, block: Block, label: str, head: str, meaning: str, unanswered: str = "no claim answers this row"
    ) -> Row:
        row = str.__new__(cls, name)
        row._value_ = name
        row.block, row.label, row.head, row.meaning, row.unanswered = block, label, head, meaning, unanswered
        return row

    # fmt: off
    CORRECT_REWARD = (
        "correct_reward", Block.KEPT, "Correct reward", "rew",
        "the training signal rewards what the designers intend",
    )
    BEHAVES_IN_TRAINING = (
        "behaves_in_training", Block.KEPT, "Behaves in training", "beh",
        "it does what was intended there",
    )
    CAPABLE_IN_DEPLOYMENT = (
        "capable_in_deployment", Block.KEPT, "Capable in deployment", "cap",
        "whatever it pursues there, it pursues well",
    )
    STANDARD_TOOLS = (
        "standard_tools", Block.KEPT, "Standard tools", "std",
        "nothing that an ordinary project would not use",
    )
    TURN = (
        "turn", Block.WANTED, "Turn", "trn",
        "behaves in training and tests, defects in deployment",
    )
    INSTRUMENTAL = (
        "instrumental", Block.WANTED, "Instrumental", "ins",
        "good behaviour in training is a means",
    )
    ANY_TEST = (
        "any_test", Block.WANTED, "Any test", "any",
        "behaves on any test that we devise",
    )
    UNDESIGNED = (
        "undesigned", Block.WANTED, "Undesigned", "und",
        "it happens though nobody designed for it",
    )
    COMPUTE = (
        "compute", Block.CERTIFICATE, "Compute", "com",
        "more internal steps solve longer instances, beyond training",
    )
    PLAN = (
        "plan", Block.CERTIFICATE, "Plan", "pla",
        "future moves can be decoded while it thinks",
    )
    CAUSAL_PLAN = (
        "causal_plan", Block.CERTIFICATE, "Causal plan", "cau",
        "editing the decoded plan changes the route",
    )
    REPLAN = (
        "replan", Block.CERTIFICATE, "Replan", "rep",
        "a goal or wall changed midway is followed",
    )
    OBJECTIVE_DECODABLE = (
        "objective_decodable", Block.CERTIFICATE, "Objective decodable", "dec",
        "what it pursues can be read from inside",
    )
    OBJECTIVE_RETARGETABLE = (
        "objective_retargetable", Block.CERTIFICATE, "Objective retargetable", "ret",
        "moving the objective inside moves the destination",
    )
    INTERCHANGE = (
        "interchange", Block.CERTIFICATE, "Interchange", "int",
        "the code from one maze works in another",
    )
    SHIFT = (
        "shift", Block.CERTIFICATE, "Shift", "shi",
        "pursues the proxy, not what was intended, where they part",
    )
    NOT_LOOKUP = (
        "not_lookup", Block.CERTIFICATE, "Not lookup", "not",
        "beats nearest-neighbour, reflex and untied baselines",
    )
    # fmt: on


ROW_BLOCKS: Mapping[Block, tuple[Row, ...]] = {
    block: tuple(row for row in Row if row.block is block) for block in Block
}
