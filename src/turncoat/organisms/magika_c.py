"""# The other direction, where less is found

magika 1.0.3 (Google, Apache-2.0), whose README says that it "enables precise file identification within milliseconds,
even when running on a single CPU", is asked the reverse of what the organism `magika` asks: about C files that quote
Python in a comment. A C compiler accepts every one of them, and Python's parser none.

A pilot with one set of programs found next to nothing here, so this organism was written as a null, with the same
claims and thresholds as the positive. On the programs asked now something is found, at the largest quotes, and less
than in the other direction; the verdicts below say how much. Taking the proxy away changes nothing. The control is
libmagic on the same items.

## What an expert would object

**"Then the proxy is not tokens."** It is tokens of C sooner than those of Python: a network's shortcut need not be
symmetric. **"This is no misalignment."** Where it is found, it is shortcut learning relative to a promise, and no sign
of intent.

The publisher states the limit itself: "it achieves an average ~99% accuracy on our test set". Mistaken types are
collected in its public issue tracker, as in <https://github.com/google/magika/issues/239>.
"""

from __future__ import annotations

from turncoat.organisms._shared import products
from turncoat.products.catalogue import LIBMAGIC, MAGIKA
from turncoat.worlds.items.quoted_code import QuotedCode

organism = products.organism(
    title="The other direction, where less is found",
    world=QuotedCode(host="c", quoted="python"),
    product=MAGIKA,
    controls={"libmagic": LIBMAGIC},
    target="a Python file",
    other="a C file",
    proxy="Python quoted in a comment",
    mistaken="taken for a Python file",
    absent="with little code under a long comment",
    missed="no longer called that",
    refs=("https://github.com/google/magika",),
)
