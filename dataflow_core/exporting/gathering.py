"""Gathers what goes along with an export while it is written, and writes it beside the data when that is done."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from dataflow_core.exporters.base import Content
from dataflow_core.exporting import card, dataset_info, manifest, snippets
from dataflow_core.exporting.about import About
from dataflow_core.exporting.manifest import Manifest, ManifestFile, digest_of
from dataflow_core.exporting.measures import Measures
from dataflow_core.exporting.parts import ONLY, Part, RowsSeen
from dataflow_core.exporting.plan import ExportFile, ExportPlan, Preflight
from dataflow_core.settings import PROGRAM, VERSION
from dataflow_core.storage.contents import Snapshot
from dataflow_core.storage.exported import origins

#: Quick rather than small: ids compress badly at any level.
_LEVEL = 1


class Gathering:
    """An `Along`: told which records were written, it adds manifest, card and what trainers have to be told.

    `workspace` is the name of it, `spool` a folder for what is noted meanwhile.
    """

    def __init__(self, plan: ExportPlan, about: About, *, workspace: str, spool: Path) -> None:
        self._about = about
        self._workspace = workspace
        self._state: Snapshot | None = None
        self._rows = RowsSeen(plan)
        self._measures: dict[str, Measures] = {}
        self._spool = spool
        self._ids: dict[tuple[str, str], IO[bytes]] = {}

    def sees(self, state: Snapshot) -> None:
        self._state = state

    def took(self, generator: str, split: str, contents: Sequence[Content]) -> None:
        self._rows.took(generator, split, contents)
        found = origins(self._seen, [content.number for content in contents])
        self._measures.setdefault(generator, Measures()).add(contents, found)
        key = (generator, split or ONLY)
        if key not in self._ids:
            # Nameless: however this ends, nothing is left of it.
            self._ids[key] = tempfile.TemporaryFile(dir=self._spool)  # noqa: SIM115
        lines = (f"{json.dumps(content.id)} {content.revision}\n" for content in contents)
        self._ids[key].write("".join(lines).encode())

    def files(
        self, folder: Path, name: str, plan: ExportPlan, preflight: Preflight, written: Sequence[ExportFile]
    ) -> list[ExportFile]:
        parts = self._rows.parts(written)
        made = [self._write_records(folder, written), *self._write_hints(folder, name, parts)]
        told = Manifest(
            name=name,
            program=f"{PROGRAM} {VERSION}",
            workspace=self._workspace,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            plan=plan,
            about=self._about,
            files=tuple(_listed(file) for file in [*written, *made]),
            found=preflight.found,
            left_out=preflight.left_out,
            by_rule=tuple(sorted(preflight.by_rule.items())),
        )
        return [*made, *self._write_card_and_manifest(folder, told, parts)]

    @property
    def _seen(self) -> Snapshot:
        if self._state is None:
            raise RuntimeError("What goes along was told of no state")
        return self._state

    def close(self) -> None:
        for file in self._ids.values():
            file.close()

    def _write_records(self, folder: Path, written: Sequence[ExportFile]) -> ExportFile:
        path = folder / manifest.RECORDS
        with path.open("wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed:
            for file in written:
                noted = self._ids.get((file.generator, file.split or ONLY))
                if file.kind != "data" or noted is None:
                    continue
                noted.seek(0)
                begin = f'{{"file": {json.dumps(file.path.name)}, "id": '.encode()
                for line in noted:
                    record_id, _, revision = line.rpartition(b" ")
                    packed.write(begin + record_id + b', "revision": ' + revision.strip() + b"}\n")
            packed.close()
            os.fsync(raw.fileno())
        return _about(path)

    def _write_hints(self, folder: Path, name: str, parts: Sequence[Part]) -> list[ExportFile]:
        texts: dict[str, str] = {}
        if entries := dataset_info.dataset_info(parts, name):
            texts[dataset_info.NAME] = json.dumps(entries, ensure_ascii=False, indent=2) + "\n"
        if config := snippets.axolotl_yaml(parts):
            texts[snippets.AXOLOTL] = config
        for part in parts:
            if program_text := snippets.trl_program(part):
                texts[snippets.trl_name(part, parts)] = program_text
        return [_write(folder / file, text) for file, text in texts.items()]

    def _write_card_and_manifest(self, folder: Path, told: Manifest, parts: Sequence[Part]) -> list[ExportFile]:
        state = self._seen
        ids = dict.fromkeys(run for own in self._measures.values() for run in own.runs if run)
        facts = card.CardFacts(
            manifest=told,
            parts=parts,
            measures=self._measures,
            runs={run: state.run(run) for run in ids},
            statuses=state.count_by_status(told.plan.query),
            about_files=_described(told.files),
        )
        readme = _write(folder / card.NAME, card.card(facts))
        whole = replace(told, files=(*told.files, _listed(readme)))
        return [readme, _write(folder / manifest.NAME, whole.as_json())]


def _listed(file: ExportFile) -> ManifestFile:
    size, digest = (file.bytes, file.sha256) if file.sha256 else digest_of(file.path)
    return ManifestFile(file.path.name, file.kind, file.generator, file.split, file.records, size, digest)


def _write(path: Path, text: str) -> ExportFile:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return _about(path)


def _about(path: Path) -> ExportFile:
    size, digest = digest_of(path)
    return ExportFile(path, "about", bytes=size, sha256=digest)


def _described(files: Sequence[ManifestFile]) -> list[tuple[str, str]]:
    """What each file beside the data is, for the card."""
    known = {
        dataset_info.NAME: "what LLaMA-Factory has to be told; unpack compressed files first",
        snippets.AXOLOTL: "a configuration for Axolotl",
        manifest.RECORDS: "which records are in which file, with their revisions",
    }
    described = [(manifest.NAME, "settings, sizes and SHA-256 of all files")]
    for file in files:
        if file.kind == "left out":
            described.append((file.name, "records that the format cannot take, each with the reason"))
        elif file.name.endswith(".py"):
            described.append((file.name, "a program that trains with TRL"))
        elif file.name in known:
            described.append((file.name, known[file.name]))
    return described
