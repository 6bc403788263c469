"""What trainers are told of an export: each file is read by it as the trainer itself would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporting.plan import Splits, WrittenExport
from dataflow_core.models import Fields
from dataflow_core.workspace import Workspace
from tests.exporting.made import OWN, export_of, make_all_kinds, rows_of

JSON_LINES = [name for name, exporter in EXPORTERS.items() if exporter.suffix == ".jsonl"]
CHOICE = {OWN: FieldChoice(instruction="question", input="context", output="answer")}
#: Parts whose shape LLaMA-Factory does not read: lists of messages in place of texts, or of one message.
NOT_LLAMA = {("prompt-completion", "dialogues"), ("preference", "dialogues")}


def written(workspace: Workspace, folder: Path, format_name: str, **more: Any) -> WrittenExport:
    make_all_kinds(workspace)
    splits = Splits(0.6, 0.2, 0.2, similarity=1.0)
    return export_of(workspace, folder, format=format_name, fields=CHOICE, splits=splits, **more)


def entries_of(export: WrittenExport) -> dict[str, Fields]:
    entries: dict[str, Fields] = json.loads((export.folder / "dataset_info.json").read_text())
    return entries


def read_as_llama_factory(entry: Fields, row: Fields) -> tuple[list[str], list[str], str | None]:
    """Prompt, responses and system, as parser.py and converter.py make them of a row; ([], [], …) for a skipped one.

    Named columns and tags replace all defaults, and a column that is named but not in the row is a KeyError.
    """
    columns = entry["columns"]
    system = row[columns["system"]] if "system" in columns else ""
    if entry["formatting"] == "alpaca":
        prompt = [text for pair in (row[columns["history"]] if "history" in columns else []) for text in pair]
        query = [row[columns[name]] for name in ("prompt", "query") if name in columns and row[columns[name]]]
        names = ("chosen", "rejected") if entry.get("ranking") else ("response",)
        return [*prompt, "\n".join(query)], [row[columns[name]] for name in names], system
    tags, messages = entry["tags"], row[columns["messages"]]
    if messages and messages[0][tags["role_tag"]] == tags["system_tag"]:
        system, messages = messages[0][tags["content_tag"]], messages[1:]
    accepted = (tags["user_tag"], tags["observation_tag"]), (tags["assistant_tag"], tags["function_tag"])
    is_broken = any(turn[tags["role_tag"]] not in accepted[at % 2] for at, turn in enumerate(messages))
    if is_broken or len(messages) % 2:
        return [], [], system
    texts = [turn[tags["content_tag"]] for turn in messages]
    return texts[:-1], texts[-1:], system


@pytest.mark.parametrize("format_name", JSON_LINES)
def test_llama_factory_reads_every_row_of_each_file_by_its_entry(
    workspace: Workspace, tmp_path: Path, format_name: str
) -> None:
    export = written(workspace, tmp_path, format_name)
    entries = entries_of(export)
    files = {entry["file_name"] for entry in entries.values()}
    data = [file.path.name for file in export.files if file.kind == "data"]
    assert files == {name for name in data if (format_name, name.split("_")[1]) not in NOT_LLAMA}
    for entry in entries.values():
        assert entry["formatting"] in ("sharegpt", "alpaca")  # "openai" adds to the system prompt
        for row in rows_of(export.folder / entry["file_name"]):
            prompt, responses, system = read_as_llama_factory(entry, row)
            assert prompt
            assert all(isinstance(text, str) and text for text in (*prompt, *responses))
            assert len(responses) == (2 if entry.get("ranking") else 1)
            assert isinstance(system, str)


def test_llama_factory_gets_a_dialogue_whole(workspace: Workspace, tmp_path: Path) -> None:
    for format_name in ("dataflow", "sharegpt", "messages", "alpaca"):
        if format_name == "dataflow":
            make_all_kinds(workspace, 1)
        export = export_of(workspace, tmp_path, format_name, format=format_name)
        entry = entries_of(export)[f"{format_name}_dialogues_train"]
        (row,) = rows_of(export.folder / entry["file_name"])
        prompt, response, system = read_as_llama_factory(entry, row)
        assert prompt == ["What of 0?", "Of 0 much is said.", "And 0?"]
        assert response == ["Better: 0."]
        assert system == ("" if format_name == "dataflow" else "Be brief.")  # which has no place for it


def test_an_entry_names_what_a_compressed_file_is_unpacked_to(workspace: Workspace, tmp_path: Path) -> None:
    export = written(workspace, tmp_path, "sharegpt", compression="gz")
    assert entries_of(export)["ex_tasks_train"]["file_name"] == "ex_tasks_train.jsonl"
    assert (export.folder / "ex_tasks_train.jsonl.gz").exists()


@pytest.mark.parametrize("format_name", JSON_LINES)
def test_axolotl_finds_the_columns_and_roles_that_it_is_told_of(
    workspace: Workspace, tmp_path: Path, format_name: str
) -> None:
    export = written(workspace, tmp_path, format_name)
    config = yaml.safe_load((export.folder / "axolotl.yaml").read_text())
    assert config.get("rl") == ("dpo" if format_name == "preference" else None)
    assert {entry["path"].rpartition("_")[2] for entry in config["datasets"]} == {"train.jsonl"}
    assert {entry["path"].rpartition("_")[2] for entry in config["test_datasets"]} == {"validation.jsonl"}
    for entry in config["datasets"] + config["test_datasets"]:
        kind = entry["type"]
        fields = kind if isinstance(kind, dict) else entry
        for row in rows_of(export.folder / entry["path"]):
            assert {column for name, column in fields.items() if name.startswith("field_")} <= set(row)
            if kind == "chat_template":
                role, content = (entry["message_property_mappings"][name] for name in ("role", "content"))
                known = {one: name for name, ones in entry["roles"].items() for one in ones}
                turns = row[entry["field_messages"]]
                assert [known[turn[role]] for turn in turns][-2:] == ["user", "assistant"]
                assert all(turn[content] for turn in turns)


def test_axolotl_adds_no_empty_system_turn(workspace: Workspace, tmp_path: Path) -> None:
    export = written(workspace, tmp_path, "sharegpt")
    config = yaml.safe_load((export.folder / "axolotl.yaml").read_text())
    drops = {entry["path"]: entry.get("drop_system_message", False) for entry in config["datasets"]}
    assert drops["ex_tasks_train.jsonl"]
    assert not drops["ex_dialogues_train.jsonl"]  # of which some have a system turn


@pytest.mark.parametrize("format_name", [*EXPORTERS])
def test_the_program_for_trl_is_python_and_names_the_files(
    workspace: Workspace, tmp_path: Path, format_name: str
) -> None:
    export = written(workspace, tmp_path, format_name)
    programs = sorted(export.folder.glob("*.py"))
    assert [path.name for path in programs] == (
        [f"train_with_trl_{name}.py" for name in ("dialogues", "records", "tasks")] if format_name in JSON_LINES else []
    )
    for program in programs:
        text = program.read_text()
        compile(text, program.name, "exec")
        assert ("DPOTrainer" in text) is (format_name == "preference")
        name = program.stem.removeprefix("train_with_trl_")
        for split in ("train", "validation", "test"):
            assert f'"{split}": "ex_{name}_{split}.jsonl"' in text


def test_fields_of_any_name_are_quoted_in_what_is_written(workspace: Workspace, tmp_path: Path) -> None:
    odd = 'a"\\\n\u2028{x}: #'
    for text in ("one", "two"):
        workspace.review.add({odd: text, "b": "c"}, generator=OWN, author="Ada")
    export = export_of(workspace, tmp_path, fields={OWN: FieldChoice(instruction=odd, output="b")})
    scope: dict[str, Any] = {}
    program = (export.folder / "train_with_trl.py").read_text()
    exec(program[program.index("def as_messages") : program.index("dataset = dataset.map")], scope)
    (first, _) = rows_of(next(file.path for file in export.files if file.kind == "data"))
    assert scope["as_messages"](first)["messages"][0] == {"role": "user", "content": "one"}
    config = yaml.safe_load((export.folder / "axolotl.yaml").read_text())
    assert config["datasets"][0]["type"]["field_instruction"] == odd
