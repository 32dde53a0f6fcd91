"""`python -m tsft` is the command `tsft`, for where the script is not on the path."""

import sys

from tsft.cli import main

if __name__ == "__main__":
    sys.exit(main())
