"""The reasons for a rejection are the people's own list."""

from __future__ import annotations

from dataflow_core.storage.preferences import MOST_REASONS, REASONS, PreferenceStore
from dataflow_core.workspace import Workspace


def test_a_new_workspace_has_reasons_to_begin_with_one_for_a_digit(workspace: Workspace) -> None:
    assert workspace.preferences.reasons() == REASONS
    assert 0 < len(REASONS) <= MOST_REASONS == 9


def test_reasons_are_kept_in_order_without_empty_and_repeated_ones(workspace: Workspace) -> None:
    workspace.preferences.set_reasons(["  Too  long ", "", "Off topic", " ", "Too long", "Zu vage – “ungenau”\n"])
    assert PreferenceStore(workspace.database).reasons() == ("Too long", "Off topic", "Zu vage – “ungenau”")


def test_no_more_are_kept_than_there_are_digits_and_none_is_an_essay(workspace: Workspace) -> None:
    workspace.preferences.set_reasons([f"Reason {number}" for number in range(20)])
    assert workspace.preferences.reasons() == tuple(f"Reason {number}" for number in range(9))
    workspace.preferences.set_reasons(["x" * 500])
    assert workspace.preferences.reasons() == ("x" * 80,)


def test_a_list_may_be_emptied_and_stays_so(workspace: Workspace) -> None:
    workspace.preferences.set_reasons([])
    assert workspace.preferences.reasons() == ()


def test_what_no_database_holds_is_shown_as_such(workspace: Workspace) -> None:
    workspace.preferences.set_reasons(["odd \ud800 \0"])
    assert workspace.preferences.reasons() == ("odd \ufffd \ufffd",)
