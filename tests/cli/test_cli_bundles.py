"""The command line's verbs for exports with all that goes along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataflow_core.cli.program import main
from dataflow_core.workspace import Workspace
from tests.exporting.made import make_all_kinds
from tests.hub_stand_in import HubStandIn
from tests.record_makers import make_tasks


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAFLOW_HOME", str(tmp_path / "home"))
    return tmp_path


def export(*more: str) -> int:
    return main(["export", "--workspace", "workspace", "--status", "all", "--quiet", *more])


def test_a_zip_is_written_listed_compared_and_made_again(
    workspace: Workspace, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_all_kinds(workspace, 4)
    assert export("--zip", "-o", "out/one.zip", "--format", "trl", "--licence", "mit", "--language", "en") == 0
    assert [path.name for path in (folder / "out").iterdir()] == ["one.zip"]
    said = capsys.readouterr().out
    assert "4 records in one_tasks.jsonl" in said
    assert said.endswith("All of it is in out/one.zip.\n")

    assert main(["exports", "list", "out", "--workspace", "workspace"]) == 0
    assert capsys.readouterr().out.split()[-3:] == ["12", "trl", "out/one.zip"]

    assert main(["exports", "again", "out/one.zip", "-o", "out/two", "--workspace", "workspace"]) == 0
    assert capsys.readouterr().out.count("the same as then") == 3

    assert main(["exports", "compare", "out/one.zip", "out/two"]) == 0
    assert capsys.readouterr().out.startswith("12 records before, 12 after; 12 are the same.\n")


def test_a_bundle_is_a_folder(workspace: Workspace, folder: Path) -> None:
    make_tasks(workspace, 2)
    assert export("--bundle", "-o", "set", "--title", "Apples") == 0
    assert "# Apples" in (folder / "set" / "README.md").read_text()
    assert (folder / "set" / "set_tasks.jsonl").exists()


def test_what_differs_is_said_and_the_exit_status_is_3(
    workspace: Workspace, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tasks(workspace, 8)
    export("--bundle", "-o", "one")
    make_tasks(workspace, 7)
    export("--bundle", "-o", "two", "--format", "trl")
    capsys.readouterr()
    assert main(["exports", "compare", "one", "two"]) == 3
    said = capsys.readouterr().out
    assert "8 records before, 15 after; 8 are the same." in said
    assert "7 added: " in said
    assert " and 2 more" in said
    assert 'format: "dataflow" before, "trl" after' in said
    assert main(["exports", "compare", "one", "two", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["added"]["count"] == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exports", "compare", "here", "there"], "There is no file or folder here."),
        (["exports", "again", "workspace", "-o", "x", "--workspace", "workspace"], "has no manifest.json"),
        (["push", "workspace", "--repo", "a/b"], "has no manifest.json"),
        (["export", "--zip", "-o", "x.jsonl", "--workspace", "workspace"], "ends in .zip"),
        (["export", "--bundle", "-o", "workspace", "--workspace", "workspace"], "is there already"),
        (
            ["export", "--bundle", "-o", "x", "--language", "English", "--workspace", "workspace"],
            "no code of a language",
        ),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    make_tasks(workspace, 1)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_an_export_is_pushed_with_the_token_of_the_environment(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tasks(workspace, 2)
    export("--zip", "-o", "set.zip")
    with HubStandIn() as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        assert main(["push", "set.zip", "--repo", "ada/set"]) == 0
        said = capsys.readouterr()
        assert main(["push", "set.zip", "--repo", "bob/set"]) == 1
        refused = capsys.readouterr()
    assert said.out.endswith(f"files are at {hub.url}/datasets/ada/set, private.\n")
    assert "Sending README.md" in said.err
    assert "may not write to bob/set" in refused.err
    assert hub.token not in said.out + said.err + refused.out + refused.err
