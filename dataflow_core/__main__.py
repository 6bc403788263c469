"""`python -m dataflow_core`."""

import sys

from dataflow_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
