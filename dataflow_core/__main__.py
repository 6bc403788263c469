"""`python -m dataflow_core`."""

import sys

from dataflow_core.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
