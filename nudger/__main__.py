"""`python -m nudger`."""

import sys

from nudger.cli import main

if __name__ == "__main__":
    sys.exit(main())
