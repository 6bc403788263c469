"""The folder of workspaces: create, open, back up, delete; names that are no paths."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path

import pytest

from dataflow_core.errors import UsageError, WorkspaceError
from dataflow_core.home import Home
from dataflow_core.models import EMBEDDED, Endpoint, Flow, Intent
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import DATABASE, Workspace


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_the_first_opening_makes_a_workspace(home: Home) -> None:
    assert home.names() == []
    home.open_last().close()
    assert home.names() == ["default"]


def test_the_workspace_last_opened_comes_back(home: Home) -> None:
    home.create("alpha").close()
    home.create("beta").close()
    home.remember("beta")
    assert home.last_opened() == "beta"
    home.delete("beta")
    assert home.last_opened() == "alpha"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "../up",
        "a/b",
        "/etc",
        ".hidden",
        "a\\b",
        "x\0y",
        "Backups",
        "last-opened",
        "a" * 70,
        "\U00020000" * 50,
        "dot.",
    ],
)
def test_a_name_that_is_a_path_is_refused(home: Home, name: str) -> None:
    with pytest.raises(UsageError):
        home.create(name)
    assert not home.folder.exists() or home.names() == []


def test_a_taken_name_is_refused_and_an_unknown_one_too(home: Home) -> None:
    home.create("Über 1.0_x").close()
    with pytest.raises(UsageError, match="already"):
        home.create("Über 1.0_x")
    with pytest.raises(UsageError, match="no workspace"):
        home.open("other")


def test_a_backup_holds_what_was_written_a_moment_ago_and_can_be_opened(home: Home, tmp_path: Path) -> None:
    workspace = home.create("alpha")
    workspace.review.add({"atom_task": "Keep me."}, generator="ParaSeqTaskGenerator", author="Ada")
    archive = home.back_up("alpha")
    workspace.close()
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "restored")
    restored = Workspace(tmp_path / "restored" / "alpha")
    assert restored.records.count(Query()) == 1
    restored.close()
    assert home.names() == ["alpha"]


def test_a_workspace_of_a_newer_version_is_refused_untouched(home: Home) -> None:
    home.create("alpha").close()
    database = home.folder / "alpha" / DATABASE
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO migrations VALUES ('9999_future', 0)")
    connection.close()
    with pytest.raises(WorkspaceError, match="newer version"):
        home.open("alpha")


def test_a_folder_without_a_database_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a workspace"):
        Workspace(tmp_path)


def test_the_embedded_model_is_the_default_until_an_endpoint_is_added(home: Home) -> None:
    workspace = home.create("alpha")
    assert workspace.endpoints.default() == EMBEDDED
    first = Endpoint("vLLM", base_url="http://127.0.0.1:8000/v1", model="qwen", key_env="VLLM_KEY")
    workspace.endpoints.save(first)
    workspace.endpoints.save(Endpoint("Other", model="m"))
    assert workspace.endpoints.default() == first
    workspace.endpoints.make_default(EMBEDDED.name)
    assert workspace.endpoints.default() == EMBEDDED
    assert [endpoint.name for endpoint in workspace.endpoints.all()] == ["vLLM", "Other", EMBEDDED.name]
    workspace.endpoints.delete("vLLM")
    with pytest.raises(UsageError, match="built in"):
        workspace.endpoints.save(EMBEDDED)
    workspace.close()


def test_a_new_workspace_can_take_over_the_endpoints_of_another(home: Home) -> None:
    first = home.create("alpha")
    first.endpoints.save(Endpoint("vLLM", base_url="http://127.0.0.1:8000/v1", model="qwen"))
    first.endpoints.save(Endpoint("Other", model="m"))
    first.endpoints.make_default("Other")
    second = home.create("beta", like=first)
    assert second.endpoints.all() == first.endpoints.all()
    assert second.endpoints.default().name == "Other"
    first.close()
    second.close()


def test_an_own_intent_stays_and_a_changed_built_in_one_can_be_reset(home: Home) -> None:
    workspace = home.create("alpha")
    shipped = workspace.intents.all()
    changed = Intent(shipped[0].name, "Mine now.", (Flow("f", ("a", "b")),), ("t",))
    workspace.intents.save(changed)
    workspace.intents.save(Intent("Haggling", "wants a bargain", (Flow("f", ("a",)),), ("a carpet",)))
    assert [intent.name for intent in workspace.intents.all()] == [*(intent.name for intent in shipped), "Haggling"]
    assert workspace.intents.all()[0] == changed
    workspace.intents.remove(changed.name)
    assert workspace.intents.all()[0] == shipped[0]
    with pytest.raises(UsageError, match="at least one topic"):
        workspace.intents.save(Intent("Empty", "", (Flow("f", ("a",)),), ()))
    with pytest.raises(UsageError, match="at least one flow"):
        workspace.intents.save(Intent("Empty", "", (), ("t",)))
    workspace.close()
