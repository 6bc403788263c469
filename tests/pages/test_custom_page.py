"""The Custom page: building a recipe, what is kept of it, starting a run; and records of one's own in Review."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dataflow_core.models import Fields, Record, ReviewStatus, Run
from dataflow_core.planning.recipes import builtin_recipes, read_recipe, recipe_as_yaml
from dataflow_core.serving.scripted import ScriptedServing
from dataflow_core.storage.ledger import Done, Ledger
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.support import ENDPOINT, execute

OpenPage = Callable[..., AppTest]
RIDDLES = read_recipe(
    {
        "name": "Riddles",
        "instruction": "A riddle about {topic}.",
        "outputs": [{"name": "riddle"}, {"name": "level", "type": "whole number"}, {"name": "hints", "type": "list"}],
        "variables": {"topic": ["rain", "snow"]},
    }
)
MADE: Fields = {"riddle": "What falls and is never hurt?", "level": 2, "hints": ["wet", "grey"]}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """Ids and limits of the runs that were started, in place of their processes."""
    calls: list[tuple[str, int | None]] = []

    def start(self: Workspace, run_id: str, *, limit: int | None = None, **settings: Any) -> None:
        calls.append((run_id, limit))

    monkeypatch.setattr(Workspace, "start", start)
    return calls


@pytest.fixture
def run(workspace: Workspace) -> Run:
    """Of two inputs one has a record, and one has failed."""
    run = workspace.plan_custom(RIDDLES, endpoint=ENDPOINT, count=2)
    execute(workspace, run, ScriptedServing([json.dumps(MADE), "no", "no"], max_workers=1))
    return run


def button(page: AppTest, label: str) -> Any:
    return next(found for found in page.button if found.label.startswith(label))


def field(page: AppTest, label: str) -> Any:
    return next(found for found in (*page.text_input, *page.text_area) if found.label.replace("\\", "") == label)


def said(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*page.markdown, *page.caption, *page.error)).replace("\\", "")


def recipe_choice(page: AppTest) -> Any:
    return next(found for found in page.selectbox if found.label == "Recipe")


def choose(page: AppTest, recipe: str) -> AppTest:
    recipe_choice(page).set_value(recipe)
    return page.run()


def edit_table(page: AppTest, name: str, **state: Any) -> AppTest:
    """Send what the grid of outputs or examples of the chosen recipe sends."""
    slot = page.session_state["custom-slots"][recipe_choice(page).value]
    kept = page.session_state[f"{slot.key}-{name}-kept"]
    page.session_state[kept.widget] = {"edited_rows": {}, "added_rows": [], "deleted_rows": []} | state
    page.run()
    return page


def begin(page: AppTest, name: str = "Rhymes") -> AppTest:
    page = choose(page, "new")
    field(page, "Name").set_value(name).run()
    field(page, "Instruction").set_value("Two lines on {topic} for {reader}.").run()
    return page


def only(workspace: Workspace) -> Record:
    (record,) = workspace.records.page(workspace.records.numbers(Query()))
    return record


def test_an_empty_workspace_has_recipes_to_start_from(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("custom")
    assert not page.exception
    names = [recipe.name for recipe in builtin_recipes()]
    assert [option.split(" · ")[0] for option in recipe_choice(page).options] == [*names, "New recipe"]
    assert field(page, "Instruction").value == builtin_recipes()[0].instruction
    assert "20 records" in said(page)
    assert not button(page, "Start run").disabled


@pytest.mark.parametrize("recipe", builtin_recipes(), ids=lambda recipe: recipe.name)
def test_each_built_in_recipe_can_be_started_as_it_is(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]], recipe: Any
) -> None:
    page = choose(open_page("custom"), f"builtin:{recipe.name}")
    assert not page.exception
    button(page, "Try on 3").click().run()
    assert [limit for _, limit in started] == [3]
    assert workspace.runs.get(started[0][0]).params["recipe"] == recipe.as_fields()


def test_each_name_in_the_instruction_gets_a_list_and_the_page_says_what_is_missing(
    workspace: Workspace, open_page: OpenPage, started: list[tuple[str, int | None]]
) -> None:
    page = choose(open_page("custom"), "new")
    assert "Give the recipe a name" in said(page)
    page = begin(page)
    assert "{topic}] · no values yet" in said(page) or "{topic} · no values yet" in said(page)
    assert "{topic} stands in the instruction, but there is no list" in said(page)
    assert button(page, "Start run").disabled
    field(page, "topic").set_value("rain\n\nsnow\nrain").run()
    field(page, "reader").set_value("a child").run()
    assert "{topic} · 2 values" in said(page)
    assert "2 combinations of the lists" in said(page)
    added = [{"name": "lines", "type": "number"}]
    page = edit_table(page, "outputs", edited_rows={0: {"name": "rhyme"}}, added_rows=added)
    page.number_input(key="custom-count").set_value(4).run()
    button(page, "Start run").click().run()
    run = workspace.runs.get(started[0][0])
    recipe = run.params["recipe"]
    assert recipe["variables"] == {"topic": ["rain", "snow"], "reader": ["a child"]}
    assert [(one["name"], one["type"]) for one in recipe["outputs"]] == [("rhyme", "text"), ("lines", "number")]
    assert workspace.runs.progress(run.id).total == 4


def test_a_name_of_several_words_is_said_to_be_none(workspace: Workspace, open_page: OpenPage) -> None:
    page = choose(open_page("custom"), "new")
    field(page, "Instruction").set_value("Praise {product name} as {a: 1}.").run()
    assert "{product name} · a name is one word" in said(page)
    assert "a: 1} ·" not in said(page)


def test_what_was_typed_outlives_another_recipe_another_page_and_a_change_of_the_instruction(
    workspace: Workspace, open_page: OpenPage
) -> None:
    page = begin(open_page("custom"))
    field(page, "topic").set_value("rain").run()
    page = edit_table(page, "outputs", edited_rows={0: {"name": "rhyme"}})
    page = edit_table(page, "examples", added_rows=[{"topic": "hail", "rhyme": "Hail, hail."}])
    choose(page, "builtin:Jokes")
    page.switch_page("pages/settings.py").run()
    page.switch_page("pages/custom.py").run()
    assert field(page, "Name").value == "Jokes"
    choose(page, "new")
    assert field(page, "Name").value == "Rhymes"
    assert field(page, "topic").value == "rain"
    outputs, examples = (element.value for element in page.dataframe[:2])
    assert list(outputs["name"]) == ["rhyme"]
    assert examples.to_dict("records") == [{"topic": "hail", "reader": "", "rhyme": "Hail, hail."}]
    field(page, "Instruction").set_value("Two lines.").run()
    assert field(page, "topic · not in the instruction").value == "rain"
    page = edit_table(page, "outputs", edited_rows={0: {"name": "couplet"}})
    assert page.dataframe[1].value.to_dict("records") == [{"couplet": "Hail, hail."}]
    field(page, "Instruction").set_value("Two lines on {topic}.").run()
    assert page.dataframe[1].value.to_dict("records") == [{"topic": "hail", "couplet": "Hail, hail."}]


def test_a_recipe_is_saved_found_again_and_deleted(workspace: Workspace, open_page: OpenPage) -> None:
    page = choose(open_page("custom"), "builtin:Jokes")
    field(page, "Name").set_value("Bad jokes").run()
    assert "Not saved yet" in said(page)
    before = recipe_choice(page).id
    button(page, "Save recipe").click().run()
    assert recipe_choice(page).id != before  # what a browser still sends of that one does not choose
    assert [recipe.name for recipe in workspace.recipes.all()] == ["Bad jokes"]
    assert recipe_choice(page).value == "saved:Bad jokes"
    assert button(page, "Save recipe").disabled
    other = open_page("custom")
    assert field(other, "Name").value == "Bad jokes"
    field(other, "Instruction").set_value("A worse joke about {topic}.").run()
    button(other, "Save recipe").click().run()
    assert workspace.recipes.all()[0].instruction == "A worse joke about {topic}."
    choose(other, "builtin:Jokes")
    field(other, "Name").set_value("Bad jokes").run()
    button(other, "Save recipe").click().run()
    assert "There is a recipe “Bad jokes” already" in said(other)
    choose(other, "saved:Bad jokes")
    button(other, "Delete this recipe").click().run()
    assert workspace.recipes.all() == []
    assert not other.exception
    assert recipe_choice(other).value == "deleted:Bad jokes"
    assert "Not saved yet" in said(other)
    button(other, "Save recipe").click().run()
    assert workspace.recipes.all()[0].instruction == "A worse joke about {topic}."


def test_a_recipe_that_was_changed_elsewhere_meanwhile_is_not_overwritten(
    workspace: Workspace, open_page: OpenPage
) -> None:
    workspace.recipes.save(RIDDLES)
    one, other = open_page("custom"), open_page("custom")
    for number in (1, 2):
        field(one, "Instruction").set_value(f"A short riddle about {{topic}}, {number}.").run()
        button(one, "Save recipe").click().run()
    field(other, "Instruction").set_value("A long riddle about {topic}.").run()
    button(other, "Save recipe").click().run()
    assert "It was not saved. “Riddles” was changed elsewhere since it was opened here." in said(other)
    assert [recipe.instruction for recipe in workspace.recipes.all()] == ["A short riddle about {topic}, 2."]
    field(other, "Name").set_value("Long riddles").run()
    button(other, "Save recipe").click().run()
    assert {recipe.name: recipe.instruction for recipe in workspace.recipes.all()} == {
        "Long riddles": "A long riddle about {topic}.",
        "Riddles": "A short riddle about {topic}, 2.",
    }
    assert field(choose(other, "saved:Riddles"), "Instruction").value == "A short riddle about {topic}, 2."


def test_a_recipe_is_opened_from_a_file(workspace: Workspace, open_page: OpenPage) -> None:
    page = open_page("custom")
    page.file_uploader[0].upload("r.yaml", recipe_as_yaml(RIDDLES).encode(), "application/yaml").run()
    assert recipe_choice(page).value == "file:Riddles"
    assert field(page, "topic").value == "rain\nsnow"
    page.file_uploader[0].upload("bad.yaml", b"name: [", "application/yaml").run()
    assert "bad.yaml cannot be opened. The recipe is not valid YAML" in said(page)


def test_records_of_ones_own_are_listed_and_edited_by_their_types(
    workspace: Workspace, open_page: OpenPage, run: Run
) -> None:
    page = open_page("review", run=run.id)
    assert not page.exception
    sheet = page.session_state["review_sheet"]
    assert list(sheet.frame.columns) == [
        *("picked", "status", "open", "field:riddle", "field:level", "field:hints", "field:model_name", "number")
    ]
    assert sheet.frame["field:hints"][0] == "wet\ngrey"
    edits = {"field:level": "3", "field:hints": "cold\nsoft"}
    page.session_state[sheet.key] = {"edited_rows": {0: edits}, "added_rows": [], "deleted_rows": []}
    page.run()
    assert only(workspace).fields == MADE | {"level": 3, "hints": ["cold", "soft"], "model_name": "scripted"}
    edits["field:level"] = "many"
    page.session_state[sheet.key] = {"edited_rows": {0: edits}, "added_rows": [], "deleted_rows": []}
    page.run()
    assert only(workspace).fields["level"] == 3
    assert "“level” must be a whole number" in "".join(one.value for one in page.warning).replace("\\", "")


def test_an_open_record_keeps_what_does_not_fit_in_the_editor_and_says_so(
    workspace: Workspace, open_page: OpenPage, run: Run
) -> None:
    record = only(workspace)
    page = open_page("review", run=run.id, record=record.id)
    assert not page.exception
    edit = {"document": f"{record.id}:1", "texts": {"riddle": "What is white?", "level": "many", "hints": "cold"}}
    page.session_state["review_card"] = {"edit": {"number": 1, "edits": [edit]}}
    page.run()
    assert only(workspace).fields == MADE | {"riddle": "What is white?", "hints": ["cold"], "model_name": "scripted"}
    (draft,) = page.session_state["review_drafts"].values()
    assert draft.problems == {"level": "Not saved: this must be a whole number, and “many” is not."}
    edit["texts"] = edit["texts"] | {"level": "7"}  # type: ignore[operator]
    page.session_state["review_card"] = {"edit": {"number": 2, "edits": [edit]}}
    page.run()
    assert only(workspace).fields["level"] == 7
    assert draft.problems == {}


def test_a_failed_record_of_ones_own_is_written_by_hand(workspace: Workspace, open_page: OpenPage, run: Run) -> None:
    failure = workspace.runs.failures(run.id)[0]
    page = open_page("runs", run=run.id)
    next(one for one in page.button if one.label == "Write it by hand").click().run()
    field(page, "riddle").set_value("Mine?").run()
    field(page, "level · whole number").set_value("many").run()
    field(page, "hints · one a line").set_value("a\nb").run()
    button(page, "Save the record").click().run()
    assert "“level” must be a whole number" in said(page)
    field(page, "level · whole number").set_value("0").run()
    button(page, "Save the record").click().run()
    assert not page.exception
    (written,) = [
        record
        for record in workspace.records.page(workspace.records.numbers(Query()))
        if record.input_id == failure.input_id
    ]
    assert written.fields == {"riddle": "Mine?", "level": 0, "hints": ["a", "b"], "model_name": ""}
    assert written.status is ReviewStatus.ACCEPTED


def dialog_alone() -> None:
    """The dialog closes with a rerun, which a page test of the page cannot follow."""
    from dataflow_core.storage.queries import Query
    from ui.review.add import add_record
    from ui.session import current_workspace

    add_record(current_workspace(), Query(generators=("GeneratorTask",)))


def test_a_record_of_ones_own_is_added_with_the_fields_of_the_run(workspace: Workspace, run: Run) -> None:
    page = AppTest.from_function(dialog_alone).run()
    field(page, "riddle").set_value("Mine?")
    field(page, "level · whole number").set_value("many")
    field(page, "hints · one a line").set_value("a")
    button(page, "Add").click().run()
    assert "“level” must be a whole number" in said(page)
    field(page, "level · whole number").set_value("4")
    button(page, "Add").click().run()
    assert not page.exception
    made = workspace.records.page(workspace.records.numbers(Query()))
    (added,) = [record for record in made if record.input_id is None]
    assert added.fields == {"riddle": "Mine?", "level": 4, "hints": ["a"], "model_name": ""}


def script_run(workspace: Workspace, fields: Fields) -> Run:
    """A run whose task is a class in a script: it has no recipe."""
    run = workspace.runs.create(
        RunPlan(
            name="my script",
            generator="GeneratorTask",
            params={"task": "MyTask"},
            endpoint=ENDPOINT,
            prompt_version="script",
            inputs=[{"offset": 0}, {"offset": 1}],
            source={"name": "script", "lines": 2, "skipped": 0},
        )
    )
    ledger = Ledger(workspace.database, run.id, run.generator)
    ledger.write([Done(next(iter(ledger.pending(after=-1, count=1))), fields)])
    return run


def test_records_of_a_scripts_own_task_are_shown_and_edited_whatever_they_hold(
    workspace: Workspace, open_page: OpenPage
) -> None:
    fields = {"joke": "Ha.", "score": 0.5, "is_good": True, "tags": ["a"], "more": {"x": [1]}, "none": None}
    run = script_run(workspace, fields | {"model_name": "gpt-4"})
    page = open_page("review", run=run.id)
    assert not page.exception
    sheet = page.session_state["review_sheet"]
    edits = {"field:score": "0.75", "field:is_good": "no", "field:more": '{"x": [2]}', "field:none": "now"}
    page.session_state[sheet.key] = {"edited_rows": {0: edits}, "added_rows": [], "deleted_rows": []}
    page.run()
    changed = {"score": 0.75, "is_good": False, "more": {"x": [2]}, "none": "now"}
    assert only(workspace).fields == fields | changed | {"model_name": "gpt-4"}
    assert not open_page("review", record=only(workspace).id).exception
    assert not open_page("runs", run=run.id).exception
    assert not open_page("export").exception


def test_a_recipe_that_was_not_saved_is_there_again_when_the_page_is_loaded_anew(open_page: OpenPage) -> None:
    page = begin(open_page("custom"))
    edit_table(page, "outputs", edited_rows={0: {"name": "rhyme"}})
    again = open_page("custom")
    assert recipe_choice(again).value == "new"
    assert (field(again, "Name").value, field(again, "Instruction").value) == (
        "Rhymes",
        "Two lines on {topic} for {reader}.",
    )
    assert "Not saved yet" in str([said.value for said in again.markdown])
    button(again, "Begin anew").click().run()
    assert field(open_page("custom"), "Name").value != "Rhymes"


def test_a_saved_recipe_leaves_no_draft_behind(workspace: Workspace, open_page: OpenPage) -> None:
    workspace.recipes.save(RIDDLES)
    page = choose(open_page("custom"), "saved:Riddles")
    field(page, "Instruction").set_value("A short riddle about {topic}.").run()
    assert list(workspace.preferences.drafts("recipes", "reviewer")) == ["saved:Riddles"]
    button(page, "Save recipe").click().run()
    assert workspace.preferences.drafts("recipes", "reviewer") == {}
    assert field(open_page("custom"), "Instruction").value == "A short riddle about {topic}."
