"""What a format calls clean the target takes, and what it calls refused, dropped or cut the target does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dataflow_core.exporters import EXPORTERS
from dataflow_core.exporters.base import Content, FieldChoice, Severity, UnfitError
from dataflow_core.exporters.json_lines import line_of
from dataflow_core.models import Fields
from tests.exporters.contents import DEFAULT, DIALOGUES, any_contents, content, dialogues, edited, turns
from tests.exporters.validators import FEWEST, VALIDATORS

LOST = (Severity.REFUSED, Severity.DROPPED, Severity.CUT)
CHOICES = st.sampled_from([DEFAULT, DEFAULT, FieldChoice("atom_task", "line", "composition_task", "system")])


def row_or_reason(name: str, given_content: Content, choice: FieldChoice) -> Fields | str:
    try:
        return EXPORTERS[name].row(given_content, choice)
    except UnfitError as error:
        return str(error)


@pytest.mark.parametrize("name", VALIDATORS)
@settings(max_examples=150)
@given(given_content=any_contents | dialogues | edited(), choice=CHOICES)
def test_a_target_takes_what_its_format_calls_clean_and_nothing_else(
    name: str, given_content: Content, choice: FieldChoice
) -> None:
    exporter = EXPORTERS[name]
    row = row_or_reason(name, given_content, choice)
    if isinstance(row, str):
        assert row[0].isupper()
        assert row.endswith(".")
        return
    if name == "dataflow":
        assume(given_content.generator == DIALOGUES)  # of others any keys are right
    lost = [problem for problem in exporter.problems(row) if problem.severity in LOST]
    complaints = VALIDATORS[name](row)
    assert bool(lost) == bool(complaints), (row, lost, complaints)


@pytest.mark.parametrize("name", EXPORTERS)
@settings(max_examples=100)
@given(given_content=any_contents | edited(), choice=CHOICES)
def test_any_record_is_a_row_that_a_line_carries_whole_or_unfit_with_a_reason(
    name: str, given_content: Content, choice: FieldChoice
) -> None:
    exporter = EXPORTERS[name]
    row = row_or_reason(name, given_content, choice)
    if isinstance(row, str):
        return
    line = line_of(row)
    assert json.loads(line) == row
    assert len(line.splitlines()) == 1
    for problem in [*exporter.problems(row), *exporter.notes(given_content, choice)]:
        assert problem.rule == problem.rule.lower().replace(" ", "-")
        assert problem.message.endswith(".")
    assert all(isinstance(text, str) for text in exporter.texts(row))


def test_the_fewest_examples_are_those_of_the_guides() -> None:
    assert {name: exporter.fewest for name, exporter in EXPORTERS.items() if exporter.fewest} == FEWEST


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ([], {"no-turns"}),
        (["user"], {"last-turn", "no-answer"}),
        (["user", "user"], {"turn-order", "no-answer"}),
        (["assistant", "user", "assistant"], {"first-turn"}),
        (["user", "assistant", "assistant"], {"turn-order"}),
        (["user", "assistant", "user"], {"last-turn"}),
    ],
)
def test_each_disorder_has_a_rule_to_be_counted_by(roles: list[str], said: set[str]) -> None:
    conversation = [{"role": role, "value": "x"} for role in roles]
    record = content({"category": "", "conversation": conversation}, DIALOGUES)
    for name in ("dataflow", "openai", "sharegpt", "messages", "axolotl", "trl"):
        exporter = EXPORTERS[name]
        (problem,) = exporter.problems(exporter.row(record, DEFAULT))
        assert problem.rule in said, name
    with pytest.raises(UnfitError, match="Alpaca holds only pairs"):
        EXPORTERS["alpaca"].row(record, DEFAULT)


@pytest.mark.parametrize("name", ["dataflow", "openai", "sharegpt", "messages", "axolotl", "alpaca", "trl"])
def test_empty_turns_are_told_with_their_place(name: str) -> None:
    record = content({"category": "x", "conversation": turns("a", "b", "c", "")}, DIALOGUES)
    (problem,) = EXPORTERS[name].problems(EXPORTERS[name].row(record, DEFAULT))
    assert problem.rule == "empty-text"
    assert problem.message.startswith("Turn 4 is empty. ")
    assert (problem.severity is Severity.REFUSED) == (name == "openai")
    blank = content({"category": "x", "conversation": turns("a", " \n")}, DIALOGUES)
    (problem,) = EXPORTERS[name].problems(EXPORTERS[name].row(blank, DEFAULT))
    assert (problem.rule, problem.severity) == ("blank-text", Severity.NOTED)


@pytest.mark.parametrize("name", [name for name in VALIDATORS if name != "preference"])
def test_half_of_a_character_is_written_as_an_escape_and_refused_for_most_readers_stop_at_it(name: str) -> None:
    exporter = EXPORTERS[name]
    row = exporter.row(content({"category": "x", "conversation": turns("a \ud83d", "b")}, DIALOGUES), DEFAULT)
    (problem,) = exporter.problems(row)
    assert (problem.rule, problem.severity) == ("half-character", Severity.REFUSED)
    assert "\\ud83d" in line_of(row)
    assert json.loads(line_of(row)) == row
