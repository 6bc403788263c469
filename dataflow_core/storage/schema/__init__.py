"""The workspace database's tables. Times are seconds since the epoch, UTC; ids are ULIDs, which sort by time.

runs ─┬─ inputs ─┬─ calls      every answer of a model, as it came: what a resumed run goes on from
      │          ├─ failures   why an attempt at an input brought no record
      │          └─ records ─┬─ revisions   the content, every version of it
      │                      ├─ decisions, comments, taggings   what people said of it, in order
      │                      ├─ proposals   other texts for it by a model, which a person accepts or refuses
      │                      └─ record_tags, findings, sort_keys, record_texts   to find, count and sort it by
      └─ source_lines          lines of the uploaded file that did not become inputs
actions             what a person did at one go, on one record or on many: what is undone as one
workers             the processes that rewriting runs are executed in
leases, throttles   how live runs share the endpoints they call
dialects            how an endpoint turned out to want to be asked
examples            records as they were when they were shown to a model as examples
endpoints, intents, recipes, prompts, preferences, migrations
"""

from dataflow_core.storage.schema.base import metadata
from dataflow_core.storage.schema.records import (
    IS_OPEN,
    IS_SKELETON,
    REPAIRED,
    actions,
    comments,
    decisions,
    findings,
    proposals,
    record_tags,
    records,
    revisions,
    sort_keys,
    taggings,
)
from dataflow_core.storage.schema.runs import (
    calls,
    dialects,
    examples,
    failures,
    inputs,
    leases,
    runs,
    source_lines,
    throttles,
    workers,
)
from dataflow_core.storage.schema.workspace import endpoints, intents, migrations, preferences, prompts, recipes

__all__ = [
    "IS_OPEN",
    "IS_SKELETON",
    "REPAIRED",
    "actions",
    "calls",
    "comments",
    "decisions",
    "dialects",
    "endpoints",
    "examples",
    "failures",
    "findings",
    "inputs",
    "intents",
    "leases",
    "metadata",
    "migrations",
    "preferences",
    "prompts",
    "proposals",
    "recipes",
    "record_tags",
    "records",
    "revisions",
    "runs",
    "sort_keys",
    "source_lines",
    "taggings",
    "throttles",
    "workers",
]
