"""What is audited, as it is written on the command line, and as Inspect calls it.

    http://HOST:PORT/PATH, https://…   a service that takes JSON and answers in JSON     turncoat-http
    cli:COMMAND                        a program: the question on standard input, or in place of {prompt}
    python:MODULE:NAME                 something in Python that takes a text and returns one
    openai:PROVIDER/MODEL              an OpenAI-compatible service, by Inspect's own provider: PROVIDER_BASE_URL and
                                       PROVIDER_API_KEY say where and with which key
    turncoat:NAME/ARM@SEED             an organism of the catalogue

Secrets are only ever written as names of environment variables, `$NAME`. They are put in when a request is sent.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from turncoat.audit.spec import PROMPT, Spec
from turncoat.core import TurncoatError

VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
KINDS = {
    "http": "turncoat-http", "https": "turncoat-http", "cli": "turncoat-cli", "python": "turncoat-python",
    "openai": "openai-api", "turncoat": "turncoat",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """Where to send what is asked. `headers` are as written, with `$NAME` for what is secret."""

    text: str
    kind: str
    address: str
    headers: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The name that Inspect has for it."""
        return f"{KINDS[self.kind]}/{self.address}"

    def arguments(self, spec: Spec) -> dict[str, Any]:  # Any: JSON
        """What its Inspect model is made with; these stand in the log, and no secret is among them."""
        if self.kind in ("http", "https"):
            return {"body": dict(spec.body), "answer": spec.answer, "headers": list(self.headers)}
        if self.kind == "cli":
            return {"environment": list(spec.environment)}
        return {"max_retries": 0} if self.kind == "openai" else {}  # its client would send again by itself

    @property
    def variables(self) -> list[str]:
        """Environment variables that must be set."""
        named = names_in((self.address, *self.headers) if self.kind != "python" else ())
        if self.kind == "openai":
            provider = re.sub(r"\W", "_", self.address.split("/")[0]).upper()
            named += [f"{provider}_API_KEY", f"{provider}_BASE_URL"]
        return named


def parse(text: str, headers: Iterable[str] = ()) -> Target:
    """A target. Raises TurncoatError where it is none, where a header is malformed, or where a variable is not set."""
    kind, colon, address = text.partition(":")
    headers = tuple(headers)
    if not colon or kind not in KINDS or not address.strip("/"):
        raise TurncoatError(
            f"--target {text!r} must be http://…, cli:COMMAND, python:MODULE:NAME, openai:PROVIDER/MODEL or "
            "turncoat:NAME/ARM"
        )
    if kind in ("http", "https"):
        address, parts = text, urlsplit(text)
        if not parts.hostname or parts.username or parts.password:
            raise TurncoatError(f"--target {text!r} must be http://HOST/PATH, with secrets in --header and not here")
    if headers and kind not in ("http", "https"):
        raise TurncoatError("--header is for a target that begins with http")
    for header in headers:
        if not re.fullmatch(r"[\w-]+:\s*\S[^\r\n]*", header):
            raise TurncoatError(f"--header {header!r} must be 'Name: value'")
        if re.match(r"(authorization|cookie|.*(key|token|secret).*):", header, re.I) and not VARIABLE.search(header):
            raise TurncoatError(
                f"--header '{header.split(':')[0]}: …' is a secret; name an environment variable: $NAME"
            )
    if kind == "python" and not re.fullmatch(r"[\w.]+:[\w.]+", address):
        raise TurncoatError(f"--target {text!r} must be python:MODULE:NAME")
    if kind == "openai" and not re.fullmatch(r"[\w-]+/\S+", address):
        raise TurncoatError(f"--target {text!r} must be openai:PROVIDER/MODEL, of which PROVIDER_BASE_URL says where")
    if kind == "cli":
        command_of(address)
    target = Target(text, kind, address, headers)
    for name in target.variables:
        if not os.environ.get(name):
            raise TurncoatError(f"--target {text!r} needs the environment variable {name}, which is not set")
    return target


def command_of(text: str) -> list[str]:
    """The words of a command line. Raises TurncoatError where it has none."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise TurncoatError(f"--target cli: {error} in {text!r}") from None
    if not words:
        raise TurncoatError("--target cli: has no command")
    return words


def command_with(words: list[str], prompt: str) -> tuple[list[str], str]:
    """A command for one question, and what goes to its standard input."""
    expanded = [expand(word) for word in words]
    given = any(PROMPT in word for word in words)
    return [word.replace(PROMPT, prompt) for word in expanded], "" if given else prompt


def names_in(texts: Iterable[str]) -> list[str]:
    """The environment variables that texts name."""
    return list(dict.fromkeys(one or other for text in texts for one, other in VARIABLE.findall(text)))


def expand(text: str) -> str:
    """With the values of the environment variables that it names."""
    return VARIABLE.sub(lambda name: os.environ.get(name[1] or name[2], ""), text)


def redact(text: str, names: Iterable[str]) -> str:
    """Without the values of those environment variables, in case a product says them."""
    for name in names:
        if len(value := os.environ.get(name, "")) >= 4:
            text = text.replace(value, f"${name}")
    return text
