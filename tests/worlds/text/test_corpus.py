"""The corpus and its tokenizer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from language import small_corpus
from turncoat.core import TurncoatError
from turncoat.worlds.text import corpus as corpora
from turncoat.worlds.text.corpus import END, FIRST_BYTE, WORDS, Corpus, Tokenizer, build, is_held_out, kept, read


@pytest.fixture(scope="module")
def text() -> Corpus:
    return small_corpus()


def test_a_text_survives_the_tokenizer(text: Corpus) -> None:
    assert len(text.tokenizer) == WORDS
    for said in ("", "# Year: 2024\n\tdef f(x):\r\n    return x\n", "é ☃ \x00 \x7f", "  \n\n   x  ", 'a1b22_c\'d"""'):
        assert text.tokenizer.decode(text.tokenizer.encode(said)) == said
    ends = text.training == END
    assert ends.sum() > 40 and text.tokenizer.decode(text.training[: ends.argmax()]).count("\n") > 10


def test_a_year_is_four_tokens_and_common_words_are_one(text: Corpus) -> None:
    assert text.tokenizer.encode("2024") == [FIRST_BYTE + byte for byte in b"2024"]
    assert len(text.tokenizer.encode(" return")) == len(text.tokenizer.encode(" self")) == 1
    shown = text.tokenizer.decode(text.held_out)
    assert len(shown) > 2.5 * len(text.held_out)  # characters a token


def test_merges_are_the_commonest_pairs_by_hand() -> None:
    merges = corpora.learn_merges(["ab ab ab abc abc"], 257 + 3)
    a, b, c, space = (FIRST_BYTE + byte for byte in b"abc ")
    assert merges.tolist() == [[a, b], [space, 257], [258, c]]
    assert Tokenizer(merges).encode("ab abc abd") == [257, 259, 258, FIRST_BYTE + ord("d")]
    with pytest.raises(TurncoatError, match="too small"):
        corpora.learn_merges(["ab"], 300)
    with pytest.raises(TurncoatError, match="no tokenizer"):
        Tokenizer(np.array([[1, 400]]))


def test_the_corpus_leaves_out_what_it_says_and_splits_by_name(tmp_path: Path) -> None:
    for name in ("a.py", "test/b.py", "json/c.py", "json/tests/d.py", "site-packages/e.py", "idlelib/f.py", "g.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "h.py").write_text("# é\n", encoding="utf-8")
    assert sorted(read(tmp_path)) == ["a.py", "json/c.py"]
    assert 0.01 < np.mean([is_held_out(f"m{i}.py") for i in range(2000)]) < 0.06


def test_a_corpus_is_built_once_kept_whole_and_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, folder = tmp_path / "lib", tmp_path / "cache"
    root.mkdir()
    for i in range(160):
        (root / f"m{i}.py").write_text(f"value_{i} = compute({i}) + other\n" * 3)
    built = []
    monkeypatch.setattr(corpora, "build", lambda texts: built.append(1) or build_small(texts))
    with ThreadPoolExecutor(2) as both:
        one, same = both.map(lambda _: kept(root, folder), range(2))
    assert len(built) == 1 and np.array_equal(one.training, same.training)
    [path] = folder.glob("corpus-*.npz")
    assert not list(folder.glob(".part-*"))
    path.write_bytes(path.read_bytes()[:100])  # cut off
    assert np.array_equal(kept(root, folder).training, one.training) and len(built) == 2
    (root / "m0.py").write_text("value = 0\n")
    assert not np.array_equal(kept(root, folder).training, one.training) and len(built) == 3
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert np.array_equal(kept(root, blocked).held_out, kept(root, folder).held_out)
    with pytest.raises(TurncoatError, match="no Python source"):
        kept(tmp_path / "nothing", folder)


def build_small(texts: dict[str, str]) -> Corpus:
    return build(texts, 268)
