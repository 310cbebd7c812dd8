"""Products that say of which type or language a file is.

C++ and Objective-C headers are counted as C, and notebooks as Python: which dialect a short file is of is not what is
asked."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from turncoat.core import TurncoatError
from turncoat.products.base import ProductSubject

ALIASES = {
    "cpp": "c", "h": "c", "mm": "c", "objectivec": "c", "text/x-c": "c", "text/x-c++": "c", "text/x-objective-c": "c",
    "py": "python", "ipynb": "python", "text/x-script.python": "python", "text/x-python": "python",
}  # fmt: skip
TIMEOUT = 600  # seconds for all items of a call


def named(label: str) -> str:
    return ALIASES.get(label, label)


class Magika(ProductSubject):
    """magika's Python interface, as its README uses it: the label that it puts out."""

    def __init__(self, root: Path) -> None:
        from magika import Magika as Shipped

        super().__init__(root)
        self.magika = Shipped()

    def classify(self, contents: Sequence[str]) -> list[str]:
        return [named(str(self.magika.identify_bytes(text.encode()).output.label)) for text in contents]


class Libmagic(ProductSubject):
    """libmagic, the rules behind `file`, in the build that pylibmagic ships: the media type."""

    def __init__(self, root: Path) -> None:
        import pylibmagic  # noqa: F401  # tells python-magic where its library is
        from magic import Magic

        super().__init__(root)
        self.magic = Magic(mime=True, magic_file=str(root / "pylibmagic" / "magic.mgc"))

    def classify(self, contents: Sequence[str]) -> list[str]:
        return [named(self.magic.from_buffer(text.encode())) for text in contents]


class VSCodeLanguageDetection(ProductSubject):
    """The npm package that Visual Studio Code detects languages with, in Node.js: the most confident language."""

    def classify(self, contents: Sequence[str]) -> list[str]:
        script = str(files("turncoat.products").joinpath("vscode_languagedetection.js"))
        modules = self.root.parent.parent
        try:
            done = subprocess.run(
                ["node", script],
                input=json.dumps(list(contents)),
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                env={"PATH": os.environ.get("PATH", ""), "NODE_PATH": str(modules)},
                check=False,
            )
        except FileNotFoundError:
            raise TurncoatError(
                "this product runs in Node.js, and there is no `node`; install Node.js 18 or later"
            ) from None
        except subprocess.TimeoutExpired:
            raise TurncoatError(f"{len(contents)} files were not classified within {TIMEOUT} s") from None
        if done.returncode:
            raise TurncoatError(
                f"Node.js failed: {done.stderr.strip().splitlines()[-1] if done.stderr else 'no reason given'}"
            )
        return [named(label) for label in json.loads(done.stdout)]
