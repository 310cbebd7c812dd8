"""Products are what was published, promise what is quoted, and are judged item by item."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest

from extras import needs
from turncoat import installed
from turncoat.core import NotTestable, TurncoatError
from turncoat.installed import check_files, npm_package, pypi_package
from turncoat.organisms import load, names
from turncoat.products.catalogue import LISTINGS, Listing, Product, listing
from turncoat.train.shipped import Shipped

ORGANISMS = [name for name in names() if "product" in load(name).tags]


def product_of(name: str) -> Listing:
    recipe = load(name).arm("organism").recipe
    assert isinstance(recipe, Shipped)
    return listing(recipe.product)


@pytest.mark.parametrize("one", LISTINGS, ids=lambda one: one.product.package)
def test_the_installed_package_is_the_published_one_and_says_what_is_quoted(one: Listing) -> None:
    needs("products", "hatesonar")
    root = one.product.root
    for quote in (one.promise, *one.caveats):
        text = " ".join((root / quote.file).read_text(errors="replace").split())
        assert " ".join(quote.words.split()) in text, quote.words


@pytest.mark.parametrize("name", ORGANISMS)
def test_a_page_quotes_promise_limits_version_and_reports(name: str) -> None:
    """Facts only: what is promised, what the publisher says of its limits, who reported the like. No motives."""
    one, page = product_of(name), " ".join(load(name).doc.split())
    assert one.product.release in page
    assert one.promise.words.rstrip(".") in page
    for said in (*(quote.words for quote in one.caveats), *one.reports):
        assert said in page, said
    assert "no sign of intent" in page and "shortcut learning relative to a promise" in page
    for word in ("deceptive", "lies", "malicious", "careless"):
        assert word not in page.lower()


@pytest.mark.parametrize("one", LISTINGS, ids=lambda one: one.product.package)
def test_every_product_answers(one: Listing) -> None:
    needs("products", "hatesonar")
    sound = np.zeros(16_000, np.float32)
    content = sound if one.adapter.startswith("turncoat.products.voice") else "import os\n\nprint(os.name)\n"
    answers = one.open().classify([content, content])
    assert len(answers) == 2 and answers[0] == answers[1] and isinstance(answers[0], str)


def test_a_product_does_not_act_and_has_no_weights_of_ours() -> None:
    needs("products", "langid")
    subject = product_of("langid_czech").open()
    assert subject.arrays() == {}
    with pytest.raises(NotTestable, match="does not act"):
        subject.begin(1, 0)


def test_what_is_not_installed_is_named_with_what_to_do() -> None:
    with pytest.raises(TurncoatError, match="nothing-of-the-kind 1.0 is not installed; run `make products`"):
        Product("nothing-of-the-kind", "1.0", "pypi").root  # noqa: B018
    with pytest.raises(TurncoatError, match="npm package nothing-of-the-kind is not installed"):
        npm_package("nothing-of-the-kind")
    with pytest.raises(TurncoatError, match="there is no listing"):
        listing(Product("nothing-of-the-kind", "1.0", "pypi"))


def test_another_release_is_refused() -> None:
    version = importlib.metadata.version("numpy")
    with pytest.raises(TurncoatError, match=f"numpy is installed as {version}, and 0.0 is meant"):
        pypi_package("numpy", "0.0")


def test_a_file_that_was_changed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").write_text("other weights")
    with pytest.raises(TurncoatError, match="model is not the file that was published"):
        check_files(tmp_path, [("model", "0" * 64)])
    with pytest.raises(TurncoatError, match="gone is missing"):
        check_files(tmp_path, [("gone", "0" * 64)])
    folder = tmp_path / "edited-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: edited\nVersion: 1.0\n")
    (tmp_path / "edited.py").write_text("answer = 1\n")
    (folder / "RECORD").write_text("edited.py,sha256=AAAA,11\nedited-1.0.dist-info/RECORD,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TurncoatError, match=r"edited.py of edited 1.0 is not as it was installed"):
        pypi_package("edited", "1.0")


def test_an_npm_package_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / installed.SHARE / "node_modules" / "thing"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "2.0.0"}')
    monkeypatch.setattr(installed.sys, "prefix", str(tmp_path))
    assert npm_package("thing", "2.0.0") == folder
    with pytest.raises(TurncoatError, match=r"installed as 2.0.0, and 1.0.0 is meant"):
        npm_package("thing", "1.0.0")
