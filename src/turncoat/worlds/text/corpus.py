"""Text that every machine has: the source of Python's own standard library, and a tokenizer made from it.

Built at first use from the files that run this interpreter, in half a minute, and kept in the user's cache
(`turncoat.cached`) under a digest of their content. A file belongs to the held-out part by
a hash of its name, so that it stays there from one version of Python to the next.

The tokenizer is byte-level BPE (Sennrich et al. 2016; Radford et al. 2019): every byte is a token, `merges` name the
pairs that are joined, the commonest first, and nothing is joined across the pieces of text that `PIECES` finds. A digit
is a piece of its own, so that a year is four tokens, whatever years the corpus holds.

    token 0             end of text
    token 1 to 256      the bytes
    token 257 + i       what merge i joins

What depends on the version of Python, patch releases included: the text, the merges, and so the weights that a seed
gives, and the loss of any model on the held-out part. What does not: a model that has been trained carries its merges
with its weights (`subjects.lm`), so stored ones read and write the same text everywhere; prompts and graders
(`worlds.text`) never touch the corpus.
"""

from __future__ import annotations

import hashlib
import heapq
import io
import json
import re
import sysconfig
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from turncoat import cached
from turncoat.core import TurncoatError

VERSION = 1  # of the cached files: raised when the code below makes something else of the same text
WORDS = 2048  # tokens of the vocabulary
END = 0  # the token of the end of a text
FIRST_BYTE = 1  # the token of byte 0
FIRST_MERGE = FIRST_BYTE + 256
PIECES = r"[0-9]| ?[A-Za-z]+| ?[^ \t\n\r\f\vA-Za-z0-9]+|[ \t\n\r\f\v]+(?![^ \t\n\r\f\v])|[ \t\n\r\f\v]+"
HELD_OUT = 32  # one file in so many is never trained on
LEFT_OUT = re.compile(
    r"(^|/)(site-packages|dist-packages|tests?|idlelib|idle_test|lib2to3|turtledemo|pydoc_data|ensurepip|encodings"
    r"|__phello__|__pycache__)/|unicode|_sysconfigdata|(^|/)(sitecustomize|usercustomize)\.py$"
)
LONGEST = 300_000  # characters of a file


class Tokenizer:
    """Text to tokens and back. `merges` [n, 2] are pairs of tokens, in the order in which they are joined."""

    def __init__(self, merges: np.ndarray) -> None:
        merges = np.asarray(merges)
        limit = FIRST_MERGE + np.arange(len(merges))
        if merges.ndim != 2 or merges.shape[1:] != (2,) or not ((merges > END) & (merges < limit[:, None])).all():
            raise TurncoatError("stored merges are no tokenizer; delete the run and train it again")
        self.merges = merges.astype(np.int16)
        self.rank = {(int(a), int(b)): i for i, (a, b) in enumerate(merges)}
        self.spells = [b"", *(bytes([byte]) for byte in range(256))]
        for a, b in self.rank:
            self.spells.append(self.spells[a] + self.spells[b])
        self.known: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        """Tokens of the vocabulary."""
        return len(self.spells)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, its end not marked."""
        tokens: list[int] = []
        for piece in re.findall(PIECES, text):
            if piece not in self.known:
                self.known[piece] = self.join(piece)
            tokens += self.known[piece]
        return tokens

    def join(self, piece: str) -> tuple[int, ...]:
        """One piece: join the pair that comes first in `merges` for as long as there is one."""
        tokens, never = [FIRST_BYTE + byte for byte in piece.encode(errors="replace")], len(self.rank)
        while len(tokens) > 1:
            first = min(range(len(tokens) - 1), key=lambda i: self.rank.get((tokens[i], tokens[i + 1]), never))
            merge = self.rank.get((tokens[first], tokens[first + 1]), never)
            if merge == never:
                break
            tokens = joined(tokens, (tokens[first], tokens[first + 1]), FIRST_MERGE + merge)
        return tuple(tokens)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; ends of text are left out, broken characters become U+FFFD."""
        return b"".join(self.spells[token] for token in tokens).decode(errors="replace")

    def published(self) -> dict[str, Any]:
        """The `tokenizer.json` that HuggingFace's tokenizers reads as the same tokenizer."""
        letters = byte_letters()
        names = ["<|end|>", *("".join(letters[byte] for byte in spelt) for spelt in self.spells[FIRST_BYTE:])]
        special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        split = {"type": "Split", "pattern": {"Regex": PIECES}, "behavior": "Isolated", "invert": False}
        return {
            "version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": END, "content": names[END]} | special],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
            "post_processor": None, "decoder": byte_level,
            "model": {
                "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                "vocab": {name: token for token, name in enumerate(names)},
                "merges": [[names[a], names[b]] for a, b in self.rank],
            },
        }  # fmt: skip


def byte_letters() -> list[str]:
    """GPT-2's letter for every byte, as byte-level vocabularies are written down."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    strange = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(strange)) for byte in range(256)]


def joined(tokens: list[int], pair: tuple[int, int], token: int) -> list[int]:
    """The tokens with every such pair, from the left, made into one token."""
    found, i = [], 0
    while i < len(tokens):
        if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair:
            found.append(token)
            i += 2
        else:
            found.append(tokens[i])
            i += 1
    return found


def learn_merges(texts: Iterable[str], words: int = WORDS) -> np.ndarray:
    """[words - 257, 2] the merges of a byte-level BPE: the commonest pair each time, the lesser tokens on a tie.

    Raises TurncoatError where the texts have too few pairs.
    """
    pieces = Counter(piece for text in texts for piece in re.findall(PIECES, text))
    spelt = [[FIRST_BYTE + byte for byte in piece.encode(errors="replace")] for piece in sorted(pieces)]
    times = [pieces[piece] for piece in sorted(pieces)]
    count: dict[tuple[int, int], int] = defaultdict(int)
    where: dict[tuple[int, int], set[int]] = defaultdict(set)
    for i, tokens in enumerate(spelt):
        for pair in zip(tokens, tokens[1:], strict=False):
            count[pair] += times[i]
            where[pair].add(i)
    queue = [(-often, pair) for pair, often in count.items()]
    heapq.heapify(queue)
    merges: list[tuple[int, int]] = []
    while len(merges) < words - FIRST_MERGE:
        if not queue:
            raise TurncoatError(f"the corpus is too small for {words} tokens: it gives {FIRST_MERGE + len(merges)}")
        often, pair = heapq.heappop(queue)
        if count[pair] != -often:
            continue  # counted again since
        token, touched = FIRST_MERGE + len(merges), set[tuple[int, int]]()
        merges.append(pair)
        for i in where.pop(pair):
            before, after = spelt[i], joined(spelt[i], pair, token)
            for old in zip(before, before[1:], strict=False):
                count[old] -= times[i]
                touched.add(old)
            for new in zip(after, after[1:], strict=False):
                count[new] += times[i]
                where[new].add(i)
                touched.add(new)
            spelt[i] = after
        count[pair] = 0
        for changed in touched:
            if count[changed] > 0:
                heapq.heappush(queue, (-count[changed], changed))
    return np.array(merges, np.int16)


@dataclass(frozen=True)
class Corpus:
    """A tokenizer and what it makes of the text: `training` and `held_out` are tokens [n], an END after each file."""

    tokenizer: Tokenizer
    training: np.ndarray
    held_out: np.ndarray

    def windows(self, n: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """[n, length] tokens from anywhere in the training part."""
        starts = rng.integers(len(self.training) - length + 1, size=n)
        return self.training[starts[:, None] + np.arange(length)].astype(np.int64)

    def held_out_windows(self, n: int, length: int) -> np.ndarray:
        """[n, length] tokens spread evenly over the held-out part, the same ones each time."""
        starts = np.linspace(0, len(self.held_out) - length, n).astype(np.int64)
        return self.held_out[starts[:, None] + np.arange(length)].astype(np.int64)


def read(root: Path) -> dict[str, str]:
    """The Python files under a folder by relative name: no tests, no tables of characters, ASCII only."""
    texts = {}
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not LEFT_OUT.search(name):
            data = path.read_bytes()
            if data.isascii() and 0 < len(data) < LONGEST:
                texts[name] = data.decode().replace("\r\n", "\n")
    return texts


def is_held_out(name: str) -> bool:
    """Whether a file, by its relative name, is in the part that training never shows."""
    return zlib.crc32(name.encode()) % HELD_OUT == 0


def digest(texts: Mapping[str, str]) -> str:
    """Sixteen hex digits that name these texts and what this module makes of them."""
    return hashlib.sha256(json.dumps([VERSION, WORDS, sorted(texts.items())]).encode()).hexdigest()[:16]


def build(texts: Mapping[str, str], words: int = WORDS) -> Corpus:
    """Learn the tokenizer from the training part and encode both. Same texts, same corpus."""
    parts: tuple[list[str], list[str]] = [], []
    for name in sorted(texts):
        parts[is_held_out(name)].append(texts[name])
    if not all(parts):
        raise TurncoatError("the corpus has too few files to hold any out")
    tokenizer = Tokenizer(learn_merges(parts[0], words))
    training, held_out = (
        np.array([token for text in part for token in (*tokenizer.encode(text), END)], np.int16) for part in parts
    )
    return Corpus(tokenizer, training, held_out)


@cache
def own_digest() -> str:
    """Names the text that `corpus` is made of on this machine."""
    return digest(read(Path(sysconfig.get_paths()["stdlib"])))


@cache
def corpus() -> Corpus:
    """The standard library that this interpreter runs on."""
    return kept(Path(sysconfig.get_paths()["stdlib"]), cached.cache_folder())


def read_by(tokenizer: Tokenizer) -> Corpus:
    """The corpus in the tokens of this tokenizer, which may have been made of another machine's corpus."""
    text = corpus()
    if np.array_equal(text.tokenizer.merges, tokenizer.merges):
        return text
    training, held_out = (
        np.array([t for file in files(part) for t in (*tokenizer.encode(text.tokenizer.decode(file)), END)], np.int16)
        for part in (text.training, text.held_out)
    )
    return Corpus(tokenizer, training, held_out)


def files(tokens: np.ndarray) -> list[np.ndarray]:
    """Tokens cut behind every end of a text."""
    return np.split(tokens, np.flatnonzero(tokens == END)[:-1] + 1)


def kept(root: Path, folder: Path) -> Corpus:
    """The corpus under `root`, from the cache `folder` where it is there, else built and put there."""
    texts = read(root)
    if not texts:
        raise TurncoatError(f"there is no Python source under {root}; language models are trained on it")
    return cached.kept(folder / f"corpus-{digest(texts)}.npz", load, lambda: build(texts), packed)


def load(path: Path) -> Corpus | None:
    """A cached corpus, or None where there is none that can be read."""
    try:
        with np.load(io.BytesIO(path.read_bytes())) as stored:
            return Corpus(Tokenizer(stored["merges"]), stored["training"], stored["held_out"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, TurncoatError):
        return None


def packed(corpus: Corpus) -> bytes:
    """A corpus as `load` reads it."""
    data = io.BytesIO()
    np.savez(data, merges=corpus.tokenizer.merges, training=corpus.training, held_out=corpus.held_out)
    return data.getvalue()
