"""A workspace that cannot be opened: each page says why, and nobody is locked out of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from dataflow_core.home import Home
from dataflow_core.storage.schema import migrations
from dataflow_core.workspace import Workspace
from tests.pages.conftest import damage

OpenPage = Callable[..., AppTest]


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def opening() -> None:
    """What app.py does before it runs the page, alone: a page test leaves app.py out once it has been through it."""
    import streamlit as st

    from ui.locked_out import workspace_or_way_out

    st.title(workspace_or_way_out().name)


def first_title(page: AppTest) -> str:
    assert not page.exception
    return str(page.title[0].value)


def said(page: AppTest) -> str:
    assert not page.exception
    return "\n".join(found.value for found in (*page.title, *page.warning)).replace("\\", "")


def mark_as_newer(workspace: Workspace) -> None:
    with workspace.database.write() as connection:
        connection.execute(insert(migrations).values(name="9999_of_tomorrow", applied_at=1.0))


@pytest.mark.parametrize("name", ["home", "tasks", "runs", "review", "settings"])
def test_each_page_says_that_a_newer_program_made_the_workspace(
    workspace: Workspace, open_page: OpenPage, name: str
) -> None:
    mark_as_newer(workspace)
    page = open_page(name)
    assert "The workspace default cannot be opened" in said(page)
    assert "made by a newer version" in said(page)
    assert len(page.title) == 1


def test_another_workspace_can_be_opened_and_is_the_one_opened_next_time(workspace: Workspace, home_dir: Path) -> None:
    damage(home_dir, "damaged")
    Home(home_dir).remember("damaged")
    page = AppTest.from_function(opening).run()
    assert "database is damaged" in said(page)
    button(page, "Open").click().run()
    assert first_title(page) == "default"
    assert Home(home_dir).last_opened() == "default"


def test_a_new_workspace_can_be_made_instead(home_dir: Path) -> None:
    damage(home_dir, "damaged")
    page = AppTest.from_function(opening).run()
    page.text_input[0].set_value("Fresh")
    button(page, "Create and open").click().run()
    assert first_title(page) == "Fresh"
    assert Home(home_dir).last_opened() == "Fresh"


def test_a_workspace_that_has_been_mended_opens_when_it_is_tried_again(workspace: Workspace) -> None:
    mark_as_newer(workspace)
    page = AppTest.from_function(opening).run()
    assert "cannot be opened" in said(page)
    with workspace.database.write() as connection:
        connection.execute(migrations.delete().where(migrations.c.name == "9999_of_tomorrow"))
    button(page, "Try again").click().run()
    assert first_title(page) == "default"


def test_a_home_that_cannot_be_written_to_is_told_of(home_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home_dir / "file").write_text("not a folder")
    monkeypatch.setenv("DATAFLOW_HOME", str(home_dir / "file"))
    page = AppTest.from_function(opening).run()
    assert "No workspace can be opened" in said(page)
    assert "cannot be made" in said(page)
