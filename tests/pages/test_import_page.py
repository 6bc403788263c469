"""The Import page: what a file holds, what would come of it, and its records stored for review."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.models import ReviewStatus, RunKind
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from ui.importing import source

OpenPage = Callable[..., AppTest]
CHATS = [
    {"messages": [{"role": "user", "content": f"Question {n}?"}, {"role": "assistant", "content": f"Answer {n}."}]}
    for n in range(3)
]


def lines(*entries: Any) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


def upload(page: AppTest, name: str, data: bytes) -> AppTest:
    page.file_uploader[0].set_value((name, data, "application/octet-stream"))
    return page.run()


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label.startswith(label))


def labels(page: AppTest) -> list[str]:
    return [found.label for found in page.button]


def shown(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.text, *page.caption, *page.error])


def test_a_dataset_is_recognised_shown_as_it_will_look_and_imported(workspace: Workspace, open_page: OpenPage) -> None:
    page = upload(open_page("import"), "chats.jsonl", lines(*CHATS))
    assert not page.exception
    assert "OpenAI" in shown(page)
    assert "Question 0?" in shown(page)
    button(page, "Import 3 records").click().run()
    assert not page.exception
    (run,) = workspace.runs.all(kind=RunKind.IMPORT)
    stored = list(workspace.records.stream(Query(runs=(run.id,))))
    assert [record.fields["conversation"][0]["value"] for record in stored] == [f"Question {n}?" for n in range(3)]
    assert {record.status for record in stored} == {ReviewStatus.UNREVIEWED}
    assert not list((workspace.folder / "uploads").iterdir()), "the copy of the upload is gone"


def test_a_dialogue_is_shown_with_its_turns_before_what_stands_beside_them(
    workspace: Workspace, open_page: OpenPage
) -> None:
    page = upload(open_page("import"), "chats.jsonl", lines({"id": "c-1", "source": "forum", **CHATS[0]}))
    texts = [str(element.value) for element in page.text]
    assert texts.index("Question 0?") < texts.index("c-1") < texts.index("forum")
    assert "column" not in "".join(str(element.value) for element in page.markdown), "of no meaning for a chat"


def test_bad_lines_stand_in_the_way_until_they_are_skipped_and_are_told_with_their_reasons(
    workspace: Workspace, open_page: OpenPage
) -> None:
    page = upload(open_page("import"), "chats.jsonl", lines(*CHATS) + b"{broken\n")
    assert button(page, "Import 3 records").disabled
    assert "1 entry" in shown(page)
    assert page.dataframe[0].value["Line"].tolist() == [4]
    page.toggle[0].set_value(True).run()
    button(page, "Import 3 records").click().run()
    assert not page.exception
    assert workspace.records.count(Query()) == 3


def test_what_cannot_be_used_is_taken_away_as_a_file(workspace: Workspace, open_page: OpenPage) -> None:
    page = upload(open_page("import"), "chats.jsonl", lines(*CHATS) + b"{broken\n")
    button(page, "All of them as a file").click().run()
    assert not page.exception
    (file,) = (workspace.folder / "uploads").glob("*/chats_left_out.jsonl")
    (line,) = [json.loads(text) for text in file.read_text().splitlines()]
    assert (line["line"], line["text"]) == (4, "{broken")


def test_columns_are_chosen_where_the_content_does_not_tell(workspace: Workspace, open_page: OpenPage) -> None:
    page = upload(open_page("import"), "qa.csv", b"q,a\nWhat is 1+1?,2\nWhat is 2+2?,4\n")
    assert "not clear" in shown(page)
    kind = next(group for group in page.button_group if group.label == "What it becomes")
    kind.set_value("ConsistentChatGenerator").run()
    page.radio[0].set_value("Question and answer in columns of their own").run()
    assert "Choose the column" in shown(page)
    for label, column in (("Question", "q"), ("Answer", "a")):
        next(box for box in page.selectbox if box.label == label).set_value(column)
    page.run()
    assert not page.exception
    button(page, "Import 2 records").click().run()
    assert not page.exception
    (first, _) = workspace.records.stream(Query())
    assert [turn["value"] for turn in first.fields["conversation"]] == ["What is 1+1?", "2"]


def test_a_file_on_this_machines_disk_is_read_where_it_is(
    workspace: Workspace, open_page: OpenPage, tmp_path: Path
) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_bytes(lines(*CHATS))
    page = open_page("import")
    page.text_input[0].set_value(f' "{file}" ')
    button(page, "Read it").click().run()
    assert not page.exception
    button(page, "Import 3 records").click().run()
    assert workspace.records.count(Query()) == 3
    assert file.exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [("", "Write the path"), ("here.jsonl", "whole path"), ("/", "is a folder"), ("/no/x", "no file")],
)
def test_a_path_that_leads_to_no_file_is_said_so(
    workspace: Workspace, open_page: OpenPage, typed: str, said: str
) -> None:
    page = open_page("import")
    page.text_input[0].set_value(typed)
    button(page, "Read it").click().run()
    assert not page.exception
    assert said in page.error[0].value.replace("\\", "")


def test_other_machines_cannot_have_files_of_this_one_read(
    workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "is_for_this_machine_alone", lambda: False)
    page = open_page("import")
    assert not page.exception
    assert "Read it" not in labels(page)


def test_a_file_that_holds_nothing_to_import_is_said_so_and_another_can_be_chosen(
    workspace: Workspace, open_page: OpenPage
) -> None:
    page = upload(open_page("import"), "noise.jsonl", b"\x00\xff\xfe not json")
    assert not page.exception
    assert page.error
    button(page, "Choose another").click().run()
    assert not page.exception
    assert page.file_uploader


def test_a_file_that_goes_away_meanwhile_is_said_so(workspace: Workspace, open_page: OpenPage, tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_bytes(lines(*CHATS))
    page = open_page("import")
    page.text_input[0].set_value(str(file))
    button(page, "Read it").click().run()
    file.unlink()
    page.run()
    assert not page.exception
    assert "not there any more" in page.error[0].value


def test_dialogues_can_be_answered_anew_by_a_run_that_waits_to_be_started(
    workspace: Workspace, open_page: OpenPage
) -> None:
    page = upload(open_page("import"), "chats.jsonl", lines(*CHATS))
    page.button_group(key="import-then").set_value("Have a model answer anew").run()
    button(page, "Import 3 records").click().run()
    assert not page.exception
    (planned,) = workspace.runs.all()
    assert [fields["questions"] for fields in workspace.runs.inputs(planned.id)] == [
        [f"Question {n}?"] for n in range(3)
    ]
    assert workspace.runs.progress(planned.id).calls == 0


def test_imports_are_listed_with_what_came_of_them(workspace: Workspace, open_page: OpenPage) -> None:
    page = upload(open_page("import"), "chats.jsonl", lines(*CHATS))
    button(page, "Import 3 records").click().run()
    page = open_page("import")
    assert not page.exception
    table = page.dataframe[0].value
    assert (table["File"].tolist(), table["Records"].tolist()) == (["chats.jsonl"], [3])
