"""The Prompts page: reading, copying, changing and comparing prompts; choosing one, and examples, for a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.comparing import comparisons, plan_comparison
from dataflow_core.models import Endpoint, Fields, PromptTexts, ReviewStatus
from dataflow_core.planning.few_shot import FewShot
from dataflow_core.prompts import consistent_chat, para_seq
from dataflow_core.readers import read_lines, select_inputs
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.pages.conftest import in_address
from tests.record_makers import DIALOGUES, TASKS, make_tasks, record_at
from tests.support import ENDPOINT, answer_relations, execute, plan_tasks

OpenPage = Callable[..., AppTest]
LOCAL = Endpoint("Local", base_url="http://127.0.0.1:9/v1", model="m")
INPUTS: list[Fields] = [{"atom_task": "Count the apples."}, {"atom_task": "<b>Weigh</b> the *pears*."}]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs that were started, in place of their processes."""
    calls: list[str] = []
    monkeypatch.setattr(Workspace, "start", lambda self, run_id, **settings: calls.append(run_id))
    return calls


@pytest.fixture
def kinder(workspace: Workspace) -> PromptTexts:
    texts = dict(para_seq.PROMPT.texts) | {"system": "Be kind."}
    return workspace.prompts.save(replace(para_seq.PROMPT, name="kinder", texts=texts), author="Ada")


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label.replace("\\", "") == label)


def area(page: AppTest, label: str) -> Any:
    return next(found for found in page.text_area if found.label == label)


def said(page: AppTest) -> str:
    shown = (*page.markdown, *page.caption, *page.error, *page.text, *page.subheader)
    return "\n".join(str(found.value).replace("\\", "") for found in shown)


def decide(workspace: Workspace, numbers: list[int]) -> None:
    for number in numbers:
        record = record_at(workspace, number)
        workspace.review.decide({record.id: record.revision}, ReviewStatus.ACCEPTED, reviewer="Ada")


def test_the_built_in_prompts_can_be_read_but_not_changed(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("prompts")
    assert not page.exception
    assert [found.label for found in page.radio] == ["Tasks", "Dialogues"]
    assert [found.value for found in page.code] == list(para_seq.PROMPT.texts.values())
    page.radio[1].set_value("consistent-chat-small/1").run()
    assert in_address(page, "prompt") == "consistent-chat-small/1"
    assert "it can be read, but not changed" in said(page)
    assert not [found for found in page.button if "ave" in found.label]
    assert not page.text_area


def test_a_copy_is_saved_under_a_name_and_opened(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("prompts")
    page.text_input[0].set_value("kinder").run()
    button(page, "Save the copy").click().run()
    assert not page.exception
    (saved,) = workspace.prompts.all()
    assert (saved.label, saved.texts) == ("kinder/1", para_seq.PROMPT.texts)
    assert in_address(page, "prompt") == "kinder/1"
    assert area(page, "System").value == para_seq.PROMPT.texts["system"]
    assert "May use `{task}`" in said(page)
    assert "`{task}` the atomic task" in area(page, "Task").help


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Give the copy a name"),
        ("a/b", "A prompt's name starts with"),
        ("kinder", "There is a prompt “kinder” already"),
    ],
)
def test_a_copy_needs_a_name_of_its_own(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage, name: str, sentence: str
) -> None:
    page = open_page("prompts")
    page.text_input[0].set_value(name).run()
    button(page, "Save the copy").click().run()
    assert sentence in said(page)
    assert workspace.prompts.all() == [kinder]


def test_what_is_changed_is_saved_as_the_next_version(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage
) -> None:
    page = open_page("prompts", prompt="kinder/1")
    area(page, "System").set_value("Be kinder.").run()
    button(page, "Save as version 2").click().run()
    assert not page.exception
    assert [one.texts["system"] for one in workspace.prompts.all()] == ["Be kinder.", "Be kind."]
    assert in_address(page, "prompt") == "kinder/2"
    assert "Version 2" in said(page)


def test_a_text_that_cannot_be_used_is_said_and_not_saved(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage
) -> None:
    page = open_page("prompts", prompt="kinder/1")
    area(page, "Task").set_value("Do {it}.").run()
    assert "which nothing is put in for. Placeholders there: {task}." in said(page)
    button(page, "Save as version 2").click().run()
    assert page.error
    assert workspace.prompts.all() == [kinder]
    button(page, "Discard changes").click().run()
    assert area(page, "Task").value == "Atomic task:\n{task}"
    assert not page.warning


def test_a_draft_is_still_there_after_visiting_another_page(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage
) -> None:
    page = open_page("prompts", prompt="kinder/1")
    area(page, "System").set_value("Be kinder.").run()
    page.switch_page("pages/settings.py").run()
    page.query_params["prompt"] = "kinder/1"
    page.switch_page("pages/prompts.py").run()
    page.radio[0].set_value("kinder/1").run()
    assert area(page, "System").value == "Be kinder."


def test_the_page_comes_back_to_the_prompt_that_was_open(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage
) -> None:
    page = open_page("prompts", prompt="kinder/1")
    page.switch_page("pages/settings.py").run()
    page.query_params.clear()
    page.switch_page("pages/prompts.py").run()
    assert page.radio[0].value == "kinder/1"


def test_an_older_version_can_be_opened_and_becomes_the_newest_when_it_is_saved(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage
) -> None:
    workspace.prompts.save(replace(kinder, texts=dict(kinder.texts) | {"system": "Be kinder."}), author="Ben")
    page = open_page("prompts", prompt="kinder/2")
    button(page, "Open version 1").click().run()
    assert "Version 1 of 2" in said(page)
    button(page, "Save as version 3").click().run()
    newest = workspace.prompts.all()[0]
    assert (newest.version, newest.texts["system"]) == (3, "Be kind.")


def test_two_prompts_are_compared_on_pasted_tasks(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage, started: list[str]
) -> None:
    workspace.endpoints.save(LOCAL)
    page = open_page("prompts", compare="new")
    assert button(page, "Compare on 10").disabled
    area(page, "Tasks to try them on").set_value("Count the apples.\n\nWeigh the pears.\nCount the apples.").run()
    button(page, "Compare on 2").click().run()
    assert not page.exception
    ((name, (a, b)),) = comparisons(workspace).items()
    assert started == [a.id, b.id]
    assert (a.prompt_version, b.prompt_version, in_address(page, "compare")) == ("para-seq/1", "kinder/1", name)
    assert workspace.runs.progress(a.id).total == 2


def test_two_prompts_are_compared_on_the_first_inputs_of_an_earlier_run(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage, started: list[str]
) -> None:
    workspace.endpoints.save(LOCAL)
    earlier = plan_tasks(workspace, [f"Task number {number}." for number in range(12)])
    page = open_page("prompts", compare="new")
    button(page, "Compare on 10").click().run()
    assert not page.exception
    a, _ = next(iter(comparisons(workspace).values()))
    ours, theirs = (
        [item.fields for item in workspace.ledger_of(run).pending(after=-1, count=10)] for run in (a, earlier)
    )
    assert ours == theirs


def test_two_prompts_for_dialogues_are_compared_on_intents(
    workspace: Workspace, open_page: OpenPage, started: list[str]
) -> None:
    workspace.endpoints.save(LOCAL)
    workspace.prompts.save(replace(consistent_chat.PROMPT, name="talk"), author="Ada")
    page = open_page("prompts", compare="new")
    assert "There is only para-seq/1 so far" in said(page)
    page.segmented_control(key="compare-generator").set_value(DIALOGUES).run()
    page.number_input(key="compare-turns").set_value(4).run()
    button(page, "Compare on 10").click().run()
    assert not page.exception
    a, _ = next(iter(comparisons(workspace).values()))
    assert (workspace.runs.progress(a.id).total, a.params["num_turns_per_dialog"]) == (10, 4)


def test_the_embedded_model_compares_nothing(workspace: Workspace, kinder: PromptTexts, open_page: OpenPage) -> None:
    page = open_page("prompts", compare="new")
    assert "Choose a larger model to compare prompts" in said(page)
    assert button(page, "Compare on 10").disabled


def test_outputs_stand_side_by_side_with_the_difference_in_figures(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage
) -> None:
    a, b = plan_comparison(workspace, (para_seq.PROMPT, kinder), INPUTS, endpoint=ENDPOINT)
    execute(workspace, a, answer_relations)
    execute(
        workspace, b, lambda prompt: answer_relations(prompt) if "apples" in str(prompt) else "![x](http://x/y.png)"
    )
    decide(workspace, [1])
    page = open_page("prompts", compare=a.source["comparison"])
    assert not page.exception
    figures = {found.label: found.value for found in page.metric}
    assert list(figures) == ["Tokens sent", "Tokens received", "Seconds", "Findings", "Failures", "Accepted"]
    assert (figures["Failures"], figures["Accepted"]) == ("0 → 1", "100% → –")
    shown = said(page)
    assert "2. <b>Weigh</b> the *pears*." in shown.replace("**", "")
    assert "Beside: Count the apples." in shown
    assert "complete JSON object" in shown
    page.segmented_control(key="comparison-how").set_value("Word by word").run()
    assert not page.exception
    button(page, "Review kinder/1").click().run()
    assert in_address(page, "run") == b.id
    page = open_page("runs", run=b.id)
    assert not page.exception
    (link,) = page.get("page_link")
    assert link.proto.query_string == f"compare={a.source['comparison']}"


def test_a_comparison_that_is_not_there_is_said(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("prompts", compare="nowhere")
    assert "no such comparison" in page.warning[0].value


@pytest.mark.parametrize(("name", "generator"), [("tasks", TASKS), ("dialogues", DIALOGUES)])
def test_a_small_model_is_shown_no_examples_and_has_its_own_prompt(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage, name: str, generator: str
) -> None:
    page = open_page(name)
    toggle = next(found for found in page.toggle if found.label == "Show accepted records as examples")
    assert toggle.disabled
    assert "A small model follows the examples of its own prompt" in said(page)
    prompt = next(found for found in page.selectbox if found.label == "Prompt")
    assert prompt.disabled
    assert len(prompt.options) == 1


def test_a_run_of_tasks_takes_the_chosen_prompt_and_shows_accepted_records(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage, started: list[str]
) -> None:
    workspace.endpoints.save(LOCAL)
    workspace.endpoints.make_default("Local")
    page = open_page("tasks")
    next(found for found in page.toggle if found.label == "Show accepted records as examples").set_value(True).run()
    assert "Nothing is accepted yet" in said(page)
    decide(workspace, make_tasks(workspace, 3))
    page.number_input(key="tasks-few-shot-count").set_value(2).run()
    assert "Accepted or edited tasks with the same columns" in said(page)
    next(found for found in page.selectbox if found.label == "Prompt").set_value("kinder/1").run()
    area(page, "Tasks").set_value("Count the apples in the cellar.")
    button(page, "Read them").click().run()
    button(page, "Start run").click().run()
    assert not page.exception
    run = workspace.runs.get(started[0])
    assert (run.prompt_version, run.params["few_shot"]) == ("kinder/1", FewShot(2).as_fields())
    assert len(workspace.ledger_of(run).pending(after=-1, count=1)[0].examples) == 2
    page = open_page("runs", run=run.id)
    settings = next(found.value for found in page.dataframe if "prompt version" in list(found.value.get("name", [])))
    told = dict(zip(settings["name"], settings["value"], strict=True))
    assert (told["prompt version"], told["examples"]) == ("kinder/1", "up to 2 accepted records, 1,500 tokens")
    assert "prompt" not in told


def test_a_record_tells_which_records_its_model_was_shown(workspace: Workspace, open_page: OpenPage) -> None:
    numbers = make_tasks(workspace, 3)
    decide(workspace, numbers)
    table = read_lines("Count the apples in the cellar.")
    selection = select_inputs(table, "atom_task")
    run = workspace.plan_tasks(table, selection, endpoint=ENDPOINT, input_task_key="atom_task", few_shot=FewShot(2))
    execute(workspace, run, answer_relations)
    (made,) = workspace.records.stream(Query(runs=(run.id,)))
    page = open_page("review", record=made.id)
    page.segmented_control(key="review_panel").set_value("Origin").run()
    assert not page.exception
    assert any(found.label == "Examples shown: 2" for found in page.expander)
    links = [found.label for found in page.button if found.label.startswith("Record ")]
    assert len(links) == 2
    button(page, links[0]).click().run()
    assert in_address(page, "record") in {record_at(workspace, one).id for one in numbers}


def test_what_was_not_saved_of_a_prompt_is_there_when_the_page_is_loaded_anew(
    workspace: Workspace, kinder: PromptTexts, open_page: OpenPage
) -> None:
    page = open_page("prompts", prompt=kinder.label)
    area(page, "System").set_value("Be very kind.").run()
    again = open_page("prompts", prompt=kinder.label)
    assert area(again, "System").value == "Be very kind."
    button(again, "Discard changes").click().run()
    assert area(open_page("prompts", prompt=kinder.label), "System").value == "Be kind."
    assert workspace.preferences.drafts("prompts", "reviewer") == {}
