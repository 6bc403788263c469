"""Which fields of a record may no longer fit, for what they were made from has been changed since."""

from __future__ import annotations

from sqlalchemy import Connection, select

from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.models import Fields, Finding, Record, RevisionKind
from dataflow_core.storage.schema import revisions
from dataflow_core.storage.writing import WHOLE

MAYBE_STALE = "maybe-stale"


def stale_findings(
    connection: Connection, record: Record, fields: Fields, params: Fields, kind: RevisionKind
) -> tuple[Finding, ...]:
    """What is stale once the record says `fields`, which it comes to say by a revision of this kind.

    A field fits what it was written beside: the record as it was made in one go, or as a person saw it who changed the
    field. So what is put back as it was, by hand or by an undo, is as stale as it was then.
    """
    if record.generator != ParaSeqTaskGenerator.name or kind in WHOLE:
        return ()
    task, parallel, subsequent, composition = task_keys(params)
    depends_on = {parallel: (task,), subsequent: (task, parallel), composition: (task, parallel, subsequent)}
    before = select(revisions.c.kind, revisions.c.fields).where(revisions.c.record == record.number)
    history = [(RevisionKind(row[0]), row[1]) for row in connection.execute(before.order_by(revisions.c.number))]
    history.append((kind, fields))
    found = []
    for name, sources in depends_on.items():
        if name in fields and (causes := _changed_beside(name, sources, history)):
            names = " and ".join(filter(None, [", ".join(causes[:-1]), causes[-1]]))
            message = f"{names} {'was' if len(causes) == 1 else 'were'} changed after this was written."
            found.append(Finding(MAYBE_STALE, name, message))
    return tuple(found)


def _changed_beside(name: str, sources: tuple[str, ...], history: list[tuple[RevisionKind, Fields]]) -> list[str]:
    """Which sources say something else than they did when the field's present text was last written."""
    present = history[-1][1]
    causes: list[str] = []
    before: Fields = {}
    for kind, fields in history:
        is_written = kind in WHOLE or (kind is RevisionKind.EDITED and fields.get(name) != before.get(name))
        if is_written and fields.get(name) == present[name]:
            causes = [source for source in sources if fields.get(source) != present.get(source)]
            if not causes:
                return []
        before = fields
    return causes
