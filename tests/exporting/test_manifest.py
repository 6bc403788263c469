"""Manifests: every file and record named, the same files made again, two exports compared; and what is no manifest."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_core.errors import DiskFullError, UsageError
from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import FieldChoice, Severity
from dataflow_core.exporting import card, zipping
from dataflow_core.exporting.about import About
from dataflow_core.exporting.manifest import Placed
from dataflow_core.exporting.plan import ExportPlan, Splits, TokenLimit
from dataflow_core.models import Fields, ReviewStatus
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.exporting.made import dialogue_fields, export_of, make_all_kinds, rows_of
from tests.record_makers import DIALOGUES, TASKS, make_records, make_tasks, record_at

_names = st.tuples(st.text(max_size=5))
_shares = st.floats(0, 10, allow_nan=False)
plans = st.builds(
    ExportPlan,
    query=st.builds(
        Query,
        runs=_names,
        statuses=st.lists(st.sampled_from(ReviewStatus)).map(tuple),
        text=st.text(max_size=5),
        sort=st.sampled_from(["oldest", "newest"]),
        is_edited=st.sampled_from([None, True, False]),
        tags=_names,
    ),
    format=st.sampled_from([*EXPORTERS]),
    compression=st.sampled_from(["", "gz", "zst"]),
    fields=st.dictionaries(st.text(max_size=5), st.builds(FieldChoice, st.text(max_size=5), output=st.text())),
    splits=st.builds(Splits, _shares, _shares, _shares, st.integers(), st.sampled_from(["", "intent", "run"])),
    limit=st.builds(TokenLimit, st.integers(0, 10**6), st.text(max_size=5)),
    leave_out=st.lists(st.sampled_from(Severity)).map(tuple),
    has_mark=st.booleans(),
)


@given(plans)
def test_a_plan_comes_back_from_json(plan: ExportPlan) -> None:
    assert ExportPlan.of(json.loads(json.dumps(plan.as_fields()))) == plan


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 3}, "'format' cannot be used"),
        ({"compression": "rar"}, "'compression' cannot be used"),
        ({"query": {"statuses": ["lost"]}}, "'query.statuses.0' cannot be used"),
        ({"splits": {"train": "all"}}, "'splits.train' cannot be used"),
        ({"fields": {"x": {"question": "a"}}}, "does not know"),
        ({"hue": 1}, "'hue' that this version does not know"),
    ],
)
def test_a_setting_that_is_none_is_named(change: Fields, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ExportPlan.of(ExportPlan().as_fields() | change)


def test_the_manifest_names_each_file_with_its_digest_and_all_settings(workspace: Workspace, tmp_path: Path) -> None:
    make_all_kinds(workspace)
    plan = ExportPlan(Query(), "trl", splits=Splits(0.8, 0.2), limit=TokenLimit(0, "/home/ada/tokenizer.json"))
    export = workspace.bundles.write(plan, tmp_path, "ex", about=About("Set", "mit", ("en",)))
    stored = workspace.bundles.open(export.folder)
    manifest = stored.manifest
    assert (manifest.name, manifest.workspace, manifest.program[:17]) == ("ex", "workspace", "dataflow-studio 0")
    assert {file.name for file in manifest.files} | {"manifest.json"} == {path.name for path in export.folder.iterdir()}
    for file in manifest.files:
        data = (export.folder / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert manifest.about == About("Set", "mit", ("en",))
    assert manifest.plan.splits == plan.splits
    assert "/home/ada" not in (export.folder / "manifest.json").read_text()  # whose folders are nobody's business


def test_each_record_is_named_with_its_file_and_revision_in_the_order_of_the_rows(
    workspace: Workspace, tmp_path: Path
) -> None:
    make_all_kinds(workspace)
    export = export_of(workspace, tmp_path, splits=Splits(0.7, 0.3, similarity=1.0))
    placed = list(workspace.bundles.open(export.folder).records())
    assert len(placed) == 30
    tasks = [one for one in placed if one.file == "ex_tasks_train.jsonl"]
    records = {record.id: record for record in workspace.records.stream(Query())}
    assert [records[one.id].fields for one in tasks] == rows_of(export.folder / "ex_tasks_train.jsonl")
    assert {one.revision for one in placed} == {2}


def test_an_export_is_read_from_its_folder_its_zip_and_its_manifest_alike(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    export = export_of(workspace, tmp_path)
    paths = [export.folder, workspace.bundles.zipped(export), export.folder / "manifest.json"]
    found = [workspace.bundles.open(path) for path in paths]
    assert found[0].manifest == found[1].manifest == found[2].manifest
    assert [*found[0].records()] == [*found[1].records()] == [*found[2].records()]
    assert {one.path for one in workspace.bundles.listed(tmp_path)} == {paths[0], paths[1]}


# ---- Made again


@pytest.mark.parametrize(
    ("format_name", "compression"), [*((name, "") for name in EXPORTERS), ("dataflow", "gz"), ("csv", "zst")]
)
def test_the_same_files_are_made_again_byte_for_byte(
    workspace: Workspace, tmp_path: Path, format_name: str, compression: str
) -> None:
    make_all_kinds(workspace, 6)
    plan: dict[str, Any] = {"format": format_name, "compression": compression}
    export = export_of(workspace, tmp_path, splits=Splits(0.6, 0.2, 0.2, seed=4, similarity=1.0), **plan)
    again = workspace.bundles.again(export.folder, tmp_path / "again")
    assert again.is_same
    data = [file.path.name for file in export.files if file.kind == "data"]
    assert sorted(again.identical) == sorted(data)
    for name in [*data, "dataset_info.json", "axolotl.yaml", "records.jsonl.gz"]:
        before, after = export.folder / name, again.export.folder / name
        assert before.exists() == after.exists()
        assert not before.exists() or before.read_bytes() == after.read_bytes()


def test_csv_without_a_mark_stays_so_when_it_is_made_again(workspace: Workspace, tmp_path: Path) -> None:
    make_all_kinds(workspace, 2)
    export = export_of(workspace, tmp_path, format="csv", has_mark=False)
    assert not workspace.bundles.open(export.folder).manifest.plan.has_mark
    assert export.files[0].path.read_bytes().startswith(b'"')
    assert workspace.bundles.again(export.folder, tmp_path / "again").is_same


def test_a_record_that_was_changed_since_is_written_as_it_was_and_named(workspace: Workspace, tmp_path: Path) -> None:
    make_all_kinds(workspace, 3)
    export = export_of(workspace, tmp_path, format="preference")
    record = record_at(workspace, 1)
    workspace.review.edit(record.id, {"composition_task": "Another."}, base_revision=2, author="Eve")
    workspace.review.decide({record.id: 3}, ReviewStatus.REJECTED, reviewer="Eve")
    again = workspace.bundles.again(export.folder, tmp_path / "again")
    assert again.is_same
    assert (again.changed.count, again.changed.ids) == (1, (record.id,))
    assert "Another." not in (again.export.folder / "ex_tasks.jsonl").read_text()


def test_what_is_not_of_the_record_itself_may_have_changed_and_that_is_said(
    workspace: Workspace, tmp_path: Path
) -> None:
    make_tasks(workspace, 3)
    export = export_of(workspace, tmp_path, format="csv")
    record = record_at(workspace, 1)
    workspace.review.decide({record.id: 1}, ReviewStatus.ACCEPTED, reviewer="Eve")
    again = workspace.bundles.again(export.folder, tmp_path / "again")
    assert again.differing == ("ex_tasks.csv",)
    assert not again.is_same


def test_without_provenance_nothing_but_the_record_counts(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    export = export_of(workspace, tmp_path, format="parquet", provenance=False)
    workspace.review.decide({record_at(workspace, 1).id: 1}, ReviewStatus.ACCEPTED, reviewer="Eve")
    assert workspace.bundles.again(export.folder, tmp_path / "again").is_same


def test_records_of_another_workspace_are_named_as_gone(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    export = export_of(workspace, tmp_path)
    path = export.folder / "records.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines()
    stranger = json.dumps({"file": "ex_tasks.jsonl", "id": "01STRANGER", "revision": 1}).encode()
    path.write_bytes(gzip.compress(b"\n".join([lines[0], stranger, lines[2]]) + b"\n"))
    again = workspace.bundles.again(export.folder, tmp_path / "again")
    assert (again.gone.count, again.gone.ids) == (1, ("01STRANGER",))
    assert again.differing == ("ex_tasks.jsonl",)
    assert again.export.files[0].records == 2


def test_records_of_files_that_the_manifest_does_not_name_are_told_as_that(
    workspace: Workspace, tmp_path: Path
) -> None:
    make_tasks(workspace, 3)
    export = export_of(workspace, tmp_path)
    path = export.folder / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace("ex_tasks.jsonl", "other.jsonl"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"names a file 'ex_tasks\.jsonl' that the manifest does not: one of the two"):
        workspace.bundles.again(export.folder, tmp_path / "again")
    assert not list((tmp_path / "again").glob("*"))


def test_where_no_record_is_there_nothing_is_made(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    export = export_of(workspace, tmp_path)
    other = Workspace(tmp_path / "other", create=True)
    with pytest.raises(UsageError, match="made from the workspace workspace"):
        other.bundles.again(export.folder, tmp_path / "again")
    other.close()
    assert list((tmp_path / "again").iterdir()) == []


# ---- Compared


def test_two_exports_differ_in_records_and_in_settings(workspace: Workspace, tmp_path: Path) -> None:
    numbers = make_tasks(workspace, 6)
    ids = [record_at(workspace, number).id for number in numbers]
    before = export_of(workspace, tmp_path, "before")
    workspace.review.edit(ids[0], {"atom_task": "Another."}, base_revision=1, author="Eve")
    workspace.review.decide({ids[1]: 1}, ReviewStatus.DELETED, reviewer="Eve")
    make_records(workspace, [dialogue_fields(1)], generator=DIALOGUES)
    after = export_of(workspace, tmp_path, "after", format="trl")
    found = workspace.bundles.compare(before.folder, after.folder)
    assert (found.before, found.after, found.same) == (6, 6, 4)
    assert (found.changed.ids, found.removed.ids) == ((ids[0],), (ids[1],))
    assert (found.added.count, found.moved.count) == (1, 0)
    assert [(one.name, one.before, one.after) for one in found.settings] == [("format", "dataflow", "trl")]
    assert not found.is_same
    json.dumps(found.as_fields())


def test_an_export_is_the_same_as_itself_in_a_zip(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 6)
    export = export_of(workspace, tmp_path)
    found = workspace.bundles.compare(export.folder, workspace.bundles.zipped(export))
    assert found.is_same
    assert found.identical == ("ex_tasks.jsonl",)


def test_another_seed_moves_records_between_splits(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 30)
    one = export_of(workspace, tmp_path, "one", splits=Splits(0.5, 0.5, similarity=1.0))
    two = export_of(workspace, tmp_path, "two", splits=Splits(0.5, 0.5, seed=1, similarity=1.0))
    found = workspace.bundles.compare(one.folder, two.folder)
    assert found.moved.count > 0
    assert found.same + found.moved.count == 30
    assert [setting.name for setting in found.settings] == ["splits.seed"]


# ---- What is no export


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda fields: [], "no manifest"),
        (lambda fields: {}, "no manifest"),
        (lambda fields: fields | {"manifest": 99}, "kind 99"),
        (lambda fields: fields | {"plan": None}, "plan of an export"),
        (lambda fields: fields | {"files": [{"name": "x"}]}, "no whole manifest"),
        (lambda fields: fields | {"files": [fields["files"][0] | {"name": "../x"}]}, r"file name '\.\./x'"),
        *(
            (lambda fields, name=name: fields | {"files": [fields["files"][0] | {"name": name}]}, "no whole manifest")
            for name in ("", "..", "/etc/passwd", "a\0b", "\ud800", "é" * 128)
        ),
        (lambda fields: fields | {"name": 3}, "should be a text"),
        (lambda fields: fields | {"found": float("nan")}, "cannot be read as JSON"),
    ],
)
def test_a_manifest_that_is_none_is_refused_with_a_sentence(
    workspace: Workspace, tmp_path: Path, change: Callable[[Fields], object], said: str
) -> None:
    make_tasks(workspace, 1)
    path = export_of(workspace, tmp_path).folder / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(UsageError, match=said):
        workspace.bundles.open(path)


@pytest.mark.parametrize("text", ["", "{", "[" * 10**5, "\x00", "PK\x03\x04"])
def test_any_file_that_is_no_manifest_is_refused(workspace: Workspace, tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    for path in (tmp_path / "manifest.json", tmp_path):
        with pytest.raises(UsageError):
            workspace.bundles.open(path)
    with pytest.raises(UsageError, match="no file or folder"):
        workspace.bundles.open(tmp_path / "nowhere")


def test_a_count_that_no_number_can_be_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 1)
    path = export_of(workspace, tmp_path).folder / "manifest.json"
    path.write_text(path.read_text().replace('"found": 1', '"found": 1e999'))
    with pytest.raises(UsageError, match="no whole manifest"):
        workspace.bundles.open(path)
    assert workspace.bundles.listed(tmp_path) == []


def test_a_manifest_that_would_be_waited_for_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(UsageError, match=r"has no manifest\.json"):
        workspace.bundles.open(tmp_path)


@pytest.mark.parametrize(
    ("central", "local", "said"),
    [(8, 6, "cannot be read. Unpack"), (10, 8, "cannot be read. Unpack"), (0, 60, "damaged")],
)
def test_a_zip_that_was_changed_is_refused_and_not_listed(
    workspace: Workspace, tmp_path: Path, central: int, local: int, said: str
) -> None:
    """Encrypted, packed as ours are not, and damaged."""
    make_tasks(workspace, 3)
    path = workspace.bundles.write(ExportPlan(Query()), tmp_path, "ex", as_zip=True).bundle
    assert path
    data = path.read_bytes()
    for mark, place in ((b"PK\x01\x02", central), (b"PK\x03\x04", local)):
        parts = data.split(mark)
        at = place - 4
        data = mark.join([parts[0], *(part[:at] + b"\x61" + part[at + 1 :] if at >= 0 else part for part in parts[1:])])
    path.write_bytes(data)
    with pytest.raises(UsageError, match=said):
        workspace.bundles.open(path)
    assert workspace.bundles.listed(tmp_path) == []


def test_exports_of_very_many_splits_are_compared(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 1)
    folder = export_of(workspace, tmp_path).folder
    fields = json.loads((folder / "manifest.json").read_text())
    data = fields["files"][0]
    fields["files"] += [data | {"name": f"x{number}", "split": f"s{number}"} for number in range(300)]
    (folder / "manifest.json").write_text(json.dumps(fields))
    with gzip.open(folder / "records.jsonl.gz", "at") as lines:
        lines.write(json.dumps({"file": "x299", "id": "r", "revision": 1}) + "\n")
    assert workspace.bundles.compare(folder, folder).same == 2


def test_a_damaged_list_of_records_is_said_to_be_so(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 100)
    export = export_of(workspace, tmp_path)
    path = export.folder / "records.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match="damaged or cut off"):
        list(workspace.bundles.open(export.folder).records())


# ---- One zip


def test_a_zip_holds_all_files_and_the_same_ones_give_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    export = export_of(workspace, tmp_path)
    first = workspace.bundles.zipped(export).read_bytes()
    os.utime(export.folder / "README.md", (0, 10**9))
    path = workspace.bundles.zipped(export)
    assert path.read_bytes() == first
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            assert archive.read(name) == (tmp_path / name).read_bytes()
        assert len(archive.namelist()) == len(list(export.folder.iterdir()))


def test_only_a_zip_is_left_where_one_is_asked_for(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    folder = tmp_path / "out"
    export = workspace.bundles.write(ExportPlan(Query()), folder, "ex", as_zip=True)
    assert export.bundle == folder / "ex.zip"
    assert [path.name for path in folder.iterdir()] == ["ex.zip"]
    assert next(workspace.bundles.open(folder / "ex.zip").records()) == Placed(
        "ex_tasks.jsonl", record_at(workspace, 1).id, 1
    )


def test_nothing_is_left_where_the_writing_is_broken_off(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_records(workspace, [{"atom_task": "x"}] * 3, generator=TASKS)

    def fail(_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(card, "card", fail)
    with pytest.raises(KeyboardInterrupt):
        export_of(workspace, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert {path.name for path in workspace.folder.iterdir()} <= {
        "workspace.db",
        "workspace.db-wal",
        "workspace.db-shm",
    }


def test_neither_a_zip_nor_a_folder_is_left_where_the_zip_cannot_be_written(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tasks(workspace, 3)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipping, "_add", fail)
    with pytest.raises(DiskFullError, match="The disk is full"):
        workspace.bundles.write(ExportPlan(Query()), tmp_path / "out", "ex", as_zip=True)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_zip_that_is_there_is_not_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 3)
    (tmp_path / "ex.zip").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        workspace.bundles.write(ExportPlan(Query()), tmp_path, "ex", as_zip=True)
    assert (tmp_path / "ex.zip").read_text() == "mine"
