"""The audit as an Inspect task: the planned samples, a solver that keeps the budget, and a scorer that names outcomes.

The solver does by itself what Inspect would do less strictly. It writes every request down before it is sent, cuts one
off when its time is over (`timeout` does not interrupt), retries (Inspect and the clients of providers are told not
to), and does not ask what the ledger has an answer to. A score is an outcome by name and not a number: a sample that
hit a limit must not look like one that kept the rule.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import anyio
from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import GenerateConfig, Model, get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.viewer import ViewerConfig

from turncoat.audit.budget import Answer, Caps, Ledger
from turncoat.audit.judge import NOT_ASKED, OUTCOMES, outcome_of
from turncoat.audit.models import AGAIN, output
from turncoat.audit.plan import bound, samples, tokens_of
from turncoat.audit.spec import Limits, Price, Spec, read
from turncoat.audit.targets import redact

STORE = "outcome"


@task
def audit(spec: str, out: str = "audit") -> Task:
    """A specification's samples. `out`: the folder with the ledger; caps are those of the plan, unless the ledger was
    begun by `turncoat audit` with others."""
    known = read(spec)
    planned = samples(known)
    most = bound(known, planned)
    caps = Caps(most.requests, most.tokens, most.seconds, most.money)
    return task_of(known, Ledger(Path(out), known.sha256, str(get_model()), caps))


def task_of(spec: Spec, ledger: Ledger, secrets: tuple[str, ...] = ()) -> Task:
    """The task of a specification under a ledger. `secrets`: environment variables whose values must not get out."""
    planned = samples(spec)
    dataset = [
        InspectSample(
            id=sample.id,
            input=sample.prompt,
            metadata={"rule": sample.rule, "item": sample.item, "arm": sample.arm, "template": sample.template},
        )
        for sample in planned
    ]
    return Task(
        dataset=MemoryDataset(dataset, name=spec.path.name),
        solver=ask(ledger, spec.limits, spec.price, secrets),
        scorer=keeps_the_rule(str(spec.path)),
        epochs=Epochs(1, "mode"),  # by default Inspect makes a number of every score first, and of these all would be 0
        name="audit",
        metadata={"spec_sha256": spec.sha256, "ledger": ledger.path.name},
        fail_on_error=False,
        viewer=ViewerConfig(trust_content=False),
    )


@solver
def ask(ledger: Ledger, limits: Limits, price: Price, secrets: tuple[str, ...] = ()) -> Solver:
    """Ask the model each sample's question once, within the caps of the ledger."""
    settled = Signal()

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        sample, model = str(state.sample_id), get_model()
        known = ledger.state.answers.get(sample)
        if known is None or known.outcome != "answered":
            known = await Request(ledger, limits, price, settled, model, sample, state.input_text, secrets).send()
        if known is None:
            state.store.set(STORE, NOT_ASKED)
        elif known.outcome == "answered":
            state.output = output(str(model), state.input_text, known.text, known.stop)
            state.messages.append(state.output.message)
        else:
            raise Unanswered(f"{known.outcome}: {known.because}")
        state.completed = True
        return state

    return solve


class Unanswered(Exception):
    """A sample to which there is no answer, for Inspect's log; the ledger has it too."""


class Signal:
    """Something that several wait for, again and again."""

    def __init__(self) -> None:
        self.event = anyio.Event()

    def give(self) -> None:
        self.event.set()
        self.event = anyio.Event()

    async def wait(self) -> None:
        await self.event.wait()


class Request:
    """One sample's question, sent until it is answered, until its retries are used or a cap is reached."""

    def __init__(
        self, ledger: Ledger, limits: Limits, price: Price, settled: Signal, model: Model, sample: str, prompt: str,
        secrets: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.ledger, self.limits, self.price, self.settled = ledger, limits, price, settled
        self.model, self.sample, self.prompt, self.secrets = model, sample, prompt, secrets

    async def send(self) -> Answer | None:
        """The answer, or why there is none; None where a cap did not allow to ask."""
        for tried in range(1 + self.limits.retries):
            if not await self.allowed():
                break
            error = await self.once()
            if error is None or not again(error):
                break
            if tried < self.limits.retries:
                wait = self.limits.wait_before(tried, getattr(error, "wait", None))
                await anyio.sleep(min(wait, max(self.ledger.seconds_left(), 0)))
        return self.ledger.state.answers.get(self.sample)

    @property
    def most(self) -> tuple[int, float]:
        """The most that one request may cost: tokens, money."""
        asked = tokens_of(self.prompt)
        return asked + self.limits.max_tokens, self.price.of(asked, self.limits.max_tokens)

    async def allowed(self) -> bool:
        """Whether the caps allow one request more, once those under way are known to have cost less than they may."""
        while self.ledger.refusal(*self.most) is not None:
            if not self.ledger.in_flight:
                return False
            await self.settled.wait()
        return True

    async def once(self) -> Exception | None:
        """One request; what came of it is in the ledger. Returns why there is no answer."""
        number, allowed = self.ledger.send(self.sample, *self.most, self.limits.timeout)
        try:
            with anyio.fail_after(allowed):
                config = GenerateConfig(max_tokens=self.limits.max_tokens, max_retries=0)
                made = await self.model.generate(self.prompt, config=config)
        except TimeoutError as error:
            self.ledger.failed(number, "timeout", f"no answer in {allowed:.3g} s")
            return error
        except Exception as error:
            self.ledger.failed(number, "error", redact(f"{type(error).__name__}: {error}", self.secrets)[:400])
            return error
        else:
            asked, said = tokens_of(self.prompt), tokens_of(made.completion)
            if made.usage:
                asked, said = made.usage.input_tokens, made.usage.output_tokens
            stop = str(made.stop_reason) if made.choices else "content_filter"
            text = redact(made.completion, self.secrets)
            self.ledger.answered(number, asked + said, self.price.of(asked, said), text, stop)
            return None
        finally:
            self.settled.give()


def again(error: Exception) -> bool:
    """Whether the same request may be answered if it is sent again."""
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", getattr(response, "status_code", None))
    if status is not None:
        return status >= 500 or status in AGAIN
    return bool(getattr(error, "again", True))


@metric
def shares() -> Metric:
    """The share of the log's samples with each outcome. Those that ended in an error are not among them: the verdict is
    over the plan, and `turncoat audit` prints it."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        counts = Counter(str(score.score.value) for score in scores)
        return {outcome: counts[outcome] / max(len(scores), 1) for outcome in OUTCOMES}

    return compute


@scorer(metrics=[shares()])
def keeps_the_rule(spec: str) -> Scorer:
    """Whether an answer keeps its rule, by the rule's patterns; see `turncoat.audit.judge`."""
    rules = {rule.id: rule for rule in read(spec).rules}

    async def score(state: TaskState, target: Target) -> Score:
        asked = state.store.get(STORE)
        answer = None if asked == NOT_ASKED else Answer("answered", state.output.completion, state.output.stop_reason)
        rule, item = rules[state.metadata["rule"]], state.metadata["item"]
        return Score(value=outcome_of(rule, item, answer), answer=state.output.completion[:400])

    return score
