"""What the first rows of a file do not show of its columns, as `datasets` itself finds it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataflow_core.exporting import first_rows
from dataflow_core.exporting.plan import Splits
from dataflow_core.models import Fields
from dataflow_core.workspace import Workspace
from tests.exporting.records import DIALOGUES, OWN, dialogue, plan, put

LONG = "x" * 300_000  # 36 of these are more than what is read at first

WIDE = "水" * 100_000


def own(text: str, **more: object) -> Fields:
    return {"question": text, "answer": "So."} | more


SHORT = [dialogue(f"{number} {LONG}", "Yes.") for number in range(36)]
EARLIER = dialogue("One?", "Yes.", "Two?", "No.")
MANY = [own(f"{number} {LONG}") for number in range(36)]
#: Format, generator, records, and the column that is told of.
CASES: dict[str, tuple[str, str, list[Fields], str]] = {
    "a history late": ("alpaca", DIALOGUES, [*SHORT, EARLIER], "history"),
    "a history early": ("alpaca", DIALOGUES, [EARLIER, *SHORT, EARLIER], ""),
    "a history in a small file": ("alpaca", DIALOGUES, [*SHORT[:3], EARLIER], ""),
    "no history at all": ("alpaca", DIALOGUES, SHORT, ""),
    "turns": ("trl", DIALOGUES, [*SHORT, EARLIER], ""),
    "a column late": ("dataflow", OWN, [*MANY, own("Last.", source="a book")], "source"),
    "a null, then a text": ("dataflow", OWN, [*(one | {"b": None} for one in MANY), own("Last.", b="a")], "b"),
    "a column that ends": ("dataflow", OWN, [*(one | {"b": "a"} for one in MANY), own("Last.")], ""),
    "letters of three bytes": ("dataflow", OWN, [*(own(f"{n}{WIDE}") for n in range(36)), own("Last.", b="a")], "b"),
}


def test_what_is_told_of_is_just_what_datasets_cannot_load(tmp_path: Path) -> None:
    told: dict[str, bool] = {}
    for name, (format_name, generator, records, column) in CASES.items():
        workspace = Workspace(tmp_path / name, create=True)
        put(workspace, records, generator)
        found = workspace.exports.preflight(plan(format=format_name))
        assert [f"“{column}” is missing or empty" in note for note in found.notes] == ([True] if column else []), name
        path = tmp_path / f"{len(told)}.jsonl"
        made = workspace.exports.write_file(plan(format=format_name), path).preflight
        assert made == found
        told[str(path)] = bool(column)
        workspace.close()
    environ = os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    program = [sys.executable, "-c", _LOAD, str(tmp_path / "cache"), *told]
    ran = subprocess.run(program, env=environ, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert dict(zip(CASES, json.loads(ran.stdout.splitlines()[-1]), strict=True)) == dict(
        zip(CASES, told.values(), strict=True)
    )


_LOAD = """
import json, sys
import datasets
datasets.disable_progress_bars()
cache, *paths = sys.argv[1:]
failed = []
for path in paths:
    try:
        datasets.load_dataset("json", data_files=path, split="train", cache_dir=cache)
        failed.append(False)
    except datasets.exceptions.DatasetGenerationError:
        failed.append(True)
print(json.dumps(failed))
"""


def test_each_split_is_a_file_of_its_own(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_rows, "FIRST_BYTES", 1_000)
    puts = [own(f"{number} {number * 7919} {'x' * 100}") for number in range(60)]
    put(workspace, [*puts, own("Last of all.", source="a book", page=3, **{"n" * 90: "", "d": 1})], OWN)
    (note,) = workspace.exports.preflight(plan(splits=Splits(2, 1))).notes
    assert note.startswith(("In the train file of the", "In the validation file of the"))
    assert "“source”, “page”, “" + "n" * 40 + "” and 1 more are missing" in note
    assert workspace.exports.preflight(plan(format="parquet", splits=Splits(2, 1))).notes == ()
