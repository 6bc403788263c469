from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_core.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "workspace", create=True)
    yield opened
    opened.close()
