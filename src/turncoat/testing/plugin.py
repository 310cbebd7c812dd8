"""The pytest plugin: `pytest --organism ./my_organism.py` has an organism's checks as tests of your project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr, TracebackStyle

    from turncoat.core import Organism
    from turncoat.testing.contract import Check

Checks = Callable[[], "Iterable[Check]"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--organism", action="append", default=[], help="check this organism (name or .py file) as tests")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each check of what is given with --organism is a test, and all that train are one, which runs with the tests."""
    for source in config.getoption("--organism"):
        items += items_of(session, source)


def items_of(session: pytest.Session, source: str) -> Iterator[CheckItem]:
    """The tests of one organism, or one that fails where it cannot be loaded."""
    from turncoat.core import TurncoatError
    from turncoat.organisms import load
    from turncoat.testing.contract import Check, organism_checks

    def item(name: str, run: Checks) -> CheckItem:
        return CheckItem.from_parent(session, name=f"{Path(source).stem}: {name}", nodeid=f"{source}::{name}", run=run)

    try:
        organism = load(source)
        checks = list(organism_checks(organism, source))
    except TurncoatError as error:
        yield item("it can be loaded", partial(tuple, [Check("load", False, str(error))]))
    else:
        for check in checks:
            yield item(check.name, partial(tuple, [check]))
        yield item("a short training", partial(training, organism))


def training(organism: Organism) -> Iterator[Check]:
    from turncoat.testing.smoke import smoke_checks

    return smoke_checks(organism)


class CheckItem(pytest.Item):
    """A test that passes where all of its checks do."""

    def __init__(self, *, run: Checks, name: str, nodeid: str, parent: pytest.Session) -> None:
        super().__init__(name, parent, nodeid=nodeid)
        self.run = run

    def runtest(self) -> None:
        failed = [f"{check.name}: {check.reason}" for check in self.run() if not check.passed]
        if failed:
            raise AssertionError("\n".join(failed))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str | TerminalRepr:
        """A check's reason without its traceback."""
        if isinstance(excinfo.value, AssertionError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name
