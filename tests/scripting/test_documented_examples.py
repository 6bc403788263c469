"""The examples of DataFlow's documents, as they are printed there but for the lines that import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scripted_endpoint import ScriptedEndpoint, chat_replies, para_seq_replies

ROOT = Path(__file__).resolve().parents[2]

PARA_SEQ = """\
from dataflow_core import ParaSeqTaskGenerator
from dataflow_core import FileStorage
from dataflow_core import APILLMServing_request
from dataflow_core import LLMServingABC

class ParaSeqTaskGeneratorExample:
    def __init__(self, llm_serving: LLMServingABC = None):
        self.storage = FileStorage(
            first_entry_file_name="input.jsonl",
            cache_path="./cache_local",
            file_name_prefix="dataflow_cache_step",
            cache_type="jsonl",
        )

        self.llm_serving = APILLMServing_request(
            api_url="",
            model_name="gpt-4o",
            max_workers=30
        )

        self.generator = ParaSeqTaskGenerator(
            llm_serving=self.llm_serving
        )

    def forward(self):
        self.generator.run(
            storage=self.storage.step(),
            input_task_key="atom_task",
            output_parallel_task_key="parallel_task",
            output_subsequent_task_key="subsequent_task",
            output_composition_task_key="composition_task"
        )

if __name__ == "__main__":
    pl = ParaSeqTaskGeneratorExample()
    pl.forward()
"""

CONSISTENT_CHAT = """\
from dataflow_core import ConsistentChatGenerator
from dataflow_core import FileStorage
from dataflow_core import APILLMServing_request
from dataflow_core import LLMServingABC

class ConsistentChatGeneratorExample:
    def __init__(self, llm_serving: LLMServingABC = None):
        self.storage = FileStorage(
            first_entry_file_name="",
            cache_path="./cache_local",
            file_name_prefix="dataflow_cache_step",
            cache_type="jsonl",
        )

        self.llm_serving = APILLMServing_request(
            api_url="",
            model_name="gpt-4o",
            max_workers=30
        )

        self.generator = ConsistentChatGenerator(
            llm_serving=self.llm_serving,
            num_dialogs_per_intent=20,
            num_turns_per_dialog=6,
            temperature=0.9
        )

    def forward(self):
        self.generator.run(
            storage=self.storage.step()
        )

if __name__ == "__main__":
    pl = ConsistentChatGeneratorExample()
    pl.forward()
"""

INPUT = {
    "atom_task": "Search for a round-trip flight from New York to London, departing on November 15th and returning on "
    "November 22nd, with a budget of $500 or less."
}
OUTPUT = Path("cache_local", "dataflow_cache_step_step1.jsonl")


def run_script(folder: Path, script: str, endpoint: ScriptedEndpoint, key_name: str = "DF_API_KEY") -> None:
    (folder / "example.py").write_text(script, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_PROXY", "_proxy"))}
    environ |= {"PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": endpoint.url, key_name: "the-key"}
    ended = subprocess.run([sys.executable, "example.py"], cwd=folder, env=environ, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("key_name", ["DF_API_KEY", "OPENAI_API_KEY"])
def test_the_example_of_para_seq_writes_the_documented_columns(tmp_path: Path, key_name: str) -> None:
    tasks: list[dict[str, Any]] = [INPUT, {"atom_task": "Reserve a table.", "id": 7}]
    (tmp_path / "input.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks), encoding="utf-8")
    with ScriptedEndpoint(para_seq_replies) as endpoint:
        run_script(tmp_path, PARA_SEQ, endpoint, key_name)
        assert {call.headers["authorization"] for call in endpoint.calls} == {"Bearer the-key"}
        assert {call.body["model"] for call in endpoint.chats} == {"gpt-4o"}
    rows = [json.loads(line) for line in (tmp_path / OUTPUT).read_text(encoding="utf-8").splitlines()]
    added = ["parallel_task", "subsequent_task", "composition_task"]
    assert [list(row) for row in rows] == [["atom_task", *added], ["atom_task", "id", *added]]
    assert [row["atom_task"] for row in rows] == [task["atom_task"] for task in tasks]
    assert all(isinstance(row[name], str) and row[name] for row in rows for name in added)
    assert sorted(path.name for path in (tmp_path / "cache_local").iterdir()) == [OUTPUT.name]


def test_the_example_of_consistent_chat_writes_180_dialogues_of_six_turns(tmp_path: Path) -> None:
    with ScriptedEndpoint(chat_replies) as endpoint:
        run_script(tmp_path, CONSISTENT_CHAT, endpoint)
        assert {call.body["temperature"] for call in endpoint.chats} == {0.9}
    rows = [json.loads(line) for line in (tmp_path / OUTPUT).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 180
    assert {tuple(row) for row in rows} == {("category", "conversation")}
    assert len({row["category"] for row in rows}) == 9
    for row in rows:
        assert [turn["role"] for turn in row["conversation"]] == ["user", "assistant"] * 3
        assert all(list(turn) == ["role", "value"] and turn["value"] for turn in row["conversation"])


def test_the_names_of_a_script_are_there_at_once_and_load_nothing_large() -> None:
    code = """
import sys, time
started = time.process_time()
from dataflow_core import (
    APILLMServing_request, ConsistentChatGenerator, DataFlowStorage, FileStorage, LLMServingABC, ParaSeqTaskGenerator,
)
print(time.process_time() - started)
print([name for name in ("pandas", "pyarrow", "sqlalchemy", "openai", "streamlit", "numpy") if name in sys.modules])
"""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    seconds, loaded = min(float(run.splitlines()[0]) for run in runs), runs[0].splitlines()[1]
    assert loaded == "[]"
    assert seconds < 0.5
