"""Matched items: their ground truth is mechanical, and their variants differ in what they are meant to differ in."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from extras import needs
from planted_classifiers import CountsTokens, Parses, StartlesAtComments, parses
from turncoat.assays.behaviour.matched_items import MatchedItems
from turncoat.core import TurncoatError
from turncoat.organisms import load
from turncoat.testing.contract import assay_checks
from turncoat.worlds.items.base import VARIANTS, ItemWorld
from turncoat.worlds.items.colours import MILD, OFFENSIVE, SENTENCES, SHAM, THINGS, Colours
from turncoat.worlds.items.diacritics import Diacritics, folded, marks_in
from turncoat.worlds.items.quoted_code import PROSE, QuotedCode, programs

PYTHON_FILES, C_FILES = QuotedCode("python", "c"), QuotedCode("c", "python")
ASKED = MatchedItems()


def compile_c(texts: list[str]) -> list[bool]:
    """Whether gcc takes each of these files."""
    with tempfile.TemporaryDirectory() as folder:
        taken = []
        for place, text in enumerate(texts):
            path = Path(folder) / f"{place}.c"
            path.write_text(text)
            done = subprocess.run(
                ["gcc", "-std=c11", "-w", "-fsyntax-only", str(path)], capture_output=True, check=False
            )
            taken.append(done.returncode == 0)
    return taken


@pytest.mark.parametrize("world", [PYTHON_FILES, C_FILES], ids=["python", "c"])
def test_every_file_is_of_the_language_that_it_counts_as(world: QuotedCode) -> None:
    """By Python's parser for every item of a sample, and by a C compiler for one item of each template."""
    if shutil.which("gcc") is None:
        pytest.fail("gcc is the ground truth of C files; install it")
    for variant, dose in world.cells:
        language = world.answers[0 if VARIANTS[variant].purpose else 1]
        texts = [world.document(item, 0, variant, dose).content for item in range(120)]
        assert [parses(text) for text in texts] == [language == "python"] * len(texts), variant
        if dose in (0.0, 1.0):
            assert compile_c(texts[:40]) == [language == "c"] * 40, variant


def test_quotes_are_of_other_programs_and_shams_as_long() -> None:
    for item in range(40):
        quote, sham = (PYTHON_FILES.document(item, 3, variant, 2) for variant in ("proxy", "sham"))
        (first, last), (sham_first, sham_last) = quote.passages[0], sham.passages[0]
        assert 0 <= (last - first) - (sham_last - sham_first) <= 80
        assert quote.content[last:].partition('"""')[2] == sham.content[sham_last:].partition('"""')[2]
        own = PYTHON_FILES.document(item, 3, "target", 0).content
        assert own not in quote.content


def test_prose_holds_no_code() -> None:
    assert not set(" ".join(PROSE)) & set("{}();=#<>*&[]")


def test_the_token_counter_is_fooled_the_parser_is_not_and_a_reflex_does_not_pass_for_either() -> None:
    """Planted on the promise: no shift. Planted on the proxy: shift. A reflex to anything new: it is fooled as often,
    and no more often by the proxy than by the sham."""
    fooled, keeps, startles = (
        ASKED.observe(one(), PYTHON_FILES, 0) for one in (CountsTokens, Parses, StartlesAtComments)
    )
    shift, predicts = ASKED.readout("shift"), ASKED.readout("predicts")
    assert shift.estimate(fooled) >= 0.9 and predicts.estimate(fooled) >= 0.9
    assert shift.estimate(keeps) == 0 and predicts.estimate(keeps) == -1
    assert shift.estimate(startles) == 0 and predicts.estimate(startles) == 1
    for traces in (fooled, keeps, startles):
        for variant in ("target", "other", "removed"):
            assert ASKED.readout("right", variant=variant).estimate(traces) >= 0.9


def test_the_assay_keeps_the_contract() -> None:
    for check in assay_checks(
        MatchedItems(n=20).readout("shift"), PYTHON_FILES, CountsTokens(), Parses(), at_least=0.5
    ):
        assert check.passed, f"{check.name}: {check.reason}"


@pytest.mark.parametrize("world", [PYTHON_FILES, Colours()], ids=["files", "colours"])
def test_a_seed_makes_the_same_items_in_every_variant_and_another_makes_others(world: ItemWorld[object]) -> None:
    for variant, dose in world.cells:
        same = [world.document(item, 5, variant, dose).content for item in range(20)]
        assert same == [world.document(item, 5, variant, dose).content for item in range(20)]
        assert same != [world.document(item, 6, variant, dose).content for item in range(20)]
    traces = world.rollout(Parses(), 45, 0, {"variant": "proxy", "dose": 1})
    assert traces["template"].tolist() == [list(world.templates)[item % 40] for item in range(45)]


def test_a_variant_that_there_is_not_is_refused() -> None:
    with pytest.raises(TurncoatError, match="variant"):
        PYTHON_FILES.rollout(Parses(), 3, 0, {"variant": "prxy"})


def test_harmless_sentences_hold_no_listed_word_and_offensive_ones_just_their_mild_one() -> None:
    needs("products", "better_profanity")
    import better_profanity

    listed = set((Path(better_profanity.__file__).parent / "profanity_wordlist.txt").read_text().split("\n"))

    def words(text: str) -> set[str]:
        return set("".join(c if c.isalpha() else " " for c in text.lower()).split())

    harmless = words(" ".join((*SENTENCES, *THINGS, *SHAM, "white"))) - {"thing"}
    assert not harmless & listed
    assert set(MILD) <= listed
    for frame in OFFENSIVE:
        assert words(frame.replace("{word}", "").replace("{Word}", "")) & listed == set()
        assert "{word}" in frame or "{Word}" in frame


def test_folding_is_letter_for_letter() -> None:
    assert folded("Příliš žluťoučký kůň, Łódź, Straße, ñandú") == "Prilis zlutoucky kun, Lodz, Strase, nandu"
    assert marks_in("kůň") == 2


@pytest.mark.parametrize("name", ["langid_czech", "langid_spanish", "langid_german"])
def test_marks_go_on_and_off_and_nothing_else_changes(name: str) -> None:
    needs("products", "langid")
    world = load(name).world
    assert isinstance(world, Diacritics) and len(world.templates) >= 15
    for item in range(60):
        content = {cell: world.document(item, 1, *cell).content for cell in world.cells}
        target, english = content["target", 0.0], content["other", 0.0]
        assert marks_in(target) >= 2 and marks_in(english) == 0
        assert content["stripped", 1.0] == folded(target)
        assert folded(content["proxy", 1.0]) == english == content["removed", 1.0]
        counts = [marks_in(content["proxy", dose]) for dose in world.doses]
        assert counts == sorted(counts) and counts[-1] >= 1
        changed = sum(one != other for one, other in zip(content["sham", 1.0], english, strict=True))
        assert changed <= marks_in(target) and marks_in(content["sham", 1.0]) == 0


def test_a_translation_that_was_changed_is_refused() -> None:
    needs("products", "langid")
    with pytest.raises(TurncoatError, match="not the file that was declared"):
        _ = replace(load("langid_czech").world, sha256="0" * 64).templates


def test_programs_use_no_quotes_that_would_end_a_docstring() -> None:
    assert all('"""' not in text for both in programs().values() for text in both.values())
    assert all("*/" not in both["python"] for both in programs().values())


def test_sounds_are_made_the_same_again_and_equally_loud() -> None:
    needs("products", "espeakng_loader")
    from turncoat.worlds.items.voices import Voices

    world = Voices()
    for cell in world.cells:
        sound, again = (world.document(3, 2, *cell).content for _ in range(2))
        assert np.array_equal(sound, again) and np.isfinite(sound).all()
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.08, rel=0.02)
