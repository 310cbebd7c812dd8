"""`python -m turncoat` is the command `turncoat`."""

import sys

from turncoat.cli import main

if __name__ == "__main__":
    sys.exit(main())
