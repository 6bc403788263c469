from __future__ import annotations

import pytest

from dataflow_core.checks import LABELS, check_record
from dataflow_core.generators import GENERATORS
from dataflow_core.models import Fields, Finding
from tests.checks.good_records import TASKS, task_record

TASK_GENERATOR = "ParaSeqTaskGenerator"
ATOMIC, PARALLEL, SUBSEQUENT, COMPOSITION = TASKS["an evening out"].values()


def findings(fields: Fields, params: Fields | None = None) -> tuple[Finding, ...]:
    return check_record(TASK_GENERATOR, fields, params or {})


def changed(**texts: object) -> Fields:
    """The record of an evening out with other texts in some fields."""
    return TASKS["an evening out"] | {f"{name}_task": text for name, text in texts.items()}


def noticed(fields: Fields) -> set[tuple[str, str]]:
    return {(finding.check, finding.field.removesuffix("_task")) for finding in findings(fields)}


@pytest.mark.parametrize("name", TASKS)
def test_nothing_is_said_of_a_good_record(name: str) -> None:
    assert findings(TASKS[name]) == ()


@pytest.mark.parametrize("text", ["", "  \n", None, 7, ["a"], {"a": "b"}])
def test_an_output_without_text_is_empty(text: object) -> None:
    assert noticed(changed(parallel=text)) == {("empty", "parallel")}


def test_an_output_that_is_not_there_is_empty() -> None:
    fields = changed()
    del fields["composition_task"]
    assert findings(fields) == (Finding("empty", "composition_task", "The composition is empty."),)


@pytest.mark.parametrize(
    ("text", "is_short"),
    [
        ("Find tickets.", True),
        ("Find show tickets.", False),
        ("买两张票。", True),
        ("预订两张演出票。", False),
    ],
)
def test_fewer_than_three_words_or_six_characters_are_too_short(text: str, is_short: bool) -> None:
    assert (("too-short", "parallel") in noticed(changed(parallel=text))) is is_short


@pytest.mark.parametrize(
    ("text", "is_long"),
    [
        (PARALLEL + " The show is to be funny." * 20, True),
        (PARALLEL + " The show is to be funny." * 10, False),
        ("为周六晚上找四张演出票。" * 30, True),
        ("为周六晚上找四张演出票。" * 10, False),
    ],
)
def test_an_essay_is_too_long(text: str, is_long: bool) -> None:
    assert (("too-long", "parallel") in noticed(changed(parallel=text))) is is_long


@pytest.mark.parametrize(
    ("parallel", "repeats"),
    [
        (ATOMIC, True),
        (ATOMIC.upper().rstrip("."), True),
        ("Please reserve a table for four at an Italian restaurant in Chicago, Saturday, 7 pm.", True),
        ("For Saturday at 7 pm in Chicago, book a table for four at an Italian restaurant.", True),
        ("Book a quiet table for four at an Italian restaurant in Chicago for Saturday at 7 pm.", True),
        ("Book a table for four at a Korean restaurant in Chicago for Saturday at 7 pm.", False),
        ("Book a table for four at an Italian restaurant in Chicago for Saturday at 9 pm.", False),
        ("Book a table for four at an Italian restaurant.", False),
    ],
)
def test_the_parallel_task_repeats_the_task(parallel: str, repeats: bool) -> None:
    found = noticed(changed(parallel=parallel))
    assert (("parallel-repeats-task", "parallel") in found) is repeats


def test_the_way_back_and_the_opposite_are_other_tasks() -> None:
    there = task_record("Find a train from Milan to Zurich.", "Find a train from Zurich to Milan.", "", "")
    absent = task_record(
        "List the employees of the Oslo office who completed the safety and fire training this year.",
        "List the employees of the Oslo office who have not completed the safety and fire training this year.",
        "",
        "",
    )
    assert "parallel-repeats-task" not in {check for check, _ in noticed(there) | noticed(absent)}


@pytest.mark.parametrize(
    ("subsequent", "message"),
    [
        (ATOMIC, "The subsequent task says nearly the same as the atomic task."),
        (PARALLEL.lower(), "The subsequent task says nearly the same as the parallel task."),
    ],
)
def test_the_subsequent_task_repeats_another(subsequent: str, message: str) -> None:
    (finding,) = [each for each in findings(changed(subsequent=subsequent)) if each.field == "subsequent_task"]
    assert finding == Finding("subsequent-repeats", "subsequent_task", message)


def test_the_next_step_with_the_words_of_the_task_repeats_nothing() -> None:
    fields = task_record(
        "Draft an email to Sarah about the quarterly budget review meeting on Tuesday at 3 pm in room 5.",
        "Prepare the slides for the quarterly budget review.",
        "Send the drafted email to Sarah about the quarterly budget review meeting on Tuesday at 3 pm in room 5.",
        "",
    )
    assert ("subsequent-repeats", "subsequent") not in noticed(fields)


@pytest.mark.parametrize(
    ("subsequent", "uses_nothing"),
    [
        ("Paint the garden fence green.", True),
        ("查询明天的汇率。", True),
        ("Add both events to my calendar.", False),
        ("Based on the result, pick a dress.", False),
        ("Send them a message.", False),
        ("Tell my friends where the restaurant is.", False),
        ("Invite the others and mention the tables.", False),
        ("根据以上结果写一份邀请。", False),
    ],
)
def test_the_subsequent_task_uses_nothing_of_the_others(subsequent: str, uses_nothing: bool) -> None:
    found = noticed(changed(subsequent=subsequent))
    assert (("subsequent-uses-nothing", "subsequent") in found) is uses_nothing


@pytest.mark.parametrize(
    ("composition", "message"),
    [
        (ATOMIC, "The composition says nearly the same as the atomic task."),
        (PARALLEL, "The composition says nearly the same as the parallel task."),
        (f"  {SUBSEQUENT}\n", "The composition says nearly the same as the subsequent task."),
    ],
)
def test_the_composition_is_one_of_the_three(composition: str, message: str) -> None:
    expected = Finding("composition-repeats", "composition_task", message)
    assert findings(changed(composition=composition)) == (expected,)


@pytest.mark.parametrize(
    ("composition", "left_out"),
    [
        (
            "Find tickets for four to a comedy show in Chicago that starts after 9 pm on Saturday, and send my three "
            "friends an invitation with its name and its starting time.",
            "the atomic task",
        ),
        (
            "Book a table for four at an Italian restaurant in Chicago for Saturday at 7 pm and send my three friends "
            "an invitation with the restaurant's address.",
            "the parallel task",
        ),
        (
            "Book a table for four at an Italian restaurant in Chicago for Saturday at 7 pm and find tickets to a "
            "comedy show that begins after 9 pm.",
            "the subsequent task",
        ),
        (f"{ATOMIC[:-1]}, then book it for next Saturday too.", "the parallel task and the subsequent task"),
    ],
)
def test_the_composition_leaves_out_what_it_has_no_word_of(composition: str, left_out: str) -> None:
    message = f"The composition takes up nothing of {left_out}."
    expected = Finding("composition-leaves-out", "composition_task", message)
    assert findings(changed(composition=composition)) == (expected,)


def test_a_chinese_composition_leaves_out_the_hotel() -> None:
    fields = TASKS["in Chinese"] | {
        "composition_task": "查询本周六从上海到杭州的高铁车次和票价，并根据车票制定周末两日游的预算。"
    }
    (finding,) = findings(fields)
    assert finding.message == "The composition takes up nothing of the parallel task."


def test_other_words_for_the_subsequent_task_are_not_taken_for_leaving_it_out() -> None:
    fields = task_record(
        "Find the height of Mount Everest in meters.",
        "Find the height of K2 in meters.",
        "Subtract the smaller number from the larger and round the remainder.",
        "How much taller is Mount Everest than K2, in meters?",
    )
    assert findings(fields) == ()


@pytest.mark.parametrize(
    ("text", "names_one"),
    [
        ("Do the atomic task and the parallel task, then write an invitation to the comedy show and restaurant.", True),
        ("Combine Task 1 with the comedy show and the restaurant and write an invitation with name and time.", True),
        ("Do the parallel_task, then write an invitation with the restaurant's address and the show's time.", True),
        (
            "Write down each task of the evening: restaurant, comedy show tickets and the invitation with address.",
            False,
        ),
        ("Split the evening into parallel tasks: a table, comedy tickets, an invitation with the address.", False),
    ],
)
def test_a_label_of_the_record_does_not_belong_in_a_text(text: str, names_one: bool) -> None:
    assert (("names-label", "composition") in noticed(changed(composition=text))) is names_one


def test_the_names_of_the_runs_own_fields_are_labels_and_plain_words_are_not() -> None:
    params = {
        "input_task_key": "seed",
        "output_parallel_task_key": "side_job",
        "output_subsequent_task_key": "next",
        "output_composition_task_key": "all",
    }
    texts = (ATOMIC, PARALLEL, f"{SUBSEQUENT} Do it next.", f"{COMPOSITION} Begin with side_job.")
    fields = dict(zip(("seed", "side_job", "next", "all"), texts, strict=True))
    (finding,) = findings(fields, params)
    assert finding == Finding("names-label", "all", "The composition names a label of the record: “side_job”.")


@pytest.mark.parametrize(
    "start",
    ["Sure, here is", "Sure! Here's", "Certainly!", "Here's a", "Here is the", "I’m sorry, but I can't", "As an AI, I"],
)
def test_chatter_of_the_model_is_noticed(start: str) -> None:
    assert noticed(changed(parallel=f"{start} {PARALLEL}")) == {("chatter", "parallel")}


def test_a_closing_remark_is_chatter() -> None:
    text = f"{COMPOSITION} Let me know if you'd like another version!"
    assert noticed(changed(composition=text)) == {("chatter", "composition")}


@pytest.mark.parametrize("text", ["I cannot help with that request.", "I can’t assist with booking a comedy show."])
def test_a_refusal_is_chatter(text: str) -> None:
    assert ("chatter", "parallel") in noticed(changed(parallel=text))


@pytest.mark.parametrize(
    "start",
    ["I cannot make it before 8 pm:", "Hereby I ask you:", "Let me know if you find it:", "Make sure, please:"],
)
def test_what_a_person_would_write_is_no_chatter(start: str) -> None:
    assert noticed(changed(parallel=f"{start} {PARALLEL}")) == set()


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        (f"```\n{PARALLEL}\n```", "```"),
        (f"### Show:\n{PARALLEL}", "###"),
        (f"**Show**\n{PARALLEL}", "**Show**"),
        (f"<think>A show.</think>{PARALLEL}", "<think>"),
    ],
)
def test_markup_that_was_left_in_is_noticed(text: str, markup: str) -> None:
    expected = Finding("leftover-markup", "parallel_task", f"Markup was left in the parallel task: “{markup}”.")
    assert findings(changed(parallel=text)) == (expected,)


@pytest.mark.parametrize("text", ["### Parallel Task:\n", "**Parallel Task**\n", "**Parallel Task:** "])
def test_a_heading_with_a_label_is_both_markup_and_label(text: str) -> None:
    expected = {("leftover-markup", "parallel"), ("names-label", "parallel")}
    assert noticed(changed(parallel=text + PARALLEL)) == expected


def test_markup_and_labels_of_the_task_itself_may_come_again() -> None:
    task = "Explain what ```git add -p``` does in the parallel task of the course"
    fields = task_record(
        task,
        "Explain what ```git stash``` does.",
        "Make flash cards of both.",
        f"{task} and what ```git stash``` does.",
    )
    assert not {check for check, _ in noticed(fields)} & {"leftover-markup", "names-label"}


@pytest.mark.parametrize(
    "end",
    [
        ", and",
        " with the",
        " with the.",
        ", the restaurant,",
        " (near the theater",
        " called “Late Laughs",
        ' called "Late',
    ],
)
def test_a_text_that_ends_in_the_middle_is_cut_off(end: str) -> None:
    assert noticed(changed(parallel=PARALLEL[:-1] + end)) == {("cut-off", "parallel")}


@pytest.mark.parametrize(
    "end",
    [
        "",
        ".",
        " (near the theater)",
        " called “Late Laughs”",
        ' on a 15" screen',
        " and log in",
        " that takes x < [0, 1)",
    ],
)
def test_a_text_without_a_full_stop_may_be_whole(end: str) -> None:
    assert noticed(changed(parallel=PARALLEL[:-1] + end)) == set()


def test_every_finding_has_a_label_and_a_generator_of_its_own_name() -> None:
    assert TASK_GENERATOR in GENERATORS
    assert all(label and len(label) < 30 for label in LABELS.values())


def test_a_finding_is_told_once_a_check_and_field() -> None:
    messy = "### Parallel Task:\n```\nSure, here is Task 1 and Task 2 and **Parallel Task** and the"
    found = [
        (each.check, each.field) for each in findings(changed(parallel=messy, subsequent=messy, composition=messy))
    ]
    assert len(found) == len(set(found))
    assert {check for check, _ in found} <= set(LABELS)
