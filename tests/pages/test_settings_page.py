"""The Settings page: endpoints and their keys, workspaces, and where things are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.home import Home
from dataflow_core.models import Endpoint
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import ScriptedEndpoint, valid_replies

OpenPage = Callable[..., AppTest]
SECRET = "sk-very-secret-0123456789"


def button(page: AppTest, label: str) -> Any:
    """The last with this label: a dialog's come after the page's."""
    return [found for found in page.button if found.label == label][-1]


def field(page: AppTest, label: str) -> Any:
    return next(found for found in page.text_input if found.label == label)


def shown(page: AppTest) -> str:
    return "\n".join(
        str(found.value) for found in (*page.markdown, *page.caption, *page.error, *page.success, *page.text)
    )


def adding(open_page: OpenPage, **fields: str) -> AppTest:
    page = open_page("settings")
    button(page, "Add an endpoint").click().run()
    for label, text in fields.items():
        field(page, label.replace("_", " ")).set_value(text)
    return page


def test_an_endpoint_is_added_and_becomes_the_default(workspace: Workspace, open_page: OpenPage) -> None:
    page = adding(open_page, Name="Local", Base_URL="http://127.0.0.1:8000/v1", Model="qwen")
    button(page, "Save").click().run()
    assert not page.exception
    saved = workspace.endpoints.get("Local")
    assert (saved.base_url, saved.model, saved.key_env) == ("http://127.0.0.1:8000/v1", "qwen", "OPENAI_API_KEY")
    assert workspace.endpoints.default() == saved
    assert "Base URL" not in [found.label for found in page.text_input]


def test_a_preset_fills_in_the_address_and_the_variable(workspace: Workspace, open_page: OpenPage) -> None:
    page = adding(open_page)
    page.selectbox[-1].set_value("Ollama on this machine").run()
    assert field(page, "Base URL").value == "http://127.0.0.1:11434/v1"
    assert field(page, "Key's environment variable").value == ""


@pytest.mark.parametrize(
    ("label", "text", "sentence"),
    [
        ("Base URL", "127.0.0.1:8000", "must begin with http"),
        ("Key's environment variable", SECRET, "looks like a key itself"),
        ("Model", "", "names no model"),
        ("Name", "", "needs a name"),
        ("Name", "Embedded model", "There is an endpoint named Embedded model already"),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_said_before_it_is_saved(
    workspace: Workspace, open_page: OpenPage, label: str, text: str, sentence: str
) -> None:
    page = adding(open_page, Name="Local", Base_URL="http://127.0.0.1:8000/v1", Model="qwen")
    field(page, label).set_value(text)
    button(page, "Save").click().run()
    assert sentence in page.error[0].value.replace("\\", "")
    assert len(workspace.endpoints.all()) == 1


def test_a_pasted_key_is_kept_in_memory_alone_and_can_be_forgotten(
    workspace: Workspace, open_page: OpenPage, home_dir: Path
) -> None:
    with ScriptedEndpoint(valid_replies) as server:
        page = adding(open_page, Name="Local", Base_URL=server.url, Model="scripted-model")
        field(page, "Or paste a key").set_value(SECRET)
        button(page, "Save").click().run()
        assert "Key pasted" in shown(page)
        page.button(key="test-0").click().run()
        assert server.chats[0].headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in shown(page)
    assert all(SECRET.encode() not in path.read_bytes() for path in home_dir.rglob("*") if path.is_file())
    page.button(key="edit-0").click().run()
    assert field(page, "Or paste a key").value == ""
    button(page, "Cancel").click().run()
    page.button(key="forget-0").click().run()
    assert "Key pasted" not in shown(page)


def test_a_pasted_key_does_not_go_to_another_address(workspace: Workspace, open_page: OpenPage) -> None:
    page = adding(open_page, Name="Local", Base_URL="http://127.0.0.1:8000/v1", Model="qwen")
    field(page, "Or paste a key").set_value(SECRET)
    button(page, "Save").click().run()
    page.button(key="edit-0").click().run()
    field(page, "Base URL").set_value("http://127.0.0.1:9999/v1")
    button(page, "Save").click().run()
    assert workspace.endpoints.get("Local").base_url == "http://127.0.0.1:9999/v1"
    assert "Key pasted" not in shown(page)


def test_whether_the_keys_variable_is_set_is_shown(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.endpoints.save(Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m", key_env="TEAM_KEY"))
    monkeypatch.delenv("TEAM_KEY", raising=False)
    assert "TEAM\\_KEY is not set" in shown(open_page("settings"))
    monkeypatch.setenv("TEAM_KEY", SECRET)
    page = open_page("settings")
    assert "TEAM\\_KEY is set" in shown(page)
    assert SECRET not in shown(page)


def test_a_test_says_what_is_wrong(workspace: Workspace, open_page: OpenPage) -> None:
    workspace.endpoints.save(Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m"))
    page = open_page("settings")
    page.button(key="test-0").click().run()
    assert "127" in page.error[0].value.replace("\\", "")


def test_an_endpoint_can_be_deleted_and_another_made_default(workspace: Workspace, open_page: OpenPage) -> None:
    for name in ("One", "Two"):
        workspace.endpoints.save(Endpoint(name, base_url="http://127.0.0.1:9/v1", model="m"))
    page = open_page("settings")
    page.button(key="default-1").click().run()
    assert workspace.endpoints.default().name == "Two"
    page.button(key="delete-0").click().run()
    assert [endpoint.name for endpoint in workspace.endpoints.all()] == ["Two", "Embedded model"]


def test_a_workspace_is_created_opened_backed_up_and_deleted(
    workspace: Workspace, open_page: OpenPage, home_dir: Path
) -> None:
    page = open_page("settings")
    field(page, "New workspace").set_value("Second one")
    button(page, "Create and open").click().run()
    assert not page.exception
    assert Home(home_dir).names() == ["Second one", "default"]
    assert Home(home_dir).last_opened() == "Second one"

    page.button(key="backup-1").click().run()
    assert len(list((home_dir / "backups").glob("default-*.zip"))) == 1

    assert page.button(key="delete-workspace-1").disabled
    page.text_input(key="confirm-1").set_value("default").run()
    page.button(key="delete-workspace-1").click().run()
    assert not page.exception
    assert Home(home_dir).names() == ["Second one"]


def test_a_name_that_no_workspace_can_have_is_refused(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("settings")
    field(page, "New workspace").set_value("../elsewhere")
    button(page, "Create and open").click().run()
    assert "starts with a letter or digit" in page.error[0].value.replace("\\", "")


def test_the_page_says_where_the_files_are(workspace: Workspace, open_page: OpenPage) -> None:
    texts = [found.value for found in open_page("settings").text]
    assert str(workspace.folder) in texts
    assert any(text.startswith("Dataflow Studio 0.") for text in texts)
