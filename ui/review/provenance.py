"""Where a record came from: its run, what it was made from, and what the model answered, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import streamlit as st

from dataflow_core.errors import UsageError
from dataflow_core.models import Record, Run, Sampling, Usage
from dataflow_core.storage.provenance import ModelCall, Provenance, Rewrite
from dataflow_core.wording import money
from dataflow_core.workspace import Workspace
from ui.format import ago, count, duration
from ui.names import run_label
from ui.text import escape_markdown, plain
from ui.values import as_text, first_question

_ENDINGS = {"length": "cut off at the token limit", "content_filter": "refused"}


def show_provenance(workspace: Workspace, record: Record) -> None:
    for place, rewrite in enumerate(workspace.provenance.rewrites(record)):
        _show_rewrite(rewrite, key=f"provenance-again-{record.id}-{place}")
    _run_button(workspace, record)
    found = workspace.provenance.of(record)
    if found is None:
        st.caption("Written by hand, without a model.")
        return
    facts = [*_how(found), *_what_it_took(found)]
    if facts:
        st.caption(escape_markdown(" · ".join(facts)))
    with st.container(gap="xsmall"):
        with st.expander(f"Input {found.position + 1:,} of the run", key=f"provenance-input-{record.id}"):
            for name, value in found.fields.items():
                st.caption(escape_markdown(name))
                plain(as_text(value) or "(empty)")
        if found.examples:
            _show_examples(workspace, found, key=f"provenance-examples-{record.id}")
        for place, call in enumerate(found.calls):
            _show_call(call, key=f"provenance-{record.id}-{place}")
    if not found.calls:
        st.caption("No answer of a model is stored for it.")


def _show_rewrite(rewrite: Rewrite, *, key: str) -> None:
    """Those that were taken. What the record was made by at first follows."""
    asked = f", asked for “{rewrite.note}”" if rewrite.note else ""
    words = f"Written again by {rewrite.model or 'a model'}{asked} · {rewrite.author}, {ago(rewrite.at)}"
    with st.container(gap="xsmall"):
        st.caption(f":material/autorenew: {escape_markdown(words)}")
        for place, call in enumerate(rewrite.calls):
            _show_call(call, key=f"{key}-{place}")


def _run_button(workspace: Workspace, record: Record) -> None:
    if record.run_id is not None and st.button(
        escape_markdown(run_label(workspace.runs.get(record.run_id))),
        icon=":material/bolt:",
        type="tertiary",
        key=f"provenance-run-{record.id}",
        help="Opens the run that it was made in.",
    ):
        st.switch_page("pages/runs.py", query_params={"run": record.run_id})
    if record.run_id is not None:
        _say_if_of_records(workspace, workspace.runs.get(record.run_id))


def _say_if_of_records(workspace: Workspace, run: Run) -> None:
    """Where its input was itself a record."""
    with suppress(UsageError):  # a saved run may come from another workspace
        if before := run.source.get("of run"):
            st.caption(escape_markdown(f"Its input is a record of {run_label(workspace.runs.get(str(before)))}."))


def _how(found: Provenance) -> Iterator[str]:
    """The model, the prompt and the sampling, where the calls have one; each call tells its own besides."""
    yield from dict.fromkeys(call.model for call in found.calls)
    yield from dict.fromkeys(f"prompt {call.prompt_version}" for call in found.calls)
    if len(alike := {_sampling_in_words(call.sampling) for call in found.calls}) == 1:
        yield from filter(None, alike)


def _what_it_took(found: Provenance) -> Iterator[str]:
    if found.calls:
        yield count(len(found.calls), "call")
        yield _tokens(found.usage)
        if found.cost is not None:
            yield money(found.cost)
        yield duration(found.seconds)


def _show_examples(workspace: Workspace, found: Provenance, *, key: str) -> None:
    """The records that the model was shown, with the way to each; their texts as they were then."""
    with st.expander(f"Examples shown: {len(found.examples)}", key=key):
        for place, example in enumerate(reversed(found.examples)):
            present = workspace.records.get(example.record)
            texts = [value for value in example.fields.values() if isinstance(value, str) and value.strip()]
            plain(first_question(example.fields) or next(iter(texts), "(empty)"))
            if present is None:
                st.caption("This record is no longer in the workspace.")
            elif st.button(
                f"Record {present.number}", type="tertiary", icon=":material/open_in_new:", key=f"{key}-{place}"
            ):
                st.switch_page("pages/review.py", query_params={"record": present.id})


def _show_call(call: ModelCall, *, key: str) -> None:
    facts = [call.step, *([] if call.is_valid else ["not usable"]), duration(call.seconds)]
    with st.expander(
        escape_markdown(" · ".join(facts)),
        icon=":material/check:" if call.is_valid else ":material/error:",
        key=key,
    ):
        st.caption(escape_markdown(" · ".join(_details(call))))
        for text in call.texts:
            st.code(text, language=None, wrap_lines=True)


def _details(call: ModelCall) -> Iterator[str]:
    yield call.model
    yield call.prompt_version
    if sampling := _sampling_in_words(call.sampling):
        yield sampling
    if call.attempt:
        yield f"retry {call.attempt}"
    yield _tokens(call.usage)
    if call.cost is not None:
        yield money(call.cost)
    if call.finish_reason in _ENDINGS:
        yield _ENDINGS[call.finish_reason]
    yield f"{call.at.astimezone():%Y-%m-%d %H:%M:%S}, {ago(call.at)}"


def _tokens(usage: Usage) -> str:
    return f"{count(usage.prompt_tokens, 'token')} in, {usage.completion_tokens:,} out"


def _sampling_in_words(sampling: Sampling) -> str:
    """Return "temperature 0.7, seed 3"; "" where all is left to the endpoint."""
    said = {
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "at most tokens": sampling.max_tokens,
        "choices": sampling.choices if sampling.choices > 1 else None,
        "stop": ", ".join(map(repr, sampling.stop)) or None,
    }
    return ", ".join(f"{name} {value}" for name, value in (said | dict(sampling.extra)).items() if value is not None)
