"""Makes exports of every format for `check_trainers.py` to read, of all kinds of records: trainer_exports.py FOLDER."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import FieldChoice
from dataflow_core.exporting.about import About
from dataflow_core.exporting.plan import Compression, ExportPlan, Splits
from dataflow_core.models import Fields
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.record_makers import DIALOGUES, TASKS, make_records, record_at, task_fields

OWN = "GeneratorTask"
#: What goes wrong where text is not taken as it is.
_TEXTS = ("Où est 🐑?", 'Say "no" \\ or\nnothing.', "Line\u2028separator", "null", "3.0", "<|im_end|>", "{{ x }}")


def main(folder: Path) -> None:
    workspace = Workspace(folder / "workspace", create=True)
    for number in range(30):
        _add(workspace, TASKS, _task(number), composition_task=f"All of {number}, and better.")
        _add(workspace, DIALOGUES, _dialogue(number), conversation=_turns(number, "Better: "))
        _add(workspace, OWN, _own(number), answer=f"Better, {number}.")
    for exporter in EXPORTERS.values():
        compressions: tuple[Compression, ...] = ("", "gz") if exporter.suffix == ".jsonl" else ("",)
        for compression in compressions:
            plan = ExportPlan(
                Query(),
                exporter.name,
                compression,
                fields={OWN: FieldChoice(instruction="question", input="context", output="answer")},
                splits=Splits(0.7, 0.2, 0.1, similarity=1.0),
            )
            name = f"{exporter.name}{f'-{compression}' if compression else ''}"
            workspace.bundles.write(plan, folder, name, about=About(licence="mit", languages=("en",)))
    workspace.close()
    _imported_pairs(folder)


def _imported_pairs(folder: Path) -> None:
    """Pairs of other people's, in each of the shapes that TRL documents for messages, imported and exported again."""
    workspace = Workspace(folder / "pairs", create=True)
    path = workspace.folder / "pairs.jsonl"
    path.write_text("".join(f"{json.dumps(_pair(number))}\n" for number in range(30)), encoding="utf-8")
    found = workspace.imports.recognise(path, path.name)
    workspace.imports.store(path, path.name, found.mapping)
    plan = ExportPlan(Query(), "preference", splits=Splits(0.7, 0.2, 0.1, similarity=1.0))
    export = workspace.bundles.write(plan, folder, "preference-imported")
    assert sum(file.records for file in export.files if file.kind == "data") == 30, export.files
    workspace.close()


def _pair(number: int) -> Fields:
    asked = [{"role": turn["role"], "content": turn["value"]} for turn in _turns(number, "")[:-1]]
    chosen, rejected = ([{"role": "assistant", "content": f"{word} {number}"}] for word in ("Better", "Worse"))
    if number % 3 == 0:
        return {"prompt": asked, "chosen": chosen, "rejected": rejected}
    said = {"prompt": asked[-1]["content"]} if number % 3 == 1 else {}
    return {**said, "chosen": asked + chosen, "rejected": asked + rejected}


def _add(workspace: Workspace, generator: str, fields: Fields, **changes: Any) -> None:
    """A record that a model made and a person edited, so that there is a pair of the two."""
    (number,) = make_records(workspace, [fields], generator=generator)
    workspace.review.edit(record_at(workspace, number).id, changes, base_revision=1, author="Ada")


def _task(number: int) -> Fields:
    return task_fields(number) | {"atom_task": f"{number}: {_text(number)}"}


def _dialogue(number: int) -> Fields:
    fields: Fields = {"category": "Travel", "intent": "Travel", "flow": "f", "topic": f"t{number}"}
    if number % 3 == 0:
        fields["system"] = "Be brief."
    return fields | {"conversation": _turns(number, "")}


def _turns(number: int, beginning: str) -> list[Fields]:
    exchanges = [
        [
            {"role": "user", "value": f"{_words(number, turn)}: {_text(number + turn)}"},
            {"role": "assistant", "value": f"{beginning if turn == number % 4 else ''}{_text(turn)} ({number})"},
        ]
        for turn in range(1 + number % 4)
    ]
    return [turn for exchange in exchanges for turn in exchange]


def _own(number: int) -> Fields:
    return {"question": _text(number), "context": "" if number % 2 else f"Of {number}.", "answer": f"It is {number}."}


def _words(*numbers: int) -> str:
    """Words that no other dialogue has, lest they be alike, and kept in one split."""
    digest = sha256(repr(numbers).encode()).hexdigest()
    return " ".join(digest[start : start + 5] for start in range(0, 60, 5))


def _text(number: int) -> str:
    return _TEXTS[number % len(_TEXTS)]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
