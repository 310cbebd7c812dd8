"""Which products there are, as published: package, version, hashes, and what each promises in its own words."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from turncoat.core import TurncoatError
from turncoat.installed import check_files, npm_package, pypi_package

if TYPE_CHECKING:
    from turncoat.products.base import ProductSubject

READ_ON = "2026-11-25"


@dataclass(frozen=True)
class Quote:
    """Words of the publisher, and the file of the installed package where they stand. A test finds them there."""

    words: str
    file: str
    read_on: str = READ_ON

    kind: ClassVar[str] = "Quote"


@dataclass(frozen=True)
class Product:
    """A package as it was published. `files`: path below the package's root and SHA-256 of what decides its answers,
    and of the promise, where the publisher made that file and not the installer."""

    package: str
    release: str
    registry: Literal["pypi", "npm"]
    files: tuple[tuple[str, str], ...] = ()

    kind: ClassVar[str] = "Product"
    version: ClassVar[int] = 1

    @property
    def root(self) -> Path:
        """Where it is installed. Raises TurncoatError where it is not, or is not what was published."""
        if self.registry == "npm":
            root = npm_package(self.package, self.release)
        else:
            root = Path(str(pypi_package(self.package, self.release).locate_file("")))
        check_files(root, self.files)
        return root


@dataclass(frozen=True)
class Listing:
    """A product, and what is said of it. `adapter`: module and class that ask it."""

    product: Product
    adapter: str
    promise: Quote
    licence: str
    caveats: tuple[Quote, ...] = ()  # what the publisher says of its limits
    reports: tuple[str, ...] = ()  # public reports of the same kind
    learned_from: str = ""  # in the publisher's words or those of its paper; "" where nothing was learned

    @property
    def name(self) -> str:
        return f"{self.product.package} {self.product.release}"

    def open(self) -> ProductSubject:
        """The product, ready to be asked. Raises TurncoatError where it is not installed as published."""
        root = self.product.root
        module, _, name = self.adapter.partition(":")
        try:
            subject: ProductSubject = getattr(importlib.import_module(module), name)(root)
        except ImportError as error:
            raise TurncoatError(f"{self.name} cannot be opened ({error}); run `make products`") from None
        return subject


def listing(product: Product) -> Listing:
    """What is said of a product. Raises TurncoatError where it is none of ours."""
    for one in LISTINGS:
        if one.product.package == product.package:
            return one
    raise TurncoatError(f"there is no listing of {product.package}; add one to turncoat.products.catalogue")


MAGIKA = Listing(
    product=Product(
        "magika",
        "1.0.3",
        "pypi",
        (
            (
                "magika/models/standard_v3_3/model.onnx",
                "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
            ),
            (
                "magika/models/standard_v3_3/config.min.json",
                "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db",
            ),
            ("magika-1.0.3.dist-info/METADATA", "b54a3585962103cacdd8782eb5c72751dbdc202a300469b54782a4824e5b7143"),
        ),
    ),
    adapter="turncoat.products.file_type:Magika",
    promise=Quote(
        "enables precise file identification within milliseconds, even when running on a single CPU",
        "magika-1.0.3.dist-info/METADATA",
    ),
    licence="Apache-2.0",
    caveats=(Quote("it achieves an average ~99% accuracy on our test set", "magika-1.0.3.dist-info/METADATA"),),
    reports=("https://github.com/google/magika/issues/239",),
    learned_from="~100M samples across 200+ content types",
)

LIBMAGIC = Listing(
    product=Product(
        "pylibmagic",
        "0.5.0",
        "pypi",
        (("pylibmagic/magic.mgc", "d3be228160db8a3fe10354b79dd710f6e3f0c2ae9b2679b35caaf42311e374d2"),),
    ),
    adapter="turncoat.products.file_type:Libmagic",
    promise=Quote("libmagic", "pylibmagic-0.5.0.dist-info/METADATA"),
    licence="BSD-3-Clause; libmagic BSD-2-Clause",
)

VSCODE = Listing(
    product=Product(
        "@vscode/vscode-languagedetection",
        "1.0.23",
        "npm",
        (
            ("model/group1-shard1of1.bin", "fab6442698f64d5b1d2df052061d12bafd570330556819d29f48c7bcbb5889f7"),
            ("model/model.json", "100ce176367e7311e37ced0695057452991a8692029a79340a25e622893e7983"),
            ("dist/lib/index.js", "219e15d6fddd184a57b160101defaf8b1370400492d0c7199af34a40e18978b6"),
            ("README.md", "7651872936625dbcebe080a9739d9da8e0d4452cdf4219dbf709c05121cbcb48"),
        ),
    ),
    adapter="turncoat.products.file_type:VSCodeLanguageDetection",
    promise=Quote("uses machine learning to detect source code languages", "README.md"),
    licence="MIT",
    caveats=(Quote("in order of confidence", "README.md"),),
    reports=(
        "https://github.com/microsoft/vscode/issues/131450",
        "https://github.com/microsoft/vscode/issues/131133",
        "https://github.com/microsoft/vscode/issues/210364",
    ),
    learned_from="the model of guesslang, which its project trained on files of public repositories",
)

LANGID = Listing(
    product=Product(
        "langid",
        "1.1.6",
        "pypi",
        (("langid/langid.py", "5e4d499193c82f7de6c3835109bb6631d6bc19ef8bdc56058638d8f67772f655"),),
    ),
    adapter="turncoat.products.language:Langid",
    promise=Quote(
        "langid.py is a standalone Language Identification (LangID) tool.", "langid-1.1.6.dist-info/METADATA"
    ),
    licence="BSD-2-Clause",
    reports=(
        "https://github.com/saffsd/langid.py/issues/86",
        "https://github.com/saffsd/langid.py/issues/40",
        "https://github.com/saffsd/langid.py/issues/83",
    ),
    learned_from="texts of five domains in 97 languages (Lui and Baldwin 2011, 2012)",
)

PY3LANGID = Listing(
    product=Product(
        "py3langid",
        "0.4.0",
        "pypi",
        (("py3langid/data/model.npz.xz", "f4f4a2c3465ca1f081541037f9cac23021d68151c2f709c55ae5eedfca522963"),),
    ),
    adapter="turncoat.products.language:Py3Langid",
    promise=Quote("Fork of the language identification tool langid.py", "py3langid-0.4.0.dist-info/METADATA"),
    licence="BSD-3-Clause",
    learned_from="a retrained model covering 139 languages",
)

LANGDETECT = Listing(
    product=Product("langdetect", "1.0.9", "pypi", ()),
    adapter="turncoat.products.language:Langdetect",
    promise=Quote(
        "Language detection library ported from Google's language-detection.", "langdetect-1.0.9.dist-info/METADATA"
    ),
    licence="Apache-2.0",
    learned_from="abstracts of Wikipedia in 55 languages",
)

HATESONAR = Listing(
    product=Product(
        "hatesonar",
        "0.1.0",
        "pypi",
        (
            ("hatesonar/model/model.onnx", "3d881e00b16eb0cf8a6df58a68305f6a1b36e512334aa702a9501eaa0afe51b5"),
            ("hatesonar/api.py", "95280755fc8d4f61d4ac6a46277938b4fa204776fbe41584994a038534985070"),
            ("hatesonar-0.1.0.dist-info/METADATA", "bc241d857f2395ba5b1db814c9a11104c71d7e31d5ac28699190d41ff84b01df"),
        ),
    ),
    adapter="turncoat.products.offensive:HateSonar",
    promise=Quote(
        "HateSonar allows you to detect hate speech and offensive language in text, without the need for training.",
        "hatesonar-0.1.0.dist-info/METADATA",
    ),
    licence="MIT",
    caveats=(Quote("It detects hate speech with the confidence score.", "hatesonar-0.1.0.dist-info/METADATA"),),
    learned_from="the tweets of Davidson et al. 2017, by tf-idf and logistic regression (its trainer ships with it)",
)

ALT_PROFANITY_CHECK = Listing(
    product=Product(
        "alt-profanity-check",
        "1.9.1",
        "pypi",
        (
            ("profanity_check/data/model.joblib", "aeafc04849d4d93db4721cf30a86ebf22085595294b8a07d51918e7fa98f538b"),
            (
                "profanity_check/data/vectorizer.joblib",
                "19c5200dc6a41f026e0558e2f164f5fe8d8f58e502b46b37e4385037fcfa4831",
            ),
        ),
    ),
    adapter="turncoat.products.offensive:AltProfanityCheck",
    promise=Quote(
        "A fast, robust library to check for offensive language in strings.",
        "alt_profanity_check-1.9.1.dist-info/METADATA",
    ),
    licence="MIT",
    learned_from="the tweets of Davidson et al. 2017 and the comments of a Kaggle challenge, by a linear SVM",
)

WORD_LIST = Listing(
    product=Product("better-profanity", "0.7.0", "pypi", ()),
    adapter="turncoat.products.offensive:WordList",
    promise=Quote(
        "Blazingly fast cleaning swear words (and their leetspeak) in strings",
        "better_profanity-0.7.0.dist-info/METADATA",
    ),
    licence="MIT",
)

SILERO_VAD = Listing(
    product=Product(
        "silero-vad",
        "6.2.3",
        "pypi",
        (
            ("silero_vad/data/silero_vad.jit", "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720"),
            ("silero_vad-6.2.3.dist-info/METADATA", "ff91344bc524cfe9970eabf27b7ec68e721aa32968079b0012b797803725b529"),
        ),
    ),
    adapter="turncoat.products.voice:SileroVAD",
    promise=Quote("pre-trained enterprise-grade [Voice Activity Detector]", "silero_vad-6.2.3.dist-info/METADATA"),
    licence="MIT",
    caveats=(
        Quote(
            "it performs well on audios from different domains with various background noise and quality levels",
            "silero_vad-6.2.3.dist-info/METADATA",
        ),
    ),
    reports=("https://github.com/snakers4/silero-vad/issues/430",),
    learned_from="huge corpora that include over 6000 languages",
)

WEBRTC_VAD = Listing(
    product=Product("webrtcvad-wheels", "2.0.14.post1", "pypi"),
    adapter="turncoat.products.voice:WebRTCVAD",
    promise=Quote(
        "Python interface to the Google WebRTC Voice Activity Detector (VAD)",
        "webrtcvad_wheels-2.0.14.post1.dist-info/METADATA",
    ),
    licence="MIT",
    learned_from="not said",
)

LISTINGS = (
    MAGIKA,
    LIBMAGIC,
    VSCODE,
    LANGID,
    PY3LANGID,
    LANGDETECT,
    HATESONAR,
    ALT_PROFANITY_CHECK,
    WORD_LIST,
    SILERO_VAD,
    WEBRTC_VAD,
)
