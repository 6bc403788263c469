"""Imports on the pages of runs and of review: listed among the runs, with nothing to resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.models import Run
from dataflow_core.reviewing import rechecking
from dataflow_core.workspace import Workspace

OpenPage = Callable[..., AppTest]
CHAT = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


def imported(workspace: Workspace, folder: Path) -> Run:
    path = folder / "chats.jsonl"
    path.write_text(f"{json.dumps(CHAT)}\n\nbroken\n{json.dumps(CHAT)}\n", encoding="utf-8")
    mapping = workspace.imports.recognise(path, path.name).mapping
    return workspace.imports.store(path, path.name, mapping, skip_bad=True)


def test_an_import_is_shown_among_the_runs_without_anything_to_resume(
    open_page: OpenPage, workspace: Workspace, tmp_path: Path
) -> None:
    run = imported(workspace, tmp_path)
    page = open_page("runs")
    assert page.dataframe[0].value["name"].tolist() == ["chats.jsonl"]
    assert page.dataframe[0].value["done"].tolist() == [2]
    said = " ".join(found.value for found in page.markdown).replace("\\", "")
    assert "4 lines = 2 records + 1 that could not be used and was left out + 1 blank." in said
    assert "Line 3 is not valid JSON" in page.dataframe[1].value["reason"].tolist()[0]
    offered = {found.label for found in page.button}
    assert "Review 2 records" in offered
    assert not {label for label in offered if label.startswith(("Start", "Resume", "Retry", "Cancel", "Pause"))}
    assert run.name == "chats.jsonl"


def test_review_says_how_many_are_still_to_be_indexed(
    open_page: OpenPage, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("dataflow_core.importers.imports._INDEXED_AT_ONCE", 0)
        patched.setattr(workspace.imports, "index", lambda: None)
        imported(workspace, tmp_path)
    page = open_page("review")
    assert any("2 records still to be indexed" in found.value for found in page.caption)
    rechecking.recheck(workspace.database)
    page.run()
    assert not any("still to be indexed" in found.value for found in page.caption)
