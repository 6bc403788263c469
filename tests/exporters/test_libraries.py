"""The libraries that trainers and people read data with read every format, and find what was written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars
import pytest

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import Content, FieldChoice
from dataflow_core.exporting.files import WrittenFile
from dataflow_core.exporting.plan import Compression
from dataflow_core.models import Fields
from tests.exporters.contents import DIALOGUES, OWN, TASKS, content, dialogue

_TEXTS = ("Zähle 🐑\u2028\x85.", 'say "\\n"', "=1+1", "12", "null", "[]", " \t\r\n", "\x00\x1f", "a" * 70_000, "Ende")
JSON_LINES = [name for name, exporter in EXPORTERS.items() if exporter.suffix == ".jsonl"]
CHOICE = FieldChoice("question", "context", "answer", "rules")


def contents(kind: str) -> Iterator[Content]:
    """Records of a kind with texts that have made trouble somewhere, and earlier versions of them."""
    for number in range(12):
        one, two, three = (_TEXTS[(number + step) % len(_TEXTS)] for step in range(3))
        if kind == TASKS:
            fields = {"atom_task": one, "line": number, "parallel_task": two, "subsequent_task": "s"}
            fields["composition_task"] = three
            yield content(fields, TASKS, refused=fields | {"composition_task": "Worse."})
        elif kind == DIALOGUES:
            before = dialogue(one, two, "Then?", three).fields
            yield content(before, DIALOGUES, refused=dialogue(one, "Worse.").fields)
        else:
            fields = {"question": one, "context": two, "rules": "Be brief.", "answer": three, "list": ["x"]}
            yield content(fields, OWN, refused=fields | {"answer": "Worse."})


def rows_of(name: str, kind: str) -> list[Fields]:
    return [EXPORTERS[name].row(one, CHOICE if kind == OWN else FieldChoice()) for one in contents(kind)]


def file_of(name: str, rows: list[Fields], folder: Path) -> Path:
    path = folder / f"data{EXPORTERS[name].suffix}"
    with path.open("wb") as file:
        writer = EXPORTERS[name].writer(file)
        for row in rows:
            writer.write(row)
        writer.close()
    return path


@pytest.mark.parametrize("kind", [TASKS, DIALOGUES, OWN])
@pytest.mark.parametrize("name", JSON_LINES)
def test_pandas_polars_and_duckdb_read_every_line(name: str, kind: str, tmp_path: Path) -> None:
    rows = rows_of(name, kind)
    path = file_of(name, rows, tmp_path)
    table = pd.read_json(path, lines=True, dtype=False)
    assert table.to_dict("records") == rows
    assert polars.read_ndjson(path).to_dicts() == rows
    assert [list(row) for row in queried(f"SELECT * FROM read_json('{path}')")] == [list(row) for row in rows]


@pytest.mark.parametrize("compression", ["gz", "zst"])
def test_compressed_lines_are_read_as_they_are(compression: Compression, tmp_path: Path) -> None:
    rows = rows_of("trl", DIALOGUES)
    path = tmp_path / f"rows.jsonl.{compression}"
    with closing(WrittenFile(path, compression)) as file:
        writer = EXPORTERS["trl"].writer(file.stream)
        for row in rows:
            writer.write(row)
        writer.close()
        file.finish()
    assert polars.read_ndjson(path).to_dicts() == rows
    assert queried(f"SELECT * FROM read_json('{path}')") == rows
    if compression == "gz":  # for the other pandas and datasets want a further package
        assert pd.read_json(path, lines=True, dtype=False).to_dict("records") == rows


def test_datasets_loads_every_format_of_every_kind(tmp_path: Path) -> None:
    """In a process of its own, for it takes its folder and its being offline from the environment when it is loaded."""
    expected: dict[str, list[Fields]] = {}
    for name in EXPORTERS:
        for kind in (TASKS, DIALOGUES, OWN):
            if name != "csv":
                folder = tmp_path / f"{name}-{kind}"
                folder.mkdir()
                expected[str(file_of(name, rows_of(name, kind), folder))] = rows_of(name, kind)
    environ = os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    program = [sys.executable, "-c", _LOAD, str(tmp_path / "cache"), *expected]
    ran = subprocess.run(program, env=environ, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-3000:]
    loaded: dict[str, list[Fields]] = json.loads(ran.stdout)
    assert list(loaded) == list(expected)
    for path, rows in expected.items():
        assert loaded[path] == rows, path


_LOAD = """
import json, sys
import datasets
datasets.disable_progress_bars()
cache, *paths = sys.argv[1:]
read = {}
for path in paths:
    kind = "json" if path.endswith("jsonl") else "parquet"
    read[path] = list(datasets.load_dataset(kind, data_files=path, split="train", cache_dir=cache))
print(json.dumps(read))
"""


@pytest.mark.parametrize("kind", [TASKS, DIALOGUES, OWN])
def test_pandas_polars_and_duckdb_read_parquet(kind: str, tmp_path: Path) -> None:
    rows = rows_of("parquet", kind)
    path = file_of("parquet", rows, tmp_path)
    assert polars.read_parquet(path).to_dicts() == rows
    assert queried(f"SELECT * FROM read_parquet('{path}')") == rows
    assert [_as_lists(row) for row in pd.read_parquet(path).to_dict("records")] == rows


def _as_lists(row: dict[Any, Any]) -> Fields:
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}


def test_pandas_polars_and_duckdb_read_csv(tmp_path: Path) -> None:
    rows = [{"text": text, "number": 5, "guarded": f"={text}"} for text in _TEXTS if "\x00" not in text]
    path = file_of("csv", rows, tmp_path)
    expected = [{"text": row["text"], "number": "5", "guarded": f"'={row['text']}"} for row in rows]
    expected[2]["text"] = "'=1+1"
    assert pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records") == expected
    assert polars.read_csv(path, infer_schema=False).to_dicts() == expected
    options = "all_varchar=true, header=true, delim=',', quote='\"'"
    assert queried(f"SELECT * FROM read_csv('{path}', {options})") == expected


def queried(statement: str) -> list[Fields]:
    with duckdb.connect() as connection:
        cursor = connection.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, line, strict=True)) for line in cursor.fetchall()]
