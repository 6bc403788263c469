"""The Settings page: endpoints and their keys, workspaces, and where things are."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.home import Home
from dataflow_core.models import Endpoint
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.pages.conftest import damage
from tests.scripted_endpoint import ScriptedEndpoint, valid_replies
from tests.support import answer_relations, execute, plan_tasks

OpenPage = Callable[..., AppTest]
SECRET = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page here sees how an endpoint's test has ended, however busy the machine is."""
    monkeypatch.setattr("ui.settings.endpoint_check._AT_ONCE", 30.0)


def button(page: AppTest, label: str) -> Any:
    """The last with this label: a dialog's come after the page's."""
    return [found for found in page.button if found.label == label][-1]


def field(page: AppTest, label: str) -> Any:
    return next(found for found in page.text_input if found.label == label)


def shown(page: AppTest) -> str:
    return "\n".join(
        str(found.value) for found in (*page.markdown, *page.caption, *page.error, *page.success, *page.text)
    )


def created(page: AppTest, name: str) -> None:
    field(page, "New workspace").set_value(name)
    button(page, "Create and open").click().run()


def workspace_endpoint(home_dir: Path, name: str) -> Endpoint:
    with closing(Workspace(home_dir / name)) as opened:
        return opened.endpoints.get("Local")


KeyOf = Callable[[Endpoint], str | None]


def keys_of_started_runs(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The pasted keys of the runs that are started from now on, in place of their processes."""
    keys: list[str | None] = []

    def start(self: Workspace, run_id: str, *, key: KeyOf = lambda _: None, **settings: Any) -> None:
        keys.append(key(self.endpoint_of(self.runs.get(run_id))))

    monkeypatch.setattr(Workspace, "start", start)
    return keys


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
        ("Model", "", "No model is named"),
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


def test_a_pasted_key_stays_away_from_an_address_that_somebody_else_has_set(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = keys_of_started_runs(monkeypatch)
    with ScriptedEndpoint(valid_replies) as server:
        local = Endpoint("Local", base_url="http://127.0.0.1:8000/v1", model="scripted-model")
        workspace.endpoints.save(local)
        page = open_page("settings")
        page.button(key="edit-0").click().run()
        field(page, "Or paste a key").set_value(SECRET)
        button(page, "Save").click().run()
        run = plan_tasks(workspace, ["Water the plants."], endpoint=local)
        workspace.endpoints.save(replace(local, base_url=server.url))
        page.button(key="test-0").click().run()
        assert "Key pasted" not in shown(page)
        assert SECRET not in str(server.chats[0].headers)
    button(open_page("runs", run=run.id), "Start").click().run()
    assert keys == [None]


@pytest.mark.parametrize(("model", "key"), [("scripted-model", SECRET), ("another-model", None)])
def test_a_run_takes_the_key_of_the_address_that_it_will_call(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, model: str, key: str | None
) -> None:
    """That is its endpoint's present one, unless that is another model by now and some were made with this one."""
    keys = keys_of_started_runs(monkeypatch)
    planned = Endpoint("Local", base_url="http://127.0.0.1:8000/v1", model="scripted-model")
    run = plan_tasks(workspace, ["Water the plants.", "Feed the cat."], endpoint=planned)
    execute(workspace, run, answer_relations, limit=1)
    workspace.endpoints.save(replace(planned, base_url="http://127.0.0.1:9999/v1", model=model))
    page = open_page("settings")
    page.button(key="edit-0").click().run()
    field(page, "Or paste a key").set_value(SECRET)
    button(page, "Save").click().run()
    page = page.switch_page("pages/runs.py").run()
    button(page, "Start the rest (1)").click().run()
    assert keys == [key]
    workspace.enqueue(run)
    address = "http://127.0.0.1:9999/v1" if key else planned.base_url
    assert workspace.runs.get(run.id).endpoint.base_url == address


def test_a_workspace_made_under_a_deleted_ones_name_has_none_of_its_keys(
    workspace: Workspace, open_page: OpenPage, home_dir: Path
) -> None:
    page = adding(open_page, Name="Local", Base_URL="http://127.0.0.1:8000/v1", Model="qwen")
    field(page, "Or paste a key").set_value(SECRET)
    button(page, "Save").click().run()
    created(page, "Second one")
    page.text_input(key="confirm-1").set_value("default").run()
    page.button(key="delete-workspace-1").click().run()
    created(page, "default")
    assert not page.exception
    assert workspace_endpoint(home_dir, "default").base_url == "http://127.0.0.1:8000/v1"
    assert "Key pasted" not in shown(page)


def test_an_endpoint_says_what_deleting_it_means_for_unfinished_runs(workspace: Workspace, open_page: OpenPage) -> None:
    workspace.endpoints.save(Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m"))
    assert "goes on with the settings it was last started with" in shown(open_page("settings"))


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


def number(page: AppTest, label: str) -> Any:
    return next(found for found in page.number_input if found.label == label)


def test_limits_and_prices_are_saved_and_told_in_one_line(workspace: Workspace, open_page: OpenPage) -> None:
    page = adding(open_page, Name="Local", Base_URL="http://127.0.0.1:8000/v1", Model="qwen")
    assert number(page, "Most seconds a call may take").value == 120
    number(page, "Most seconds a call may take").set_value(60)
    number(page, "Requests a minute").set_value(600)
    number(page, "Price of a million input tokens").set_value(0.15)
    button(page, "Save").click().run()
    assert not page.exception
    saved = workspace.endpoints.get("Local")
    assert (saved.timeout, saved.requests_per_minute, saved.tokens_per_minute) == (60, 600, None)
    assert (saved.input_price, saved.output_price) == (0.15, None)
    told = "at most 1 min a call · 600 requests a minute · $0.15 in a million tokens"
    assert told in shown(page).replace("\\", "")


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Most seconds a call may take", 0.0, "Give it more than 0"),
        ("Requests a minute", 0, "Allow at least 1"),
        ("Price of a million output tokens", -1.0, "A price is 0 or more"),
    ],
)
def test_limits_that_make_no_sense_are_refused_when_saved_and_when_tested(
    workspace: Workspace, open_page: OpenPage, label: str, value: float, sentence: str
) -> None:
    page = adding(open_page, Name="Local", Base_URL="http://127.0.0.1:9/v1", Model="qwen")
    number(page, label).set_value(value)
    for action in ("Save", "Test"):
        button(page, action).click().run()
        assert sentence in page.error[0].value.replace("\\", "")
    assert len(workspace.endpoints.all()) == 1


def test_an_address_that_stays_silent_holds_nothing_else_up(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.settings.endpoint_check._AT_ONCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        workspace.endpoints.save(Endpoint("Silent", base_url=address, model="qwen"))
        page = open_page("settings")
        page.button(key="test-0").click().run()
        assert "Calling it once" in str(page.get("progress")[0].proto)
        page.button(key="default-1").click().run()
        assert not page.exception
        assert workspace.endpoints.default().kind == "embedded"


def test_a_test_that_succeeds_has_the_next_run_learn_the_endpoint_anew(
    workspace: Workspace, open_page: OpenPage
) -> None:
    with ScriptedEndpoint(valid_replies) as server:
        workspace.endpoints.save(Endpoint("Local", base_url=server.url, model="scripted-model"))
        workspace.dialects.save(server.url, "scripted-model", {"output": "text"})
        page = open_page("settings")
        page.button(key="test-0").click().run()
        assert page.success
    assert workspace.dialects.get(server.url, "scripted-model") is None
    workspace.dialects.save(server.url, "scripted-model", {"output": "text"})
    page.button(key="test-0").click().run()
    assert page.error
    assert workspace.dialects.get(server.url, "scripted-model") is not None


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


def test_what_keeps_a_workspace_from_being_backed_up_or_opened_is_said(
    workspace: Workspace, open_page: OpenPage, home_dir: Path
) -> None:
    damage(home_dir, "damaged")
    Home(home_dir).remember("default")
    (home_dir / "backups").write_text("a file where the folder should be")
    page = open_page("settings")
    page.button(key="backup-1").click().run()
    assert "The backup could not be written" in page.error[0].value.replace("\\", "")
    page.button(key="open-0").click().run()
    assert not page.exception
    assert "database is damaged" in page.error[0].value.replace("\\", "")
    assert Home(home_dir).last_opened() == "default"


def test_the_name_given_here_stands_beside_ones_edits(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("settings")
    field(page, "Your name").set_value("  *Ana*  ").run()
    created(page, "Second one")
    page.button(key="open-1").click().run()
    record = filled_workspace.records.page(filled_workspace.records.numbers(Query()))[0]
    page.switch_page("pages/review.py")
    page.query_params["record"] = record.id
    page.run()
    edit = {"document": f"{record.id}:{record.revision}", "texts": {"task": "Better"}}
    page.session_state["review_card"] = {"edit": {"number": 1, "edits": [edit]}}
    page.run()
    assert filled_workspace.records.history(record.id)[0].author == "*Ana*"
    page.switch_page("pages/settings.py").run()
    assert field(page, "Your name").value == "*Ana*"


def test_the_page_says_where_the_files_are(workspace: Workspace, open_page: OpenPage) -> None:
    texts = [found.value for found in open_page("settings").text]
    assert str(workspace.folder) in texts
    assert any(text.startswith("Dataflow Studio 0.") for text in texts)
