"""A run taken away from the Runs page as a file, and opened there again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.flows.saved_runs import save_run
from dataflow_core.models import RunState
from dataflow_core.workspace import Workspace
from tests.pages.conftest import in_address
from tests.support import ENDPOINT, plan_tasks
from ui.runs import as_file

OpenPage = Callable[..., AppTest]


@pytest.fixture
def saved(workspace: Workspace, tmp_path: Path) -> bytes:
    run = plan_tasks(workspace, ["Water the plants.", "Feed the cat."], endpoint=replace(ENDPOINT, key_env="MY_KEY"))
    return save_run(workspace, run.id, tmp_path / "run.yaml").read_bytes()


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def uploaded(open_page: OpenPage, data: bytes) -> AppTest:
    page = open_page("runs")
    button(page, "Open a saved run").click().run()
    page.file_uploader[0].set_value(("run.yaml", data, "application/yaml")).run()
    assert not page.exception
    return page


def test_a_run_is_offered_as_a_file_that_opens_again(workspace: Workspace, open_page: OpenPage, saved: bytes) -> None:
    (run,) = workspace.runs.all()
    page = open_page("runs")
    assert not page.exception
    (download,) = page.get("download_button")
    assert download.proto.label == "Save as file"
    assert as_file._contents(workspace, run) == saved
    assert as_file._file_name(replace(run, name="Ä/ß ../x.jsonl")) == f"Ä-ß-x-{run.id[-4:]}"
    assert as_file._file_name(replace(run, name="kinder/2 on 10 tasks")) == f"kinder-2-on-10-tasks-{run.id[-4:]}"


def test_an_opened_run_is_planned_selected_and_not_started(
    workspace: Workspace, open_page: OpenPage, saved: bytes
) -> None:
    page = uploaded(open_page, saved)
    said = "\n".join(str(element.value) for element in [*page.caption, *page.markdown])
    assert "Tasks · 2 inputs · prompt para\\-seq\\/1" in said
    assert "with the key in MY\\_KEY" in said
    assert not page.warning or all("prompts" not in warning.value for warning in page.warning)
    button(page, "Open it").click().run()
    assert not page.exception
    opened, _ = workspace.runs.all()
    assert in_address(page, "run") == opened.id
    assert (opened.state, opened.reason, opened.endpoint.name) == (RunState.PAUSED, "Not started yet.", "scripted")
    assert button(page, "Start")
    assert not [found for found in page.button if found.label == "Open it"]


def test_another_model_can_be_chosen(workspace: Workspace, open_page: OpenPage, saved: bytes) -> None:
    page = uploaded(open_page, saved)
    page.selectbox(key="open-run-endpoint").set_value("Embedded model").run()
    button(page, "Open it").click().run()
    assert workspace.runs.all()[0].endpoint.kind == "embedded"


def test_other_prompts_are_said_before_it_is_opened(workspace: Workspace, open_page: OpenPage, saved: bytes) -> None:
    page = uploaded(open_page, saved.replace(b"prompt_version: para-seq/1", b"prompt_version: para-seq/0"))
    assert any("other prompts would be sent" in warning.value for warning in page.warning)
    button(page, "Open it").click().run()
    assert workspace.runs.all()[0].prompt_version == "para-seq/1"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda data: b"a: [", "is not valid YAML"),
        (lambda data: b"hello", "This is not a saved run"),
        (lambda data: data.replace(b'"Feed', b"Feed"), "Line 2 of the inputs is not valid JSON"),
        (lambda data: data.replace(b"skipped: 0", b"skipped: none"), "must be a whole number"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(
    workspace: Workspace, open_page: OpenPage, saved: bytes, change: Callable[[bytes], bytes], complaint: str
) -> None:
    page = uploaded(open_page, change(saved))
    assert complaint in page.error[0].value
    assert len(workspace.runs.all()) == 1


def test_a_saved_run_can_be_opened_where_there_are_no_runs_yet(
    home_dir: Path, workspace: Workspace, open_page: OpenPage
) -> None:
    assert button(open_page("runs"), "Open a saved run")
