"""Export, import, export again: the second file is the first one, byte for byte, for all that a format can carry."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataflow_core.exporters import exporter_named
from dataflow_core.exporters.base import Content, FieldChoice
from dataflow_core.importers.making import DIALOGUES, OWN, TASKS
from dataflow_core.models import Fields
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.record_makers import make_records

#: All of Unicode but halves of characters, and NUL, which no database holds.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    (
        *(
            "",
            " ",
            "\n",
            "\r\n",
            '"',
            '""',
            "'",
            "'=1+1",
            "=1+1",
            "-1",
            "1",
            "1.0",
            "1e5",
            "007",
            "true",
            "null",
            "NaN",
        ),
        *("[1]", '{"a": 1}', "a,b", "a;b", "\ta", "\u2028", "\x85", "\ufeff", "😀", "é", "e\u0301", ",", "#", "\\"),
    )
)
NUMBER = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    TEXT | NUMBER | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TURNS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3).map(
    lambda pairs: [
        {"role": role, "value": text} for pair in pairs for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
)
DIALOGUE = st.fixed_dictionaries({"category": TEXT, "conversation": TURNS}, optional={"system": TEXT.filter(bool)})
NAMES = ("atom_task", "parallel_task", "subsequent_task", "composition_task")
TASK = st.fixed_dictionaries(dict.fromkeys(NAMES, TEXT), optional={"id": NUMBER, "more": VALUE, "note": TEXT})
OWN_FIELDS = st.dictionaries(
    TEXT.filter(str.strip).filter(lambda name: not name.startswith("dataflow_")), VALUE, min_size=1, max_size=4
)
CHATS = ("dataflow", "openai", "sharegpt", "messages", "axolotl", "alpaca", "trl", "prompt-completion")
SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def workspaces() -> Iterator[list[Workspace]]:
    """One for the records that are exported, one for those that are imported."""
    with tempfile.TemporaryDirectory() as folder:
        opened = [Workspace(Path(folder) / name, create=True) for name in ("first", "second")]
        yield opened
        for workspace in opened:
            workspace.close()


def exported(workspace: Workspace, numbers: Sequence[int], name: str) -> bytes:
    exporter, file = exporter_named(name), io.BytesIO()
    writer = exporter.writer(file)
    for record in workspace.records.page(numbers):
        params = workspace.records.params_of(record)
        content = Content(record.number, record.id, record.generator, record.fields, params, refused=None)
        writer.write(exporter.row(content, FieldChoice()))
    writer.close()
    return file.getvalue()


def there_and_back(workspaces: list[Workspace], records: Sequence[Fields], generator: str, name: str) -> None:
    first, second = workspaces
    data = exported(first, make_records(first, records, generator=generator), name)
    path = second.folder / f"file{exporter_named(name).suffix}"
    path.write_bytes(data)
    found = second.imports.recognise(path, path.name)
    run = second.imports.store(path, path.name, found.mapping)
    numbers = second.records.numbers(Query(runs=(run.id,)))
    assert len(numbers) == len(records)
    assert exported(second, numbers, name) == data


@pytest.mark.parametrize("name", CHATS)
@given(records=st.lists(DIALOGUE, min_size=1, max_size=4))
@SLOW
def test_dialogues_come_back(workspaces: list[Workspace], name: str, records: list[Fields]) -> None:
    there_and_back(workspaces, records, DIALOGUES, name)


@pytest.mark.parametrize("name", ["parquet", "csv"])
@given(records=st.lists(DIALOGUE, min_size=1, max_size=4))
@SLOW
def test_dialogues_come_back_from_tables(workspaces: list[Workspace], name: str, records: list[Fields]) -> None:
    there_and_back(workspaces, records, DIALOGUES, name)


@pytest.mark.parametrize("name", ["dataflow", "parquet", "csv"])
@given(records=st.lists(TASK, min_size=1, max_size=4))
@SLOW
def test_tasks_come_back(workspaces: list[Workspace], name: str, records: list[Fields]) -> None:
    if name != "dataflow" or any(any(map(str.strip, map(str, record.values()))) for record in records):
        there_and_back(
            workspaces, [record | {"atom_task": f"x{record['atom_task']}"} for record in records], TASKS, name
        )


@pytest.mark.parametrize("name", ["dataflow", "parquet", "csv"])
@given(records=st.lists(OWN_FIELDS, min_size=1, max_size=4))
@SLOW
def test_records_of_ones_own_come_back(workspaces: list[Workspace], name: str, records: list[Fields]) -> None:
    # A row of nothing but empty cells is a blank line of a table.
    there_and_back(workspaces, [{"key": f"k{place}", **one} for place, one in enumerate(records)], OWN, name)


@given(
    records=st.lists(
        st.fixed_dictionaries({"prompt": TEXT, "chosen": TEXT, "rejected": TEXT})
        | st.tuples(TEXT, TEXT, TEXT).map(
            lambda texts: {
                name: [{"role": role, "content": text}]
                for name, role, text in zip(
                    ("prompt", "chosen", "rejected"), ("user", "assistant", "assistant"), texts, strict=True
                )
            }
        ),
        min_size=1,
        max_size=4,
    )
)
@SLOW
def test_preference_pairs_come_back(workspaces: list[Workspace], records: list[Fields]) -> None:
    there_and_back(workspaces, records, OWN, "preference")


@pytest.mark.parametrize("name", ["preference", "dataflow", "parquet", "csv"])
@pytest.mark.parametrize("prompt", [None, "Hi"])
def test_pairs_whose_prompt_is_in_the_messages_come_back(
    workspaces: list[Workspace], name: str, prompt: str | None
) -> None:
    asked = {"role": "user", "content": "Hi"}
    answers = {word: [asked, {"role": "assistant", "content": word}] for word in ("chosen", "rejected")}
    there_and_back(workspaces, [({"prompt": prompt} if prompt else {}) | answers] * 2, OWN, name)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("alpaca", ("instruction", "input", "output")),
        ("alpaca", ("instruction", "input", "output", "system")),
        ("prompt-completion", ("prompt", "completion")),
    ],
)
@given(data=st.data())
@SLOW
def test_plain_texts_come_back(workspaces: list[Workspace], name: str, fields: Sequence[str], data: Any) -> None:
    records = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(fields, TEXT)), min_size=1, max_size=4))
    there_and_back(workspaces, records, OWN, name)


@pytest.mark.parametrize("name", [*CHATS, "parquet", "csv"])
def test_fields_of_a_megabyte_come_back(workspaces: list[Workspace], name: str) -> None:
    long = 'é"\n😀' * 260_000
    turns = [{"role": "user", "value": long}, {"role": "assistant", "value": f"=x{long}"}]
    there_and_back(workspaces, [{"category": "Long", "conversation": turns}], DIALOGUES, name)
