"""A database made by an earlier version of the program: nothing in it is lost, and it becomes like a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, select

from dataflow_core.errors import WorkspaceError
from dataflow_core.models import Budget, Endpoint, InputState, ReviewStatus, RevisionKind, RunState, Stage
from dataflow_core.reviewing.review import Review
from dataflow_core.storage import schema
from dataflow_core.storage.database import Database
from dataflow_core.storage.endpoints import EndpointStore
from dataflow_core.storage.ledger import Ledger
from dataflow_core.storage.queries import Query
from dataflow_core.storage.records import RecordStore
from dataflow_core.storage.runs import RunStore

#: As version 0.1 made it.
FIRST_SCHEMA = """
CREATE TABLE migrations (name VARCHAR NOT NULL, applied_at FLOAT NOT NULL, PRIMARY KEY (name));
CREATE TABLE endpoints (name VARCHAR NOT NULL, kind VARCHAR NOT NULL, base_url VARCHAR NOT NULL,
    model VARCHAR NOT NULL, key_env VARCHAR NOT NULL, max_workers INTEGER NOT NULL, created_at FLOAT NOT NULL,
    PRIMARY KEY (name));
CREATE TABLE preferences (name VARCHAR NOT NULL, value JSON NOT NULL, PRIMARY KEY (name));
CREATE TABLE intents (name VARCHAR NOT NULL, description TEXT NOT NULL, flows JSON NOT NULL, topics JSON NOT NULL,
    updated_at FLOAT NOT NULL, PRIMARY KEY (name));
CREATE TABLE runs (id VARCHAR NOT NULL, name VARCHAR NOT NULL, generator VARCHAR NOT NULL, params JSON NOT NULL,
    endpoint JSON NOT NULL, prompt_version VARCHAR NOT NULL, state VARCHAR NOT NULL, reason TEXT NOT NULL,
    stopped_by VARCHAR NOT NULL, take_up INTEGER, source JSON NOT NULL, request VARCHAR, owner JSON,
    heartbeat_at FLOAT, created_at FLOAT NOT NULL, started_at FLOAT, finished_at FLOAT, PRIMARY KEY (id));
CREATE TABLE inputs (id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, position INTEGER NOT NULL, fields JSON NOT NULL,
    state VARCHAR NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (id), FOREIGN KEY(run_id) REFERENCES runs (id));
CREATE INDEX inputs_by_state ON inputs (run_id, state, position);
CREATE TABLE source_lines (number INTEGER NOT NULL, run_id VARCHAR NOT NULL, line INTEGER NOT NULL,
    kind VARCHAR NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (number),
    FOREIGN KEY(run_id) REFERENCES runs (id));
CREATE INDEX ix_source_lines_run_id ON source_lines (run_id);
CREATE TABLE calls (number INTEGER NOT NULL, run_id VARCHAR NOT NULL, input_id VARCHAR NOT NULL,
    attempt INTEGER NOT NULL, step VARCHAR NOT NULL, is_valid BOOLEAN NOT NULL, prompt_hash VARCHAR NOT NULL,
    prompt_version VARCHAR NOT NULL, sampling JSON NOT NULL, model VARCHAR NOT NULL, texts JSON NOT NULL,
    finish_reason VARCHAR NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    seconds FLOAT NOT NULL, at FLOAT NOT NULL, PRIMARY KEY (number), FOREIGN KEY(run_id) REFERENCES runs (id),
    FOREIGN KEY(input_id) REFERENCES inputs (id));
CREATE INDEX calls_by_input ON calls (input_id, attempt, step);
CREATE INDEX calls_tokens ON calls (run_id, prompt_tokens, completion_tokens);
CREATE TABLE failures (number INTEGER NOT NULL, run_id VARCHAR NOT NULL, input_id VARCHAR NOT NULL,
    attempt INTEGER NOT NULL, stage VARCHAR NOT NULL, reason TEXT NOT NULL, raw_text TEXT NOT NULL, at FLOAT NOT NULL,
    PRIMARY KEY (number), FOREIGN KEY(run_id) REFERENCES runs (id), FOREIGN KEY(input_id) REFERENCES inputs (id));
CREATE INDEX failures_by_input ON failures (input_id, attempt);
CREATE TABLE records (number INTEGER NOT NULL, id VARCHAR NOT NULL, run_id VARCHAR, input_id VARCHAR,
    position INTEGER, generator VARCHAR NOT NULL, fields JSON NOT NULL, search_text TEXT NOT NULL,
    status VARCHAR NOT NULL, reason TEXT NOT NULL, reviewer VARCHAR NOT NULL, revision INTEGER NOT NULL,
    is_edited BOOLEAN NOT NULL, created_at FLOAT NOT NULL, updated_at FLOAT NOT NULL, PRIMARY KEY (number),
    UNIQUE (id), FOREIGN KEY(run_id) REFERENCES runs (id), FOREIGN KEY(input_id) REFERENCES inputs (id));
CREATE INDEX records_in_order ON records (run_id, position, number);
CREATE INDEX ix_records_input_id ON records (input_id);
CREATE INDEX records_by_time ON records (run_id, created_at);
CREATE INDEX records_by_status ON records (status, number);
CREATE TABLE revisions (record_id VARCHAR NOT NULL, number INTEGER NOT NULL, kind VARCHAR NOT NULL,
    fields JSON NOT NULL, author VARCHAR NOT NULL, reason TEXT NOT NULL, at FLOAT NOT NULL,
    PRIMARY KEY (record_id, number), FOREIGN KEY(record_id) REFERENCES records (id));
CREATE TABLE decisions (number INTEGER NOT NULL, record_id VARCHAR NOT NULL, revision INTEGER NOT NULL,
    status VARCHAR NOT NULL, reason TEXT NOT NULL, reviewer VARCHAR NOT NULL, at FLOAT NOT NULL,
    PRIMARY KEY (number), FOREIGN KEY(record_id) REFERENCES records (id));
CREATE INDEX ix_decisions_record_id ON decisions (record_id);
"""
FIRST_CONTENT = """
INSERT INTO migrations VALUES ('0001_initial', 1.0);
INSERT INTO endpoints VALUES ('mine', 'openai', 'http://127.0.0.1:9/v1', 'm', 'MY_KEY', 8, 1.0);
INSERT INTO runs VALUES ('01RUN', 'tasks.csv', 'ParaSeqTaskGenerator', '{}',
    '{"name":"mine","kind":"openai","base_url":"http://127.0.0.1:9/v1","model":"m","key_env":"MY_KEY","max_workers":8}',
    'para_seq/1', 'paused', 'Paused.', 'person', NULL, '{}', NULL, NULL, NULL, 1.0, 2.0, 3.0);
INSERT INTO inputs VALUES ('01DONE', '01RUN', 0, '{"atom_task":"One."}', 'done', 0);
INSERT INTO inputs VALUES ('02FAILED', '01RUN', 1, '{"atom_task":"Two."}', 'failed', 0);
INSERT INTO inputs VALUES ('03PENDING', '01RUN', 2, '{"atom_task":"Three."}', 'pending', 0);
INSERT INTO calls VALUES (1, '01RUN', '01DONE', 0, 'relations', 1, 'hash', 'para_seq/1', '{}', 'm-2', '["{}"]',
    'stop', 70, 30, 0.5, 2.5);
INSERT INTO failures VALUES (1, '01RUN', '02FAILED', 0, 'parse', 'No JSON.', 'Sorry.', 2.5);
INSERT INTO records VALUES (1, '01RECORD', '01RUN', '01DONE', 0, 'ParaSeqTaskGenerator',
    '{"atom_task":"One.","parallel_task":"Beside."}', 'one. beside.', 'accepted', '', 'Ada', 1, 0, 2.5, 2.6);
INSERT INTO revisions VALUES ('01RECORD', 1, 'generated', '{"atom_task":"One.","parallel_task":"Beside."}',
    'ParaSeqTaskGenerator', '', 2.5);
"""


@pytest.fixture
def old_database(tmp_path: Path) -> Path:
    path = tmp_path / "workspace.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST_SCHEMA + FIRST_CONTENT)
    connection.close()
    return path


def test_what_an_earlier_version_stored_is_read_and_gone_on_with(old_database: Path) -> None:
    database = Database(f"sqlite:///{old_database}")
    store = RunStore(database)
    run = store.get("01RUN")
    assert (run.state, run.reason, run.budget) == (RunState.PAUSED, "Paused.", Budget())
    assert (
        run.endpoint
        == EndpointStore(database).get("mine")
        == Endpoint("mine", "openai", "http://127.0.0.1:9/v1", "m", "MY_KEY", 8)
    )
    progress = store.progress(run.id)
    assert (progress.pending, progress.done, progress.failed) == (1, 1, 1)
    assert (progress.calls, progress.usage.total) == (1, 100)
    (failure,) = store.failures(run.id)
    assert (failure.stage, failure.raw_text, failure.calls) == (Stage.PARSE, "Sorry.", 0)
    records = RecordStore(database)
    (record,) = records.stream(Query())
    assert (record.fields["parallel_task"], record.repairs, record.stage) == ("Beside.", (), "")
    assert len(records.history(record.id)) == 1
    assert store.repairs(run.id) == {}
    assert store.models(run.id) == {"m-2": 1}
    store.set_budget(run.id, Budget(tokens=5_000))
    assert store.retry_failed(run.id) == 1
    pending = Ledger(database, run.id, run.generator).pending(after=-1, count=9)
    assert [item.id for item in pending] == ["02FAILED", "03PENDING"]
    assert store.count_inputs()[InputState.PENDING] == 2
    database.close()


def test_an_old_database_becomes_like_a_new_one(old_database: Path, tmp_path: Path) -> None:
    for path in (old_database, tmp_path / "new.db"):
        Database(f"sqlite:///{path}").close()
    migrated, new = described(old_database), described(tmp_path / "new.db")
    assert migrated.keys() == new.keys()
    for table in new:
        assert migrated[table] == new[table]


def test_a_database_is_brought_up_to_date_once(old_database: Path) -> None:
    for _ in range(2):
        Database(f"sqlite:///{old_database}").close()
    with sqlite3.connect(old_database) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM migrations ORDER BY name")]
    connection.close()
    assert len(names) == len(set(names)) > 1


def test_a_database_of_a_newer_version_is_refused_unchanged(old_database: Path) -> None:
    with sqlite3.connect(old_database) as connection:
        connection.execute("INSERT INTO migrations VALUES ('9999_future', 1.0)")
    connection.close()
    before = described(old_database)
    with pytest.raises(WorkspaceError, match="newer version"):
        Database(f"sqlite:///{old_database}")
    assert described(old_database) == before


#: As `0002_traffic` left it: what it added to the first schema, with records that people have worked on.
SECOND = """
ALTER TABLE endpoints ADD COLUMN timeout FLOAT NOT NULL DEFAULT 120;
ALTER TABLE endpoints ADD COLUMN requests_per_minute INTEGER;
ALTER TABLE endpoints ADD COLUMN tokens_per_minute INTEGER;
ALTER TABLE endpoints ADD COLUMN input_price FLOAT;
ALTER TABLE endpoints ADD COLUMN output_price FLOAT;
ALTER TABLE runs ADD COLUMN workers INTEGER;
ALTER TABLE runs ADD COLUMN token_budget INTEGER;
ALTER TABLE runs ADD COLUMN money_budget FLOAT;
ALTER TABLE calls ADD COLUMN cost FLOAT;
ALTER TABLE failures ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN repairs JSON NOT NULL DEFAULT '[]';
DROP INDEX calls_tokens;
CREATE INDEX calls_usage ON calls (run_id, model, step, prompt_tokens, completion_tokens, cost);
CREATE INDEX failures_by_time ON failures (run_id, at);
CREATE INDEX records_repaired ON records (run_id) WHERE CAST(repairs AS TEXT) <> '[]';
CREATE TABLE dialects (base_url VARCHAR NOT NULL, model VARCHAR NOT NULL, dialect JSON NOT NULL,
    learned_at FLOAT NOT NULL, PRIMARY KEY (base_url, model));
CREATE TABLE leases (run_id VARCHAR NOT NULL, endpoint VARCHAR NOT NULL, owner JSON NOT NULL, seen_at FLOAT NOT NULL,
    maximum INTEGER NOT NULL, left_over INTEGER NOT NULL, granted INTEGER NOT NULL, in_flight INTEGER NOT NULL,
    waiting VARCHAR NOT NULL, wait_until FLOAT NOT NULL, PRIMARY KEY (run_id));
CREATE TABLE throttles (endpoint VARCHAR NOT NULL, allowed FLOAT NOT NULL, maximum INTEGER NOT NULL,
    wait_until FLOAT NOT NULL, changed_at FLOAT NOT NULL, PRIMARY KEY (endpoint));
INSERT INTO migrations VALUES ('0002_traffic', 2.0);
UPDATE records SET repairs = '["a code fence"]', revision = 2, is_edited = 1, status = 'rejected',
    reason = 'Too vague', reviewer = 'Bob', fields = '{"atom_task":"One.","parallel_task":"Neben Zürich."}';
INSERT INTO revisions VALUES ('01RECORD', 2, 'edited', '{"atom_task":"One.","parallel_task":"Neben Zürich."}',
    'Ada', '', 2.6);
INSERT INTO decisions VALUES (1, '01RECORD', 1, 'accepted', '', 'Ada', 2.6);
INSERT INTO records VALUES (2, '02RECORD', '01RUN', '02FAILED', 1, 'ParaSeqTaskGenerator',
    '{"atom_task":"Two.","parallel_task":"By hand.","intent":"Cooking"}', 'two. by hand.', 'accepted', '', 'Ada', 1, 0,
    2.7, 2.7, '[]');
INSERT INTO revisions VALUES ('02RECORD', 1, 'written',
    '{"atom_task":"Two.","parallel_task":"By hand.","intent":"Cooking"}', 'Ada', '', 2.7);
INSERT INTO decisions VALUES (2, '02RECORD', 1, 'flagged', 'Odd', 'Cem', 2.8);
INSERT INTO decisions VALUES (3, '01RECORD', 2, 'rejected', 'Too vague', 'Bob', 2.9);
INSERT INTO decisions VALUES (4, '02RECORD', 1, 'accepted', '', 'Ada', 3.0);
INSERT INTO calls VALUES (2, '01RUN', '01DONE', 0, 'relations', 0, 'hash', 'para_seq/1', '{}', 'm-bad', '["?"]',
    'stop', 70, 30, 0.5, 2.6, NULL);
INSERT INTO calls VALUES (3, '01RUN', '02FAILED', 0, 'skeleton', 1, 'hash', 'para_seq/1', '{}', 'm-2', '["{}"]',
    'stop', 70, 30, 0.5, 2.6, NULL);
"""


@pytest.fixture
def second(old_database: Path) -> Iterator[Database]:
    with sqlite3.connect(old_database) as connection:
        connection.executescript(SECOND)
    connection.close()
    database = Database(f"sqlite:///{old_database}")
    yield database
    database.close()


def test_records_revisions_and_decisions_are_carried_over_whole(second: Database) -> None:
    records = RecordStore(second)
    edited, written = records.stream(Query())
    assert edited.fields == {"atom_task": "One.", "parallel_task": "Neben Zürich."}
    assert (edited.id, edited.run_id, edited.input_id, edited.number) == ("01RECORD", "01RUN", "01DONE", 1)
    assert (edited.status, edited.reason, edited.reviewer) == (ReviewStatus.REJECTED, "Too vague", "Bob")
    assert (edited.repairs, edited.revision, edited.is_edited) == (("a code fence",), 2, True)
    assert [(one.number, one.kind, one.author) for one in records.history("01RECORD")] == [
        (2, RevisionKind.EDITED, "Ada"),
        (1, RevisionKind.GENERATED, "ParaSeqTaskGenerator"),
    ]
    assert [(one.status, one.revision, one.reviewer) for one in records.decisions("01RECORD")] == [
        (ReviewStatus.REJECTED, 2, "Bob"),
        (ReviewStatus.ACCEPTED, 1, "Ada"),
    ]
    assert (written.fields["parallel_task"], written.is_edited) == ("By hand.", False)
    assert RunStore(second).repairs("01RUN") == {"a code fence": 1}


def test_carried_records_are_searched_filtered_and_sorted_like_new_ones(second: Database) -> None:
    records = RecordStore(second)

    def found(**query: Any) -> list[int]:
        return list(records.numbers(Query(**query)))

    assert (found(text="zurich"), found(text="beside"), found(text='"by hand"')) == ([1], [], [2])
    assert (found(intents=("Cooking",)), found(reasons=("Too vague",)), found(reviewers=("Ada",))) == ([2], [1], [2])
    assert (found(sort="longest"), found(sort="first text"), found(is_edited=True)) == ([2, 1], [1, 2], [1])
    assert found(statuses=(ReviewStatus.REJECTED,)) == [1]


def test_a_carried_records_model_is_that_of_its_answer_and_a_persons_has_none(second: Database) -> None:
    assert [record.model for record in RecordStore(second).stream(Query())] == ["m-2", ""]


def test_a_carried_decision_knows_what_it_took_the_place_of(second: Database) -> None:
    with second.read() as connection:
        before = connection.execute(
            select(
                schema.decisions.c.record,
                schema.decisions.c.status_before,
                schema.decisions.c.reason_before,
                schema.decisions.c.reviewer_before,
            ).order_by(schema.decisions.c.number)
        ).all()
        newest = list(connection.scalars(select(schema.records.c.decision).order_by(schema.records.c.number)))
    assert [tuple(row) for row in before] == [
        (1, "unreviewed", "", ""),
        (2, "unreviewed", "", ""),
        (1, "accepted", "", "Ada"),
        (2, "flagged", "Odd", "Cem"),
    ]
    assert newest == [3, 4]


def test_carried_records_are_worked_on_like_new_ones(second: Database) -> None:
    review, records = Review(second), RecordStore(second)
    review.edit("01RECORD", {"parallel_task": "Anew."}, base_revision=2, author="Ada")
    assert [list(records.numbers(Query(text=text))) for text in ("zurich", "anew")] == [[], [1]]
    review.decide({"01RECORD": 3}, ReviewStatus.ACCEPTED, reviewer="Ada")
    assert records.count(Query(statuses=(ReviewStatus.ACCEPTED,))) == 2
    for _ in range(2):
        review.undo_last("Ada")
    (record,) = records.page([1])
    assert (record.fields["parallel_task"], record.status, record.reviewer) == (
        "Neben Zürich.",
        ReviewStatus.REJECTED,
        "Bob",
    )
    assert review.undo_last("Ada") is None


def test_a_second_database_becomes_like_a_new_one(second: Database, tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path / 'new.db'}").close()
    assert described(tmp_path / "workspace.db") == described(tmp_path / "new.db")
    with second.read() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        left = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name LIKE 'old_%'").all()
    assert left == []


def described(path: Path) -> dict[str, Any]:
    """Each table's columns and indexes, in no order: a column that was added stands last."""
    engine = create_engine(f"sqlite:///{path}")
    inspector = inspect(engine)
    found: dict[str, Any] = {}
    for table in inspector.get_table_names():
        columns = {
            (column["name"], str(column["type"]), column["nullable"], _plain(column["default"]))
            for column in inspector.get_columns(table)
        }
        indexes = {
            (index["name"], tuple(index["column_names"]), str(index.get("dialect_options", {}).get("sqlite_where")))
            for index in inspector.get_indexes(table)
        }
        keys = sorted(str(key) for key in inspector.get_foreign_keys(table))
        found[table] = (columns, indexes, keys, inspector.get_pk_constraint(table)["constrained_columns"])
    engine.dispose()
    return found


def _plain(default: str | None) -> str | None:
    return None if default is None else default.strip("'")
