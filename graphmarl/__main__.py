"""`python -m graphmarl` is the command `graphmarl`."""

import sys

from graphmarl.cli import main

if __name__ == "__main__":
    sys.exit(main())
