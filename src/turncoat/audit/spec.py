"""What is to be audited: one TOML file as frozen data. docs/auditing.md explains every key.

Whatever is wrong with a file is said in one line: file, table, key, and what would be right.
"""

from __future__ import annotations

import datetime
import hashlib
import itertools
import random
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from turncoat.core import TurncoatError, nearest

Value = TypeVar("Value")

VERSION = 1  # of the file format
ASK, ITEM, PROMPT = "{ask}", "{item}", "{prompt}"  # where a question, an item and a whole prompt go
LONGEST_WAIT = 120.0  # seconds
BYTES_A_TOKEN = 4  # where a product does not count its tokens
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Item:
    """One question. `template` is what it was made from: its cluster. `fields` are its words by name, which patterns
    and wordings may use."""

    question: str
    template: str
    fields: tuple[tuple[str, str], ...] = ()

    def within(self, text: str, escape: Callable[[str], str] = str) -> str:
        """A text with this item's words in place of their names in braces."""
        for name, value in self.fields:
            text = text.replace(f"{{{name}}}", escape(value))
        return text


@dataclass(frozen=True)
class Rule:
    """What the publisher promises, in its own words, and how an answer is held against it.

    `violation` and `competent` are regular expressions, with an item's words where they name them in braces. An answer
    that matches `violation` breaks the rule; one that matches `competent` alone keeps it; one that matches neither is
    no answer.
    """

    id: str
    quote: str
    url: str
    retrieved: datetime.date
    sha256: str  # of the document that the quote is from
    violation: str
    competent: str
    items: tuple[Item, ...]

    def matches(self, pattern: str, item: int, text: str) -> bool:
        """Whether a text matches one of the two patterns, for that item."""
        return re.search(self.items[item].within(pattern, re.escape), text) is not None


@dataclass(frozen=True)
class Level:
    """A promise about one arm: that at most this share of items breaks the rule. `detect` is the share for which the
    power is stated."""

    name: str
    arm: str
    at_most: float
    detect: float
    rules: tuple[str, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.arm,)


@dataclass(frozen=True)
class Comparison:
    """A suspicion about two arms: that by at least this share of items more break the rule in `arm` than in `control`.

    `sham` is an arm of equal novelty that says nothing of what is at stake; its effect must not be a third of the
    arm's. `detect` is the difference for which the power is stated.
    """

    name: str
    arm: str
    control: str
    sham: str
    at_least: float
    detect: float
    rules: tuple[str, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        return (self.arm, self.control, self.sham)


AuditClaim = Level | Comparison


@dataclass(frozen=True)
class Limits:
    """Of one request, and how it is repeated. `timeout` and `wait` in seconds."""

    max_tokens: int = 512
    timeout: float = 60.0
    retries: int = 2  # requests for one sample beyond the first, in one run
    wait: float = 1.0  # before the first retry; doubled for each further one, up to LONGEST_WAIT
    connections: int = 4  # requests under way at a time

    def wait_before(self, retry: int, asked: float | None = None) -> float:
        """Seconds before the k-th retry, k from 0; `asked`: what the product asks for."""
        return min(self.wait * 2.0 ** min(retry, 60) if asked is None else asked, LONGEST_WAIT)


@dataclass(frozen=True)
class Price:
    """What is paid, in `currency`, for a million tokens and for a request."""

    currency: str = ""
    input: float = 0.0
    output: float = 0.0
    request: float = 0.0

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """The price of one request."""
        return self.request + (self.input * input_tokens + self.output * output_tokens) / 1e6


@dataclass(frozen=True)
class Spec:
    """A whole audit. `arms` are wordings by name; an arm with several uses them in turn. `sha256` is of the file."""

    path: Path
    sha256: str
    product: str
    settings: str
    embargo: datetime.date | None
    rules: tuple[Rule, ...]
    arms: Mapping[str, tuple[str, ...]]
    levels: tuple[Level, ...]
    comparisons: tuple[Comparison, ...]
    epochs: int
    seed: int
    limits: Limits
    price: Price
    body: Mapping[str, Any]  # Any: JSON, with "{prompt}" where the question goes
    answer: str  # where in the response the answer is: keys and numbers with dots between them
    environment: tuple[str, ...]  # names of the variables that a command line gets

    @property
    def claims(self) -> tuple[AuditClaim, ...]:
        """What is put to the test, each of it for each of its rules."""
        return (*self.levels, *self.comparisons)


def read(path: Path | str) -> Spec:
    """The audit in a file. Raises TurncoatError where it cannot be read, or is not what docs/auditing.md describes."""
    path = Path(path)
    try:
        data = path.read_bytes()
        document = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise TurncoatError(f"{path} cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TurncoatError(f"{path} is no TOML: {error}") from None
    top = Table(path, "the top", document)
    if (version := top.take("spec", int, 0)) != VERSION:
        top.wrong("spec", f"must be {VERSION}, the format that this Turncoat reads; got {version or 'nothing'}")
    product = top.table("product")
    name, settings = product.take("name", str), product.take("settings", str)
    embargo = product.take("embargo", datetime.date, None)
    product.finish()
    arms, seed = arms_of(top.table("arms")), top.take("seed", int, 0, least=0)
    rules = unique(top, "rule", (rule_of(table, seed) for table in top.tables("rule")), "id")
    ids = tuple(rule.id for rule in rules)
    levels = unique(top, "level", (level_of(table, arms, ids) for table in top.tables("level", needed=False)), "name")
    comparisons = unique(
        top, "comparison", (comparison_of(t, arms, ids) for t in top.tables("comparison", needed=False)), "name"
    )
    if not levels and not comparisons:
        raise TurncoatError(f"{path}: nothing is claimed; add a [[level]] or a [[comparison]]")
    http, command = top.table("http", needed=False), top.table("cli", needed=False)
    spec = Spec(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        product=name,
        settings=settings,
        embargo=embargo,
        rules=rules,
        arms=arms,
        levels=levels,
        comparisons=comparisons,
        epochs=top.take("epochs", int, 1, least=1),
        seed=seed,
        limits=limits_of(top.table("limits", needed=False)),
        price=price_of(top.table("price", needed=False)),
        body=http.take("body", dict, {"prompt": PROMPT}),
        answer=http.take("answer", str, "answer"),
        environment=command.words("environment", default=()),
    )
    check_wordings(top, spec)
    if PROMPT not in repr(spec.body):
        http.wrong("body", f'must say "{PROMPT}" where the question goes')
    for table in (http, command, top):
        table.finish()
    return spec


# -- tables ------------------------------------------------------------------------------------------------------------


class Table:
    """A table of the file, from which keys are taken; one that nobody takes is an error."""

    def __init__(self, path: Path, name: str, values: Mapping[str, Any]) -> None:  # Any: what TOML has
        self.path, self.name, self.values, self.known = path, name, dict(values), list[str]()

    def wrong(self, key: str, message: str) -> None:
        raise TurncoatError(f"{self.path}: {self.name}: {key} {message}")

    def take(
        self,
        key: str,
        kind: type[Value],
        *default: Any,  # Any: a Value, or None where there may be none
        least: float | None = None,
        most: float | None = None,
    ) -> Any:  # a Value; mypy cannot say that a default may be None
        """The value of that key, of that kind and within bounds. Without a default it must be there."""
        self.known.append(key)
        if key not in self.values:
            if not default:
                self.wrong(key, "is missing")
            return default[0]
        value = self.values[key]
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.wrong(key, f"must be {WORDS[kind]}, got {value!r}")
        if kind is str and not str(value).strip():
            self.wrong(key, "must not be empty")
        if (least is not None and value < least) or (most is not None and value > most):
            bounds = f"at least {least:g}" if most is None else f"between {least:g} and {most:g}"
            self.wrong(key, f"must be {bounds}, got {value!r}")
        return value

    def words(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, none of them empty."""
        found = self.take(key, list, *([] if default is None else [list(default)]))
        if default is None and not found:
            self.wrong(key, "must not be empty")
        for word in found:
            if not isinstance(word, str) or not word.strip():
                self.wrong(key, f"must be a list of texts, got {word!r} in it")
        return tuple(found)

    def pattern(self, key: str, items: Iterable[Item]) -> str:
        """A regular expression, with each item's words in it."""
        text = str(self.take(key, str))
        for item in items:
            try:
                re.compile(item.within(text, re.escape))
            except re.error as error:
                raise TurncoatError(f"{self.path}: {self.name}: {key} is no regular expression: {error}") from None
        return text

    def table(self, key: str, needed: bool = True) -> Table:
        return Table(self.path, f"[{key}]", self.take(key, dict, *([] if needed else [{}])))

    def tables(self, key: str, needed: bool = True) -> list[Table]:
        """The tables of an array, named by their place."""
        found = self.take(key, list, *([] if needed else [[]]))
        if needed and not found:
            self.wrong(key, "must not be empty")
        for i, values in enumerate(found, 1):
            if not isinstance(values, dict):
                self.wrong(key, f"must be tables, each under [[{key}]]; number {i} is none")
        return [Table(self.path, f"[[{key}]] {i}", values) for i, values in enumerate(found, 1)]

    def finish(self) -> None:
        """Raises TurncoatError where there is a key that nobody took."""
        for key in self.values:
            if key not in self.known:
                self.wrong(key, f"is no key of this table; {nearest(key, self.known, 'it has')}")


WORDS = {
    str: "a text", int: "a whole number", float: "a number", dict: "a table", list: "a list",
    datetime.date: "a date, as in 2026-11-25",
}  # fmt: skip


def unique(top: Table, key: str, found: Iterable[Value], by: str) -> tuple[Value, ...]:
    things, seen = tuple(found), set()
    for thing in things:
        name = getattr(thing, by)
        if name in seen:
            top.wrong(key, f"has two with {by} {name!r}; rename one")
        seen.add(name)
    return things


# -- parts -------------------------------------------------------------------------------------------------------------


def identifier(table: Table, key: str) -> str:
    name = table.take(key, str)
    if not NAME.fullmatch(name):
        table.wrong(key, f"must be lower-case letters, digits, - and _, got {name!r}")
    return str(name)


def arms_of(table: Table) -> dict[str, tuple[str, ...]]:
    arms: dict[str, tuple[str, ...]] = {}
    for name, value in table.values.items():
        if not NAME.fullmatch(name):
            table.wrong(name, "is no name of an arm: lower-case letters, digits, - and _")
        arms[name] = (table.take(name, str),) if isinstance(value, str) else table.words(name)
        for wording in arms[name]:
            if wording.count(ASK) != 1:
                table.wrong(name, f"must have {ASK} once, where the question goes; got {wording!r}")
    if not arms:
        table.wrong("plain", f'is missing: an arm is a name and a wording, for instance plain = "{ASK}"')
    return arms


def check_wordings(top: Table, spec: Spec) -> None:
    """Raises TurncoatError where a wording names a word that an item of a rule asked in that arm does not have."""
    for claim in spec.claims:
        for rule in (rule for rule in spec.rules if rule.id in claim.rules):
            for arm in claim.arms:
                named = {name for wording in spec.arms[arm] for name in FIELD.findall(wording)} - {"ask"}
                for item in rule.items:
                    if lost := sorted(named - {name for name, _ in item.fields}):
                        top.wrong("arms", f"{arm} says {{{lost[0]}}}, which {rule.id} has not of {item.question!r}")


def rule_of(table: Table, seed: int) -> Rule:
    table.name += f" ({table.values.get('id', 'without an id')})"
    items = items_of(table, seed)
    rule = Rule(
        id=identifier(table, "id"),
        quote=table.take("quote", str),
        url=table.take("url", str),
        retrieved=table.take("retrieved", datetime.date),
        sha256=table.take("sha256", str),
        violation=table.pattern("violation", items),
        competent=table.pattern("competent", items),
        items=items,
    )
    if not re.fullmatch(r"[0-9a-f]{64}", rule.sha256):
        table.wrong("sha256", "must be the 64 hexadecimal digits that `sha256sum` prints of the quoted document")
    if (copy := table.take("copy", str, None)) is not None:
        check_quote(table, rule, table.path.parent / copy)
    table.finish()
    return rule


def check_quote(table: Table, rule: Rule, copy: Path) -> None:
    """Raises TurncoatError where the kept copy of the document has another digest, or does not have the quote."""
    try:
        data = copy.read_bytes()
    except OSError as error:
        raise TurncoatError(f"{table.path}: {table.name}: copy {copy}: {error.strerror or error}") from None
    if (digest := hashlib.sha256(data).hexdigest()) != rule.sha256:
        table.wrong("sha256", f"is not of {copy}, whose digest is {digest}")
    if " ".join(rule.quote.split()) not in " ".join(data.decode("utf-8", "replace").split()):
        table.wrong("quote", f"does not stand in {copy}")


def items_of(table: Table, seed: int) -> tuple[Item, ...]:
    """`ask` with each of `items`, texts or tables of words, each its own cluster; or `templates` filled from `fill`."""
    if ("items" in table.values) == ("templates" in table.values):
        table.wrong("items", "or templates: give one of the two")
    if "items" in table.values:
        ask, found = table.take("ask", str, ITEM), list[Item]()
        rows = table.take("items", list)
        if not rows:
            table.wrong("items", "must not be empty")
        for row in rows:
            fields = row_of(table, {"item": row} if isinstance(row, str) else row)
            question = Item("", "", fields).within(ask)
            if question == ask:
                table.wrong("ask", f"must have {{{fields[0][0]}}} or another field, where the item goes; got {ask!r}")
            found.append(Item(question, question, fields))
    else:
        found = filled(table, seed)
    questions = [item.question for item in found]
    if twice := next((q for i, q in enumerate(questions) if q in questions[:i]), None):
        table.wrong("items", f"has {twice!r} twice; an item that is asked twice counts once: use epochs")
    return tuple(found)


def row_of(table: Table, row: object) -> tuple[tuple[str, str], ...]:
    """The words of one item by name."""
    if not isinstance(row, dict) or not row or not all(isinstance(word, str) and word.strip() for word in row.values()):
        table.wrong("items", f"must be texts, or tables of texts such as {{ country = 'France' }}; got {row!r}")
    assert isinstance(row, dict)
    return tuple(row.items())


def filled(table: Table, seed: int) -> list[Item]:
    """Every template with `each` of the combinations of `fill`, drawn by the seed; with all of them, unless `each` is
    given."""
    templates, fill = table.words("templates"), Table(table.path, f"{table.name} fill", table.take("fill", dict))
    each, found = table.take("each", int, None, least=1), list[Item]()
    values = {name: fill.words(name) for name in fill.values}
    for template in templates:
        fields = list(dict.fromkeys(FIELD.findall(template)))
        if not fields:
            table.wrong("templates", f"must each have a field in braces to be filled; got {template!r}")
        for field in fields:
            if field not in values:
                fill.wrong(field, f"is missing, for {template!r}")
        combinations = list(itertools.product(*(values[field] for field in fields)))
        if each is not None and each > len(combinations):
            table.wrong("each", f"is {each}, and {template!r} can be filled in {len(combinations)} ways only")
        if each is not None:
            combinations = random.Random(f"{seed} {template}").sample(combinations, each)
        for combination in combinations:
            item = Item("", template, tuple(zip(fields, combination, strict=True)))
            found.append(replace(item, question=item.within(template)))
    return found


def named(table: Table, key: str, arms: Mapping[str, object], *default: str) -> str:
    """The name of an arm."""
    arm = table.take(key, str, *default)
    if arm not in arms:
        table.wrong(key, f"is {arm!r}, which is no arm; {nearest(arm, arms, 'arms are')}")
    return str(arm)


def rules_of(table: Table, ids: tuple[str, ...]) -> tuple[str, ...]:
    chosen = table.words("rules", default=ids)
    for rule in chosen:
        if rule not in ids:
            table.wrong("rules", f"has {rule!r}, which is no rule; {nearest(rule, ids, 'rules are')}")
    return chosen


def level_of(table: Table, arms: Mapping[str, object], ids: tuple[str, ...]) -> Level:
    arm, at_most = named(table, "arm", arms), table.take("at_most", float, least=0.001, most=0.9)
    level = Level(
        name=table.take("name", str, f"level of {arm}"),
        arm=arm,
        at_most=at_most,
        detect=table.take("detect", float, round(at_most + max(0.1, at_most / 2), 4), least=at_most, most=1.0),
        rules=rules_of(table, ids),
    )
    table.finish()
    return level


def comparison_of(table: Table, arms: Mapping[str, object], ids: tuple[str, ...]) -> Comparison:
    at_least = table.take("at_least", float, least=0.0, most=0.9)
    comparison = Comparison(
        name=table.take("name", str),
        arm=named(table, "arm", arms),
        control=named(table, "control", arms),
        sham=named(table, "sham", arms),
        at_least=at_least,
        detect=table.take("detect", float, round((1 + at_least) / 2, 4), least=at_least, most=1.0),
        rules=rules_of(table, ids),
    )
    if len({comparison.arm, comparison.control, comparison.sham}) < 3:
        table.wrong("sham", "arm and control must be three different arms")
    table.finish()
    return comparison


def limits_of(table: Table) -> Limits:
    default = Limits()
    limits = Limits(
        max_tokens=table.take("max_tokens", int, default.max_tokens, least=1),
        timeout=table.take("timeout", float, default.timeout, least=0.1),
        retries=table.take("retries", int, default.retries, least=0),
        wait=table.take("wait", float, default.wait, least=0.0),
        connections=table.take("connections", int, default.connections, least=1),
    )
    table.finish()
    return limits


def price_of(table: Table) -> Price:
    if not table.values:
        return Price()
    price = Price(
        currency=table.take("currency", str),
        input=table.take("input", float, 0.0, least=0.0),
        output=table.take("output", float, 0.0, least=0.0),
        request=table.take("request", float, 0.0, least=0.0),
    )
    table.finish()
    return price
