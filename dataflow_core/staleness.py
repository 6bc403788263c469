"""Which fields of a record may no longer fit, for what they were made from has been changed since."""

from __future__ import annotations

from sqlalchemy import Connection, select

from dataflow_core.generators.para_seq import ParaSeqTaskGenerator, task_keys
from dataflow_core.models import Fields, Finding, Record, RevisionKind
from dataflow_core.storage.schema import findings

MAYBE_STALE = "maybe-stale"


def stale_findings(
    connection: Connection, record: Record, fields: Fields, params: Fields, kind: RevisionKind
) -> tuple[Finding, ...]:
    """What is stale once the record says `fields`: what was so before and stays as it is, and what depends on a change.

    Only a person's edit makes anything stale: what was written in one go, or was one before, fits.
    """
    if record.generator != ParaSeqTaskGenerator.name or kind is not RevisionKind.EDITED:
        return ()
    task, parallel, subsequent, composition = task_keys(params)
    depends_on = {parallel: (task,), subsequent: (task, parallel), composition: (task, parallel, subsequent)}
    changed = {name for name in fields if fields[name] != record.fields.get(name)}
    was_stale = select(findings.c.field, findings.c.message).where(
        findings.c.record == record.number, findings.c.check == MAYBE_STALE
    )
    stale: dict[str, str] = {row[0]: row[1] for row in connection.execute(was_stale)}
    for name, sources in depends_on.items():
        if causes := [source for source in sources if source in changed]:
            stale[name] = (
                f"{' and '.join(causes)} {'was' if len(causes) == 1 else 'were'} changed after this was written."
            )
    return tuple(
        Finding(MAYBE_STALE, name, why) for name, why in stale.items() if name not in changed and name in fields
    )
