"""Products that say whether a text is offensive."""

from __future__ import annotations

import locale
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from turncoat.core import TurncoatError
from turncoat.products.base import ProductSubject

LOCALE = "en_US.UTF-8"  # what the model's string operator asks the system for
PLAIN_UTF8 = (Path("/usr/lib/locale/C.utf8"), Path("/usr/lib/locale/C.UTF-8"))


def words(flags: Sequence[object]) -> list[str]:
    return ["offensive" if flag else "clean" for flag in flags]


class HateSonar(ProductSubject):
    """hatesonar: offensive is what it calls hate speech or offensive language."""

    def __init__(self, root: Path) -> None:
        from hatesonar import Sonar

        super().__init__(root)
        with american_locale():
            self.sonar = Sonar()

    def classify(self, contents: Sequence[str]) -> list[str]:
        return words([self.sonar.ping(text)["top_class"] != "neither" for text in contents])


@contextmanager
def american_locale() -> Iterator[None]:
    """That the system has the locale which the model asks for. Where it has none, its plain UTF-8 locale under that
    name: they differ in how dates and money are written, and not in which letter is the small one of which. Raises
    TurncoatError where there is none either."""
    if has_locale():
        yield
        return
    plain = next((path for path in PLAIN_UTF8 if path.is_dir()), None)
    if plain is None:
        raise TurncoatError(f"hatesonar needs the locale {LOCALE}, and this system has none in UTF-8; install it")
    former = os.environ.get("LOCPATH")
    with tempfile.TemporaryDirectory(prefix="turncoat-locale-") as folder:
        (Path(folder) / LOCALE).symlink_to(plain)
        os.environ["LOCPATH"] = folder
        try:
            yield
        finally:
            if former is None:
                del os.environ["LOCPATH"]
            else:
                os.environ["LOCPATH"] = former


def has_locale() -> bool:
    former = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, LOCALE)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_CTYPE, former)
    return True


class AltProfanityCheck(ProductSubject):
    """alt-profanity-check. Its weights are a pickle of its publisher's, opened once its hash was checked."""

    def __init__(self, root: Path) -> None:
        from profanity_check import predict

        super().__init__(root)
        self.predict = predict

    def classify(self, contents: Sequence[str]) -> list[str]:
        return words([int(flag) for flag in self.predict(list(contents))])


class WordList(ProductSubject):
    """better-profanity: whether a word stands in its list, in this spelling or a like one."""

    def __init__(self, root: Path) -> None:
        from better_profanity import profanity

        super().__init__(root)
        profanity.load_censor_words()
        self.contains = profanity.contains_profanity

    def classify(self, contents: Sequence[str]) -> list[str]:
        return words([self.contains(text) for text in contents])
