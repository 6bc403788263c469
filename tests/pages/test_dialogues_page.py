"""The Dialogues page: the plan's size and first cells, editing intents, and starting the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.errors import UsageError
from dataflow_core.models import Endpoint
from dataflow_core.planning.intents import builtin_intents
from dataflow_core.workspace import Workspace
from ui.dialogues.text import flows_as_text, flows_from_text, topics_from_text

OpenPage = Callable[..., AppTest]
FIRST = builtin_intents()[0].name


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """Ids and limits of the runs that were started, in place of their processes."""
    calls: list[tuple[str, int | None]] = []

    def start(self: Workspace, run_id: str, *, limit: int | None = None, **settings: Any) -> None:
        calls.append((run_id, limit))

    monkeypatch.setattr(Workspace, "start", start)
    return calls


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label == label)


def field(page: AppTest, label: str) -> Any:
    return next(found for found in (*page.text_input, *page.text_area) if found.label == label)


def plan_sentence(page: AppTest) -> str:
    return next(found.value for found in page.markdown if "to the model" in found.value).strip("*")


def test_the_page_says_how_many_dialogues_and_calls_the_plan_makes(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("dialogues")
    assert not page.exception
    assert plan_sentence(page) == "180 dialogues · at least 720 calls to the model"
    workspace.endpoints.save(Endpoint("Large", base_url="http://127.0.0.1:9/v1", model="large"))
    page = open_page("dialogues")
    assert plan_sentence(page) == "180 dialogues · 360 calls to the model"


def test_intents_can_be_left_out_and_have_numbers_of_their_own(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("dialogues")
    button(page, "None").click().run()
    assert "No intent was chosen" in page.error[0].value.replace("\\", "")
    assert button(page, "Start run").disabled
    page.checkbox(key=f"intent-chosen-{FIRST}").check().run()
    page.number_input(key=f"intent-number-{FIRST}").set_value(3).run()
    assert plan_sentence(page).startswith("3 dialogues")
    assert list(page.dataframe[-1].value["Intent"]) == [FIRST] * 3


def test_an_odd_number_of_turns_is_refused_with_a_sentence(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("dialogues")
    page.number_input(key="dialogues-turns").set_value(7).run()
    assert "must be even and at least 2; 7 was given" in page.error[0].value.replace("\\", "")
    assert button(page, "Start run").disabled


def test_the_first_cells_of_the_plan_are_those_of_the_run(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = open_page("dialogues")
    topics = list(page.dataframe[-1].value["Topic"])
    page.selectbox(key="dialogues-language").set_value("Spanish").run()
    button(page, "Start run").click().run()
    run = workspace.runs.get(started[0][0])
    workspace.runs.ask(run.id, "cancel")
    planned = [failure.fields for failure in workspace.runs.failures(run.id, limit=len(topics))]
    assert [cell["topic"] for cell in planned] == topics
    assert run.params["language"] == "Spanish"


def test_the_questions_can_be_reviewed_before_their_answers_are_paid_for(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = open_page("dialogues")
    toggle = next(found for found in page.toggle if found.label == "Review the questions first")
    assert not toggle.value
    assert any("you don't pay for answers to bad questions" in found.value for found in page.caption)
    toggle.set_value(True).run()
    assert any("The run stops after the user" in found.value for found in page.caption)
    button(page, "Start run").click().run()
    assert not page.exception
    assert workspace.runs.get(started[0][0]).reviews_skeletons


def test_start_run_goes_on_with_the_run_that_was_tried(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = open_page("dialogues")
    button(page, "Try on 1").click().run()
    button(page, "Start run").click().run()
    assert [limit for _, limit in started] == [1, None]
    assert len(workspace.runs.all()) == 1


def test_the_trial_stands_above_the_intents(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = open_page("dialogues")
    button(page, "Try on 1").click().run()
    assert [found.value for found in page.subheader] == ["Trial", "Intents", "Plan"]


def test_a_built_in_intent_can_be_changed_and_reset(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("dialogues")
    page.button(key=f"intent-edit-{FIRST}").click().run()
    field(page, "Topics").set_value("a bicycle\na kettle\na bicycle\n")
    button(page, "Save").click().run()
    changed = workspace.intents.all()[0]
    assert (changed.topics, changed.builtin) == (("a bicycle", "a kettle"), False)
    assert any("2 topics · changed" in found.value for found in page.caption)
    page.button(key=f"intent-edit-{FIRST}").click().run()
    button(page, "Reset to the built-in one").click().run()
    assert workspace.intents.all()[0].builtin


def test_an_intent_of_ones_own_takes_part_in_the_plan(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("dialogues")
    button(page, "Add an intent").click().run()
    field(page, "Name").set_value("Gardening")
    field(page, "Information flows").set_value("From seed to fruit: asks when to sow; asks why it wilts")
    field(page, "Topics").set_value("tomatoes")
    button(page, "Save").click().run()
    assert plan_sentence(page).startswith("200 dialogues")
    assert any("1 flow × 1 topic · own" in found.value for found in page.caption)


def test_a_flow_that_cannot_be_read_is_named_by_its_line_and_the_text_stays(
    workspace: Workspace, open_page: OpenPage
) -> None:
    page = open_page("dialogues")
    page.button(key=f"intent-edit-{FIRST}").click().run()
    field(page, "Information flows").set_value("Good: asks\nno colon here")
    button(page, "Save").click().run()
    assert "Flow in line 2" in page.error[-1].value.replace("\\", "")
    assert field(page, "Information flows").value == "Good: asks\nno colon here"
    assert workspace.intents.all()[0].builtin


def test_choices_are_still_there_after_visiting_another_page(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("dialogues")
    page.checkbox(key=f"intent-chosen-{FIRST}").uncheck().run()
    page.number_input(key="dialogues-per-intent").set_value(2).run()
    page.switch_page("pages/settings.py").run()
    page.switch_page("pages/dialogues.py").run()
    assert plan_sentence(page).startswith("16 dialogues")


@pytest.mark.parametrize("intent", builtin_intents(), ids=lambda intent: intent.name)
def test_built_in_flows_come_back_from_their_text_unchanged(intent: Any) -> None:
    assert flows_from_text(flows_as_text(intent.flows)) == intent.flows
    assert topics_from_text("\n".join(intent.topics)) == intent.topics


@pytest.mark.parametrize("text", ["no colon", ": asks", "Name:", "Name: ;", "A: asks\nA: asks"])
def test_a_line_that_is_no_flow_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="Flow in line"):
        flows_from_text(text)
