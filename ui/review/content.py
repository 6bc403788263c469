"""What the open record says, to be edited in place: a task as the structure it is, a dialogue as a conversation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import streamlit as st

from dataflow_core.generators.field_values import MODEL_NAME
from dataflow_core.generators.para_seq import task_keys
from dataflow_core.generators.rewrite import Scope
from dataflow_core.models import SKELETON, Finding, Record, RevisionKind
from dataflow_core.reviewing.staleness import MAYBE_STALE
from dataflow_core.workspace import Workspace
from ui.names import CUSTOM, DIALOGUES
from ui.review.components import relation_card, turn_editor
from ui.review.components.mailbox import Letter, mailbox
from ui.review.components.relation_card import CardField, Role
from ui.review.draft import Draft, draft_of
from ui.review.saving import notice
from ui.shell import remark
from ui.text import escape_markdown
from ui.typed import typed_label, typed_text
from ui.values import CONVERSATION, as_editable, from_text

#: One widget for all records, so that an edit which is on its way when another record comes is still sent.
_CARD, _TURNS, _LATE = "review_card", "review_turns", "review_late"
_BY_A_MODEL = (RevisionKind.GENERATED, RevisionKind.REGENERATED, RevisionKind.ANSWERED)
_ROLES: tuple[Role, ...] = ("atomic", "parallel", "subsequent", "composition")


def save_content(workspace: Workspace) -> None:
    """Save what the browser has sent and is not saved yet. May run at any time, as often as one likes."""
    for document, texts in relation_card.edits(_CARD):
        if (draft := draft_of(workspace, document)) is not None:
            draft.save_texts(workspace, texts)
    if (edited := turn_editor.edited(_TURNS)) is not None:
        document, turns = edited
        if (draft := draft_of(workspace, document)) is not None and CONVERSATION in draft.loaded:
            draft.save(workspace, CONVERSATION, turns)


def collect_late_edits(workspace: Workspace) -> None:
    """On every page: save what was typed on the Review page right before it was left, and could not be saved there."""

    def save(letter: Letter) -> bool:
        draft = draft_of(workspace, letter.document)
        if draft is None:
            return True
        if (turns := turn_editor.turns_in(letter.content)) is not None and CONVERSATION in draft.loaded:
            return draft.save(workspace, CONVERSATION, turns)
        is_saved = draft.save_texts(workspace, relation_card.texts_in(letter.content) or {})
        for problem in draft.problems.values():
            notice(f"Record {draft.record.number}: {problem}")
        return is_saved

    mailbox(key=_LATE, on_letter=save)


def show_content(
    workspace: Workspace,
    record: Record,
    draft: Draft,
    findings: list[Finding],
    *,
    on_regenerate: Callable[[], None] | None = None,
) -> None:
    """`on_regenerate` is called when a turn of a dialogue is to be written again: `wish_for_turn` tells which."""
    if record.generator == DIALOGUES:
        _show_conversation(workspace, draft, findings, on_regenerate)
    elif record.generator == CUSTOM:
        _show_own(workspace, record, draft, findings)
    else:
        _show_relations(workspace, record, draft, findings)


def wish_for_turn() -> tuple[Scope, str] | None:
    """Which turns are to be written again, and the note to that."""
    wish = turn_editor.regenerate_pressed(_TURNS)
    return None if wish is None else (Scope("after" if wish.and_after else "turn", wish.turn), wish.note)


def show_facts_of_dialogue(workspace: Workspace, draft: Draft) -> None:
    """What stands beside a conversation: intent, flow, topic, and whatever else there is."""

    def save(name: str, key: str) -> None:
        draft.save(workspace, name, from_text(st.session_state.get(key), draft.loaded.get(name)))

    for name in draft.loaded:
        if name == CONVERSATION or (name == "intent" and draft.loaded.get("category") == draft.loaded["intent"]):
            continue
        key = f"review_fact-{draft.document}-{draft.generation}-{name}"
        # A system turn is often of many lines, which an input of one line would join.
        typed = st.text_area if name == "system" else st.text_input
        text = typed(escape_markdown(name), as_editable(draft.loaded[name]), key=key, on_change=save, args=(name, key))
        draft.save(workspace, name, from_text(text, draft.loaded[name]))


def _show_relations(workspace: Workspace, record: Record, draft: Draft, findings: list[Finding]) -> None:
    roles: dict[str, Role] = dict(zip(task_keys(workspace.records.params_of(record)), _ROLES, strict=True))
    by_field, stale = defaultdict(list), dict[str, str]()
    for finding in findings:
        if finding.check == MAYBE_STALE:
            stale[finding.field] = finding.message
        else:
            by_field[finding.field].append(finding.message)
    original = _as_generated(workspace, record)
    relation_card.relation_card(
        [
            CardField(
                name,
                as_editable(value),
                roles.get(name, "other"),
                findings=tuple(by_field[name]),
                stale=stale.get(name, ""),
                changed=original is not None and original.get(name) != record.fields.get(name),
            )
            for name, value in draft.loaded.items()
        ],
        key=_CARD,
        document=draft.document,
        stamp=draft.stamp,
        on_change=lambda: save_content(workspace),
    )
    for message in by_field[""]:
        remark(f":material/info: {escape_markdown(message)}", "orange")


def _show_own(workspace: Workspace, record: Record, draft: Draft, findings: list[Finding]) -> None:
    """A record of one's own: an editor for each field, one below the other, but for the model's name."""
    original = _as_generated(workspace, record)
    kinds = draft.kinds_in(workspace)
    by_field = defaultdict(list)
    for finding in findings:
        by_field[finding.field].append(finding.message)
    for name, problem in draft.problems.items():
        by_field[name].insert(0, problem)
    relation_card.relation_card(
        [
            CardField(
                name,
                typed_text(value, kinds[name]),
                "own",
                findings=tuple(by_field[name]),
                changed=original is not None and original.get(name) != record.fields.get(name),
                label=typed_label(name, kinds[name]),
            )
            for name, value in draft.loaded.items()
            if name != MODEL_NAME
        ],
        key=_CARD,
        document=draft.document,
        stamp=draft.stamp,
        on_change=lambda: save_content(workspace),
    )
    for message in by_field[""]:
        remark(f":material/info: {escape_markdown(message)}", "orange")


def _show_conversation(
    workspace: Workspace, draft: Draft, findings: list[Finding], on_regenerate: Callable[[], None] | None
) -> None:
    turns = draft.loaded.get(CONVERSATION) or []
    turn_editor.turn_editor(
        turns,
        key=_TURNS,
        document=draft.document,
        stamp=draft.stamp,
        on_change=lambda: save_content(workspace),
        on_regenerate=on_regenerate,
        findings=[finding.message for finding in findings],
        is_skeleton=draft.record.stage == SKELETON,
    )
    if draft.record.stage == SKELETON:
        st.caption("Accept these questions to have them answered: Runs → Get answers. What you change here is asked.")


def _as_generated(workspace: Workspace, record: Record) -> dict[str, object] | None:
    """What a model wrote last; a record written by hand as it was at first. None where nobody has changed that."""
    if not record.is_edited:
        return None
    history = workspace.records.history(record.id)
    made = next((revision for revision in history if revision.kind in _BY_A_MODEL), history[-1])
    return dict(made.fields)
