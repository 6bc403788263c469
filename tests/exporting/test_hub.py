"""Pushing: what arrives at the Hub, byte for byte, and what is said where it does not."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_core.errors import UsageError
from dataflow_core.exporting.hub import Pushed, PushError, push_files
from dataflow_core.exporting.plan import ExportPlan, WrittenExport
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.hub_stand_in import HubStandIn
from tests.record_makers import make_tasks


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    with HubStandIn() as hub:
        yield hub


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    texts = {"README.md": "---\ntask_categories:\n- text-generation\n---\n# A set\n", "a.jsonl": '{"a": 1}\n' * 500}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in texts]


def push(hub: HubStandIn, files: list[Path], repo: str = "ada/greetings", *, is_private: bool = True) -> Pushed:
    return push_files(files, repo, is_private=is_private, environ=hub.environ, pause=lambda _: None)


def test_small_and_large_files_arrive_byte_for_byte_in_one_commit(hub: HubStandIn, files: list[Path]) -> None:
    pushed = push(hub, files)
    assert hub.files["ada/greetings"] == {path.name: path.read_bytes() for path in files}
    assert (len(hub.commits), len(hub.large)) == (1, 1)
    assert (pushed.repo, pushed.url) == ("ada/greetings", f"{hub.url}/datasets/ada/greetings")
    assert pushed.is_private
    assert hub.repos["ada/greetings"]


def test_an_export_is_pushed_whole_and_with_a_card_that_the_hub_takes(
    workspace: Workspace, hub: HubStandIn, tmp_path: Path
) -> None:
    make_tasks(workspace, 5)
    export: WrittenExport = workspace.bundles.write(ExportPlan(query=Query()), tmp_path, "five")
    told: list[str] = []
    pushed = workspace.bundles.push(export.folder, "five-tasks", progress=told.append, environ=hub.environ)
    assert pushed.repo == "ada/five-tasks"  # the token's owner's
    assert hub.files[pushed.repo] == {path.name: path.read_bytes() for path in export.folder.iterdir()}
    assert hub.commits == ["five: 5 records"]
    assert any("README.md" in sentence for sentence in told)


def test_a_zip_is_pushed_as_the_files_in_it(workspace: Workspace, hub: HubStandIn, tmp_path: Path) -> None:
    make_tasks(workspace, 5)
    export = workspace.bundles.write(ExportPlan(query=Query()), tmp_path, "five")
    before = {path.name: path.read_bytes() for path in export.folder.iterdir()}
    workspace.bundles.push(workspace.bundles.zipped(export), "ada/five", environ=hub.environ)
    assert hub.files["ada/five"] == before


def test_what_the_manifest_does_not_name_is_not_sent(workspace: Workspace, hub: HubStandIn, tmp_path: Path) -> None:
    make_tasks(workspace, 5)
    export = workspace.bundles.write(ExportPlan(query=Query()), tmp_path, "five")
    (export.folder / "diary.txt").write_text("mine")
    workspace.bundles.push(export.folder, "ada/five", environ=hub.environ)
    assert "diary.txt" not in hub.files["ada/five"]


def test_a_file_that_was_changed_since_is_not_sent(workspace: Workspace, hub: HubStandIn, tmp_path: Path) -> None:
    make_tasks(workspace, 5)
    export = workspace.bundles.write(ExportPlan(query=Query()), tmp_path, "five")
    (export.folder / "README.md").write_text("other")
    with pytest.raises(UsageError, match=r"README\.md of .* is not what its manifest says"):
        workspace.bundles.push(export.folder, "ada/five", environ=hub.environ)
    assert hub.calls == []


def test_pushing_again_adds_a_commit(hub: HubStandIn, files: list[Path]) -> None:
    push(hub, files)
    files[1].write_text("{}\n")
    push(hub, files)
    assert len(hub.commits) == 2
    assert hub.files["ada/greetings"]["a.jsonl"] == b"{}\n"


def test_nothing_private_goes_into_a_public_repository(hub: HubStandIn, files: list[Path]) -> None:
    push(hub, files, is_private=False)
    assert not hub.repos["ada/greetings"]
    with pytest.raises(PushError, match="public already"):
        push(hub, files)
    assert len(hub.commits) == 1


def test_a_problem_of_the_hub_that_passes_is_waited_for(hub: HubStandIn, files: list[Path]) -> None:
    hub.fail("/create", (503, {"error": "busy"}))
    hub.fail("/commit/main", (502, {}), (500, {}))
    waited: list[float] = []
    push_files(files, "ada/greetings", environ=hub.environ, pause=waited.append)
    assert waited == [1.0, 1.0, 4.0]
    assert len(hub.commits) == 1


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/create", 401, "does not accept the token in HF_TOKEN"),
        ("/commit/main", 403, "may not write to ada/greetings"),
        ("/preupload/main", 404, "knows no ada/greetings"),
        ("/commit/main", 400, "does not take this export"),
        ("/create", 500, "a problem of its own"),
        ("/create", 429, "asks to wait"),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_sentence(
    hub: HubStandIn, files: list[Path], path: str, status: int, said: str
) -> None:
    hub.fail(path, *[(status, {"error": f"no, not with {hub.token}"})] * 10)
    with pytest.raises(PushError, match=said) as caught:
        push(hub, files)
    assert hub.token not in str(caught.value)
    assert hub.commits == []


def test_somebody_elses_name_is_said_to_be_so(hub: HubStandIn, files: list[Path]) -> None:
    with pytest.raises(PushError, match="bob has to be you or an organization of yours"):
        push(hub, files, "bob/greetings")


def test_a_card_that_the_hub_refuses_is_said_to_be_the_reason(hub: HubStandIn, files: list[Path]) -> None:
    hub.fail("/validate-yaml", (400, {"errors": [{"message": '"license" must be one of …'}]}))
    with pytest.raises(PushError, match='"license" must be one of'):
        push(hub, files)


def test_no_network_is_said_with_the_address(files: list[Path]) -> None:
    with HubStandIn() as gone:
        environ = gone.environ
    with pytest.raises(PushError, match=r"cannot be reached at http://127\.0\.0\.1"):
        push_files(files, "ada/greetings", environ=environ, pause=lambda _: None)


@pytest.mark.parametrize("environ", [{}, {"HF_TOKEN": "  "}])
def test_a_missing_token_is_asked_for(files: list[Path], environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="HF_TOKEN"):
        push_files(files, "ada/greetings", environ=environ)


def test_a_missing_library_is_named(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"dataflow-studio\[hub\]"):
        push_files(files, "ada/greetings", environ={"HF_TOKEN": "x"})


@pytest.mark.parametrize("repo", ["", "a/b/c", "ada/", "/x", "ada/a b", "ada/../x", "ada/ü", "ada/x.git", "ada/a--b"])
def test_a_name_that_cannot_be_is_refused_before_anything_is_called(files: list[Path], repo: str) -> None:
    with pytest.raises(UsageError, match="no name of a repository"):
        push_files(files, repo, environ={"HF_TOKEN": "x", "HF_ENDPOINT": "http://127.0.0.1:9"})


def test_the_token_is_in_no_log(hub: HubStandIn, files: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        push(hub, files)
    assert hub.token not in caplog.text


def test_nothing_but_the_hub_is_called(hub: HubStandIn, files: list[Path]) -> None:
    push(hub, files)
    assert {headers["host"] for _, _, headers in hub.calls} == {hub.url.removeprefix("http://")}


@pytest.mark.parametrize(
    "address",
    ["huggingface.co", "ftp://hub", "http://", "https://[::1", "http://hub:no", "http://hub:99999", "http://a b",
     "//hub", "http://hub/\x1b[31mred", "javascript:alert(1)", "https://hub?x=1", "http://hüb"],
)  # fmt: skip
def test_an_address_that_is_none_is_said_to_be_none(files: list[Path], address: str) -> None:
    with pytest.raises(UsageError, match=r"HF_ENDPOINT .*is no address of a Hub, such as https") as caught:
        push_files(files, "ada/greetings", environ={"HF_TOKEN": "x", "HF_ENDPOINT": address})
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("end", ["", ":no", "/\x1b[1m"])
def test_a_password_in_the_address_is_not_shown(hub: HubStandIn, files: list[Path], end: str) -> None:
    address = hub.url.replace("://", "://ada:s3cret@") + end
    with pytest.raises(UsageError, match="HF_ENDPOINT") as caught:
        push_files(files, "ada/greetings", environ=hub.environ | {"HF_ENDPOINT": address})
    assert "s3cret" not in str(caught.value)
    assert end or f"Set it to {hub.url}, and HF_TOKEN to the token." in str(caught.value)
    assert hub.calls == []


def test_an_address_may_end_in_a_slash(hub: HubStandIn, files: list[Path]) -> None:
    push_files(files, "ada/greetings", environ=hub.environ | {"HF_ENDPOINT": f" {hub.url}/ "})
    assert len(hub.commits) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_the_hub_says_is_shown_without_what_a_terminal_would_obey(
    hub: HubStandIn, files: list[Path], status: int
) -> None:
    said = "no \x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2Jx\r\n\x08\x00 \u202eabc\x1b"
    hub.fail("/commit/main", (status, {"error": said}))
    with pytest.raises(PushError, match=r"It says: .*no red x abc$") as caught:
        push(hub, files)
    assert str(caught.value).isprintable()
