"""The Export page: what is chosen, what it will look like, and the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.exporting.plan import ExportPlan
from dataflow_core.models import ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.hub_stand_in import HubStandIn
from tests.record_makers import make_records
from ui.export import options
from ui.jobs import jobs
from ui.names import DIALOGUES

OpenPage = Callable[..., AppTest]


def accept(workspace: Workspace, query: Query) -> None:
    records = workspace.records.page(workspace.records.numbers(query))
    workspace.review.decide({record.id: record.revision for record in records}, ReviewStatus.ACCEPTED, reviewer="me")


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label.startswith(label))


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in page.markdown)


def captions(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in page.caption)


def test_nothing_accepted_yet_is_said_with_what_waits(filled_workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("export")
    assert not page.exception
    assert "No accepted records yet\\: 31 wait for review" in captions(page)
    assert button(page, "Go to Review")


def test_an_empty_workspace_has_nothing_to_export(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("export")
    assert "There are no records yet" in captions(page)
    assert button(page, "Make tasks")


def test_the_preview_shows_lines_as_they_will_be_written_and_names_their_keys(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    assert not page.exception
    first = json.loads(page.code[0].value.splitlines()[0])
    assert list(first) == ["id", "task", "parallel_task", "subsequent_task", "composition_task"]
    dialogue = json.loads(page.code[1].value.splitlines()[0])
    assert list(dialogue) == ["category", "conversation"]
    assert "Keys of a line\\: category\\, conversation" in captions(page)


def test_an_export_is_written_and_its_files_are_listed_until_it_is_closed(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export 31 records").click().run()
    assert not page.exception
    files = filled_workspace.bundles.listed(filled_workspace.folder / "exports")[0].manifest.files
    assert sorted(file.records for file in files if file.kind == "data") == [4, 27]
    assert "31 records exported" in texts(page)
    button(page, "Close").click().run()
    assert "31 records exported" not in texts(page)
    assert "Past exports" in [heading.value for heading in page.subheader]


def test_what_would_not_be_taken_is_told_before_the_export_with_the_way_to_each_record(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    lone = {"category": "x", "conversation": [{"role": "user", "value": "Anybody there?"}]}
    record = filled_workspace.review.add(lone, generator=DIALOGUES, author="me")
    filled_workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="me")
    page = open_page("export")
    page.button_group(key="export_target").set_value("LLaMA-Factory").run()
    assert not page.exception
    assert "31 of 32 records will be used" in texts(page)
    assert button(page, "Export 31 records")
    link = page.get("page_link")[0].proto
    assert (link.label, link.page) == (f"Record {record.number}", "review")
    assert record.id in link.query_string


def test_more_than_the_first_records_of_a_reason_are_a_switch_away(workspace: Workspace, open_page: OpenPage) -> None:
    turns = [{"role": "user", "value": "Hello?"}]
    make_records(workspace, [{"category": "Travel", "conversation": turns}] * 12, generator=DIALOGUES)
    accept(workspace, Query())
    page = open_page("export")
    assert "and 4 more." in captions(page)
    (switch,) = page.toggle
    assert switch.label == "Show all 12"
    switch.set_value(True).run()
    assert not page.exception
    assert "and 4 more." not in captions(page)


def test_all_records_of_a_long_reason_are_a_file_away(workspace: Workspace, open_page: OpenPage) -> None:
    turns = [{"role": "user", "value": "Hello?"}]
    make_records(workspace, [{"category": "Travel", "conversation": turns}] * 103, generator=DIALOGUES)
    make_records(workspace, [{"category": "Travel", "conversation": []}] * 3, generator=DIALOGUES)
    accept(workspace, Query())
    page = open_page("export")
    page.button_group(key="export_target").set_value("OpenAI").run()
    assert "and 95 more." in captions(page)
    (all_of_it,) = (one for one in page.button if "as JSONL" in one.label)
    assert all_of_it.label == "All 103 as JSONL"
    all_of_it.click().run()
    assert not page.exception
    assert not [one for one in page.button if "as JSONL" in one.label]
    (file,) = (workspace.folder / "problems").glob("*/openai_*.jsonl")
    listed = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len({one["record"] for one in listed}) == len(listed) == 103
    assert {one["rule"] for one in listed} == {file.stem.removeprefix("openai_")}


def test_a_csv_is_written_for_excel_unless_it_is_not_to(filled_workspace: Workspace, open_page: OpenPage) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    assert not [one for one in page.toggle if one.label == "For Excel"]
    page.button_group(key="export_target").set_value("A table").run()
    page.radio(key="export_shape-A table").set_value("csv").run()
    (for_excel,) = (one for one in page.toggle if one.label == "For Excel")
    for_excel.set_value(False).run()
    button(page, "Export 31 records").click().run()
    assert not page.exception
    (made,) = filled_workspace.bundles.listed(filled_workspace.folder / "exports")
    assert not made.manifest.plan.has_mark
    assert (made.path / made.manifest.data[0].name).read_bytes().startswith(b'"id"')


def test_shares_part_the_records_and_are_drawn_with_their_counts(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    page.button_group(key="export_splits").set_value("Train, validation, test").run()
    assert not page.exception
    button(page, "Export 31 records").click().run()
    plan = filled_workspace.bundles.listed(filled_workspace.folder / "exports")[0].manifest.plan
    assert plan.splits.shares == pytest.approx({"train": 0.8, "validation": 0.1, "test": 0.1})


def test_a_task_needs_fields_where_a_chat_is_made_of_it_and_the_choice_is_kept(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    page.button_group(key="export_target").set_value("OpenAI").run()
    output = next(box for box in page.selectbox if box.label == "Output")
    assert output.value == "composition_task"
    output.set_value("parallel_task").run()
    assert "“parallel\\_task”" in captions(page)
    assert json.loads(page.code[0].value.splitlines()[0])["messages"][1]["content"] == "parallel_task of 3"


def test_a_tokenizer_that_is_not_there_is_said_so_and_nothing_can_be_exported(
    filled_workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options, "_TOKENIZERS", ["/nowhere/tokenizer.json"])
    accept(filled_workspace, Query())
    page = open_page("export")
    page.number_input(key="export_tokens").set_value(100).run()
    assert not page.exception
    assert "tokenizer" in page.error[0].value
    assert button(page, "Export").disabled


def test_what_stands_in_the_way_of_an_export_is_said(filled_workspace: Workspace, open_page: OpenPage) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    (filled_workspace.folder / "exports").write_text("A file in the place of the folder.")
    button(page, "Export 31 records").click().run()
    assert not page.exception
    assert page.error


def test_the_choice_of_runs_and_statuses_limits_the_export(filled_workspace: Workspace, open_page: OpenPage) -> None:
    run = next(run for run in filled_workspace.runs.all() if run.name == "Planning dialogues")
    accept(filled_workspace, Query(runs=(run.id,)))
    page = open_page("export", run=run.id)
    assert button(page, "Export 4 records")
    page.session_state["export_runs"] = []
    page.session_state["export_statuses"] = ["Accepted", "Unreviewed"]
    page.run()
    assert button(page, "Export 31 records")


def test_the_run_in_the_address_is_chosen_on_arrival_and_can_be_taken_away(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    run = next(run for run in filled_workspace.runs.all() if run.name == "Planning dialogues")
    page = open_page("export", run=run.id)
    assert page.multiselect(key="export_runs").value == [run.id]
    page.multiselect(key="export_runs").set_value([]).run()
    assert page.multiselect(key="export_runs").value == []


def test_an_export_of_another_workspace_is_not_shown(filled_workspace: Workspace, open_page: OpenPage) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export").click().run()
    page.session_state["export_opened"] = filled_workspace.folder.parent / "other" / "exports" / "x"
    page.run()
    assert not page.exception
    assert "exported" not in texts(page)


def test_an_export_is_pushed_to_the_hub_with_the_token_of_the_environment(
    filled_workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(filled_workspace, Query())
    with HubStandIn() as hub:
        for name, value in hub.environ.items():
            monkeypatch.setenv(name, value)
        page = open_page("export")
        button(page, "Export 31 records").click().run()
        button(page, "Push to the Hub").click().run()
        assert hub.token not in captions(page) + texts(page)
        page.text_input(key="export_push_repo").set_value("ada/tasks")
        button(page, "Push to the Hub").click()  # a page test has no dialog that stays open
        next(found for found in page.button if found.label == "Push").click().run()
        push = jobs().find(page.session_state["export_push"])
        assert push is not None
        push.wait(20)
        page.run()
        assert not page.exception
        assert "Pushed to ada" in texts(page)
        assert hub.repos == {"ada/tasks": True}
        assert {"manifest.json", "README.md"} <= hub.files["ada/tasks"].keys()


def test_without_a_token_nothing_can_be_pushed_and_it_is_said_why(
    filled_workspace: Workspace, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export 31 records").click().run()
    button(page, "Push to the Hub").click().run()
    assert "HF\\_TOKEN is not set" in texts(page)
    assert next(found for found in page.button if found.label == "Push").disabled


def test_two_exports_are_compared_record_by_record(filled_workspace: Workspace, open_page: OpenPage) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export 31 records").click().run()
    first, *_ = filled_workspace.records.stream(Query())
    filled_workspace.review.decide({first.id: first.revision}, ReviewStatus.REJECTED, reviewer="me")
    filled_workspace.bundles.write(ExportPlan(), filled_workspace.folder / "exports", "other")
    page.run()
    button(page, "Compare").click().run()
    assert not page.exception
    assert "30 records in both" in texts(page)
    assert "Only in this one: **1**" in texts(page)


def test_a_past_export_is_made_again_with_another_licence_and_is_the_same(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export 31 records").click().run()
    first, *_ = filled_workspace.records.stream(Query())
    filled_workspace.review.decide({first.id: first.revision}, ReviewStatus.REJECTED, reviewer="me")
    page.run()
    button(page, "Export again …").click().run()
    assert not page.exception
    (first_made,) = filled_workspace.bundles.listed(filled_workspace.bundles.folder)
    page.selectbox(key=f"export_again_licence-{first_made.manifest.name}").set_value("mit")
    button(page, "Export again …").click()  # a page test has no dialog that stays open
    page.button(key="export-again-go").click().run()
    assert not page.exception
    assert "byte for byte as it was" in texts(page)
    assert "31 records exported" in texts(page)
    stored = filled_workspace.bundles.listed(filled_workspace.bundles.folder)
    before, again = sorted(stored, key=lambda one: one.manifest.name)
    assert again.manifest.name == f"{before.manifest.name}-again"
    assert (before.manifest.about.licence, again.manifest.about.licence) == ("", "mit")


def test_the_licence_that_goes_to_the_hub_is_shown_before_it_does(
    filled_workspace: Workspace, open_page: OpenPage
) -> None:
    accept(filled_workspace, Query())
    page = open_page("export")
    button(page, "Export 31 records").click().run()
    button(page, "Push to the Hub").click().run()
    assert "No licence is said" in texts(page)
    assert "Export again" in captions(page)
