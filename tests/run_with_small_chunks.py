"""`python -m dataflow_core`, with few records a chunk: an action on some hundreds can be killed in its midst."""

from __future__ import annotations

import sys

from dataflow_core.cli.program import main
from dataflow_core.reviewing import bulk

if __name__ == "__main__":
    bulk.CHUNK = 20
    sys.exit(main())
