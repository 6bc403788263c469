"""A run as one file: saved, loaded and planned again it has the same inputs and sends the same prompts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.flows.saved_runs import difference, load_run, plan_saved, save_run
from dataflow_core.models import (
    EMBEDDED,
    Budget,
    CustomRecipe,
    Endpoint,
    Fields,
    Flow,
    Intent,
    OutputField,
    Prompt,
    PromptTexts,
    ReviewStatus,
    Run,
)
from dataflow_core.planning.few_shot import FewShot
from dataflow_core.prompts import para_seq
from dataflow_core.prompts.builtin import builtin_prompt
from dataflow_core.readers import Entry, Selection, Table
from dataflow_core.storage.new_runs import RunPlan
from dataflow_core.workspace import Workspace
from tests.record_makers import make_tasks, record_at
from tests.support import ENDPOINT, INTENTS, answer_relations, execute, plan_tasks

PRICED = Endpoint(
    "Mine", base_url="https://models.example/v1", model="m-1", key_env="MY_KEY", max_workers=3, timeout=30.0,
    requests_per_minute=60, input_price=0.15, output_price=0.6,
)  # fmt: skip
#: What a database holds: no lone surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.one_of(TEXTS, st.integers(), st.floats(allow_nan=False), st.none(), st.lists(TEXTS))
NASTY = [
    "A\u2028B\u2029C",
    "next\x85line",
    "\ufeffBOM",
    "  two\n spaces \n",
    "🐑 und Ähre",
    "a: b # c",
    "'\"",
    "\x7f\x9b",
    "---",
    "no",
]


def inputs_of(workspace: Workspace, run: Run) -> list[Fields]:
    return list(workspace.runs.inputs(run.id))


def prompts_of(workspace: Workspace, run: Run) -> list[Prompt]:
    """What the run sends, in the order of its inputs."""
    sent: list[Prompt] = []

    def script(prompt: Prompt) -> str:
        sent.append(prompt)
        return reply(prompt)

    execute(workspace, replace(run, endpoint=replace(run.endpoint, max_workers=1)), script)
    return sent


def reply(prompt: Prompt) -> str:
    if any(message.content.startswith("Atomic task:") for message in prompt.messages):
        return answer_relations(prompt)
    if "riddle" in str(prompt.messages):
        return '{"riddle": "Why?", "answer": 3}'
    questions = [f"Question {number}?" for number in (1, 2)]
    is_skeleton = "questions" in prompt.messages[0].content
    return json.dumps({"questions": questions} if is_skeleton else {"answers": ["Yes, that is so.", "No, it is not."]})


def tasks_run(workspace: Workspace, tasks: list[Fields], **settings: Any) -> Run:
    columns = tuple(dict.fromkeys(key for fields in tasks for key in fields))
    entries = [Entry(number, fields) for number, fields in enumerate(tasks, 1)]
    table = Table(columns, entries, [], "CSV", "UTF-8", ",", "tasks.csv")
    named = {"endpoint": ENDPOINT, "input_task_key": "task", **settings}
    return workspace.plan_tasks(table, Selection(entries, []), **named)


def again(workspace: Workspace, run: Run, tmp_path: Path) -> Run:
    """The run saved, loaded and planned in another workspace; saved again it must be the same file."""
    first, second = tmp_path / "run.yaml", tmp_path / "again.yaml"
    save_run(workspace, run.id, first)
    planned = plan_saved(workspace, load_run(first))
    save_run(workspace, planned.id, second)
    assert second.read_bytes() == first.read_bytes()
    assert inputs_of(workspace, planned) == inputs_of(workspace, run)
    for name in ("params", "generator", "prompt_version", "name", "endpoint", "budget"):
        assert getattr(planned, name) == getattr(run, name)
    return planned


def test_a_run_of_tasks_is_run_again_with_the_same_prompts(workspace: Workspace, tmp_path: Path) -> None:
    run = tasks_run(
        workspace, [{"task": text, "note": text[::-1]} for text in NASTY], temperature=0.3, endpoint=PRICED, name="Ä 🐑"
    )
    workspace.runs.set_budget(run.id, Budget(1000, 2.5))
    planned = again(workspace, workspace.runs.get(run.id), tmp_path)
    assert planned.source["name"] == "tasks.csv"
    assert planned.source["run again from"] == "run.yaml"
    workspace.runs.set_budget(run.id, Budget())
    workspace.runs.set_budget(planned.id, Budget())
    assert prompts_of(workspace, run) == prompts_of(workspace, planned)


def test_dialogues_are_run_again_with_the_same_prompts(workspace: Workspace, tmp_path: Path) -> None:
    intents = [
        *INTENTS,
        Intent("Ünüsual\u2028", "wants\nlines", (Flow("💬", ("asks: why?", "# no")),), tuple(NASTY)),
    ]
    run = workspace.plan_dialogues(
        intents, endpoint=ENDPOINT, num_dialogs_per_intent={"Cooking": 3, "Ünüsual\u2028": 4}, num_turns_per_dialog=4,
        language="Deutsch", seed=7,
    )  # fmt: skip
    planned = again(workspace, run, tmp_path)
    assert prompts_of(workspace, run) == prompts_of(workspace, planned)


#: Names with a meaning of their own, which Hypothesis finds in the code and tries.
TAKEN = {"parallel_task", "subsequent_task", "composition_task", "lines", "skipped", "run again from"}
NAMES = TEXTS.filter(lambda name: name not in TAKEN)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tasks=st.lists(st.dictionaries(NAMES, VALUES), min_size=1),
    name=TEXTS,
    source=st.dictionaries(NAMES, TEXTS),
)
def test_whatever_inputs_hold_comes_back(
    workspace: Workspace, tmp_path: Path, tasks: list[Fields], name: str, source: Fields
) -> None:
    run = tasks_run(workspace, [fields | {"task": name or "x"} for fields in tasks], name=name or "x")
    workspace.runs.add_to_source(run.id, source)
    again(workspace, workspace.runs.get(run.id), tmp_path)


RECIPE = CustomRecipe(
    "Rätsel 🧩",
    "Write a riddle\nabout {topic}.",
    (OutputField("riddle", "the riddle: # no comment"), OutputField("answer", type="whole number")),
    {"topic": tuple(NASTY)},
    ({"topic": "time", "riddle": "What flies\nwithout wings?", "answer": 3},),
)


def test_a_recipes_run_is_run_again_with_the_same_prompts(workspace: Workspace, tmp_path: Path) -> None:
    run = workspace.plan_custom(RECIPE, endpoint=ENDPOINT, count=12, temperature=1.0, seed=3)
    planned = again(workspace, run, tmp_path)
    assert prompts_of(workspace, run) == prompts_of(workspace, planned)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  recipe:", "  recept:", "Its recipe is missing"),
        ("type: whole number", "type: colour", "colour"),
        ("seed: 3", "seed: three", "'seed' of the recipe is not right"),
    ],
)
def test_a_file_whose_recipe_is_not_right_is_refused(
    workspace: Workspace, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    run = workspace.plan_custom(RECIPE, endpoint=ENDPOINT, count=1, seed=3)
    text = save_run(workspace, run.id, tmp_path / "run.yaml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(UsageError, match=complaint):
        load_run(text.replace(old, new))


def test_a_run_with_a_prompt_of_ones_own_brings_its_texts_along(workspace: Workspace, tmp_path: Path) -> None:
    built_in = builtin_prompt("ParaSeqTaskGenerator", "capable")
    assert built_in is not None
    texts = {name: f"{text} # 🐑" if name == "system" else text for name, text in built_in.texts.items()}
    own = workspace.prompts.save(PromptTexts("kinder", 1, built_in.generator, texts), author="Ada")
    run = tasks_run(workspace, [{"task": text} for text in NASTY], prompt=own)
    planned = again(workspace, run, tmp_path)
    assert planned.prompt_version == "kinder/1"
    sent = prompts_of(workspace, run)
    assert "🐑" in sent[0].messages[0].content
    assert sent == prompts_of(workspace, planned)
    text = (tmp_path / "run.yaml").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="'prompt' is not a prompt"):
        load_run(text.replace("    texts:", "    words:"))


def test_the_records_shown_as_examples_go_along_as_they_were(workspace: Workspace, tmp_path: Path) -> None:
    for number in make_tasks(workspace, 4):
        record = record_at(workspace, number)
        workspace.review.decide({record.id: record.revision}, ReviewStatus.ACCEPTED, reviewer="Ada")
    tasks = [{"atom_task": f"Count the apples in basket {number}."} for number in range(30)]
    run = tasks_run(workspace, tasks, input_task_key="atom_task", few_shot=FewShot(count=2))
    shown = [examples for _, examples in workspace.runs.inputs_with_examples(run.id)]
    assert {len(examples) for examples in shown} == {2}
    planned = again(workspace, run, tmp_path)
    assert [examples for _, examples in workspace.runs.inputs_with_examples(planned.id)] == shown
    assert prompts_of(workspace, run) == prompts_of(workspace, planned)
    text = (tmp_path / "run.yaml").read_text(encoding="utf-8")
    assert "is not the one" in difference(load_run(text.replace("Weigh the pears", "Weigh the plums")))
    with pytest.raises(UsageError, match="The examples in line 1 of the inputs are not right"):
        load_run(text.replace('"examples": [{"record"', '"examples": [{"recrod"'))


def test_the_embedded_model_stays_the_embedded_model(workspace: Workspace, tmp_path: Path) -> None:
    planned = again(workspace, plan_tasks(workspace, ["Water the plants."], endpoint=EMBEDDED), tmp_path)
    assert planned.endpoint == EMBEDDED


def test_the_file_is_for_people_to_read(workspace: Workspace, tmp_path: Path) -> None:
    run = tasks_run(workspace, [{"task": "Zähle die Schafe 🐑."}], endpoint=PRICED)
    text = save_run(workspace, run.id, tmp_path / "run.yaml").read_text(encoding="utf-8")
    assert "dataflow_studio_run: 1\nname: tasks.csv\ngenerator: ParaSeqTaskGenerator\n" in text
    assert 'inputs: |\n  {"task": "Zähle die Schafe 🐑."}\n' in text
    assert "api_key_env: MY_KEY" in text
    assert "params:\n  input_task_key: task\n" in text
    assert run.id not in text


def test_an_input_that_has_the_names_of_the_form_comes_back(workspace: Workspace, tmp_path: Path) -> None:
    plan = RunPlan("x", "ParaSeqTaskGenerator", {}, ENDPOINT, para_seq.VERSION, [{"fields": {"atom_task": "x"}}], {})
    run = workspace.runs.create(plan)
    save_run(workspace, run.id, tmp_path / "run.yaml")
    text = (tmp_path / "run.yaml").read_text()
    assert '{"fields": {"fields": {"atom_task": "x"}}}' in text


@pytest.fixture
def saved(workspace: Workspace, tmp_path: Path) -> str:
    """A file of three tasks, as a text."""
    run = plan_tasks(workspace, ["One.", "Two.", "Three."])
    return save_run(workspace, run.id, tmp_path / "run.yaml").read_text(encoding="utf-8")


BAD: list[tuple[Callable[[str], str], str]] = [
    (lambda text: "", "not a saved run"),
    (lambda text: "name: x\nsteps: []\n", "not a saved run: it has no “dataflow_studio_run”"),
    (lambda text: "- [", r"not valid YAML, line 2, column \d"),
    (lambda text: text.replace("run: 1", "run: 2"), "line 4: The run was saved by a newer version"),
    (lambda text: text.replace("run: 1", "run: first"), "must be the number 1"),
    (lambda text: text.replace("generator:", "generater:"), "“generator” is missing"),
    (lambda text: text.replace("name: tasks", "nam: tasks"), "line 5: A saved run has no 'nam'. Did you mean 'name'"),
    (lambda text: text.replace("ParaSeqTask", "Poem"), "has no generator 'PoemGenerator'"),
    (lambda text: text.replace('"Two."', '"Two.'), "Line 2 of the inputs is not valid JSON"),
    (lambda text: text.replace('{"atom_task": "Two.", "line": 1}', "[1]"), "Line 2 of the inputs is not a JSON object"),
    (lambda text: text.replace('"Two."', '"\\ud800"'), "Line 2 of the inputs holds half of a character"),
    (lambda text: text.replace("seed: 0", "seed: zero"), "'seed' of ParaSeqTaskGenerator is not right"),
    (lambda text: text.replace("seed: 0", "llm_serving: 0"), "'llm_serving' cannot be in a file"),
    (lambda text: text.replace("input_task_key: atom_task", "input_task_key: work"), "There is no column 'work'"),
    (lambda text: text.replace("http://127", "ftp://127"), "must begin with http"),
    (lambda text: text.replace("max_workers: 4", "api_key_env: sk-123456789"), "looks like a key itself"),
    (lambda text: text.replace("max_workers: 4", "max_wrkers: 4"), "Did you mean 'max_workers'"),
    (lambda text: text.replace("max_workers: 4", "max_workers: many"), "'max_workers' of the endpoint is not right"),
    (lambda text: text.replace("params:", "params: &all\n  x: *all"), "the reference \\*all is not read"),
    (lambda text: text.split("inputs:")[0] + "inputs: [1, 2]", "must be a block of text"),
]


@pytest.mark.parametrize(("change", "complaint"), BAD)
def test_a_file_that_is_not_right_is_refused_in_a_sentence(
    saved: str, change: Callable[[str], str], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        load_run(change(saved))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_run(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UsageError, match="not a text in UTF-8"):
        load_run(tmp_path / "binary.yaml")


def test_a_dialogue_without_its_topic_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    run = workspace.plan_dialogues(INTENTS, endpoint=ENDPOINT, num_dialogs_per_intent=1)
    text = save_run(workspace, run.id, tmp_path / "run.yaml").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="Input 2 is no cell of a plan of dialogues: 'topic': it is missing"):
        load_run(text.replace('"topic": "Oslo"', '"subject": "Oslo"').replace('"topic": "Lima"', '"subject": "Lima"'))


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_no_bytes_do_more_than_be_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(b"dataflow_studio_run: 1\n" + data)
    with pytest.raises(UsageError):
        load_run(path)


def test_lists_within_lists_without_end_are_refused() -> None:
    for text in ("[" * 100_000, "- " * 100_000, "{a: " * 100_000):
        with pytest.raises(UsageError, match=r"levels deep|not valid"):
            load_run(text)


def test_other_prompts_than_those_of_the_run_are_said_and_asked_for(
    workspace: Workspace, saved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_run(saved)
    assert difference(loaded) == ""
    older = load_run(saved.replace(para_seq.VERSION, "para-seq/0"))
    assert "made with the prompt para-seq/0, where this version of Dataflow Studio has" in difference(older)
    monkeypatch.setattr(para_seq, "relations_prompt", lambda task, **_: Prompt(para_seq.VERSION, text=task))
    assert "is not the one that the run was made with" in difference(loaded)
    with pytest.raises(UsageError, match="other prompts would be sent"):
        plan_saved(workspace, loaded)
    assert plan_saved(workspace, loaded, other_prompts=True).prompt_version == para_seq.VERSION
    assert difference(loaded, EMBEDDED) == ""


def test_an_endpoint_of_the_workspace_that_has_the_files_name_does_not_take_its_place(
    workspace: Workspace, saved: str
) -> None:
    workspace.endpoints.save(replace(ENDPOINT, model="another"))
    planned = plan_saved(workspace, load_run(saved))
    assert workspace.endpoint_of(planned).model == ENDPOINT.model
    assert planned.endpoint.name == "scripted (saved run)"


def test_a_run_of_a_class_in_a_script_cannot_be_saved(workspace: Workspace, tmp_path: Path) -> None:
    run = workspace.runs.create(RunPlan("Mine", "GeneratorTask", {}, ENDPOINT, "mine", [{"offset": 0}], {}))
    with pytest.raises(UsageError, match=r"The run cannot be saved\. .*script"):
        save_run(workspace, run.id, tmp_path / "run.yaml")


def test_a_place_or_run_that_is_not_there_is_said(workspace: Workspace, tmp_path: Path) -> None:
    run = plan_tasks(workspace, ["One."])
    with pytest.raises(UsageError, match=r"folder .* does not exist"):
        save_run(workspace, run.id, tmp_path / "none" / "run.yaml")
    with pytest.raises(UsageError, match="no run"):
        save_run(workspace, "0000", tmp_path / "run.yaml")
