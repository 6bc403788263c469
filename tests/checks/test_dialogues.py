from __future__ import annotations

import pytest

from dataflow_core.checks import LABELS, check_record
from dataflow_core.models import SKELETON, Fields
from tests.checks.good_records import DIALOGUES, dialogue_record

QUESTION = "Which tomatoes grow well in pots on a balcony?"
ANSWER = "Small bush tomatoes do: they stay below 60 cm and need a pot that holds at least ten liters."
FOLLOW_UP = "How often do I have to water them in summer?"
LAST = "Twice a day when it is hot, else once. Water the soil and not the leaves."


def noticed(*texts: str) -> dict[str, str]:
    return checked(dialogue_record(*texts))


def checked(fields: Fields) -> dict[str, str]:
    """The messages by check."""
    found = check_record("ConsistentChatGenerator", fields, {})
    assert {finding.field for finding in found} <= {"conversation"}
    assert {finding.check for finding in found} <= set(LABELS)
    messages = {finding.check: finding.message for finding in found}
    assert len(messages) == len(found)
    return messages


def spoken(*turns: tuple[object, object]) -> dict[str, str]:
    return checked({"conversation": [{"role": role, "value": value} for role, value in turns]})


@pytest.mark.parametrize("name", DIALOGUES)
def test_nothing_is_said_of_a_good_dialogue(name: str) -> None:
    assert checked(DIALOGUES[name]) == {}


@pytest.mark.parametrize("fields", [{}, {"conversation": []}, {"conversation": None}, {"conversation": "Hello?"}])
def test_a_dialogue_needs_turns(fields: Fields) -> None:
    assert checked(fields) == {"no-turns": "The dialogue has no turns."}


def test_empty_turns_are_named_by_number() -> None:
    assert noticed(QUESTION, ANSWER, FOLLOW_UP, " ") == {"empty-turn": "Turn 4 is empty."}
    assert noticed(QUESTION, "", FOLLOW_UP, " ") == {"empty-turn": "Turns 2 and 4 are empty."}


def test_of_many_turns_only_the_first_are_named() -> None:
    assert noticed(*[""] * 20)["empty-turn"] == "Turns 1, 2, 3, 4, 5, 6 and 14 more are empty."


def test_what_is_no_turn_is_empty_and_by_neither_side() -> None:
    found = checked({"conversation": [7, {"role": "assistant", "value": ANSWER}]})
    assert found == {"empty-turn": "Turn 1 is empty.", "unknown-role": "Turn 1 is by neither side."}


def test_roles_alternate_from_the_user_to_the_assistant() -> None:
    user, assistant = ("user", QUESTION), ("assistant", ANSWER)
    assert spoken(user, assistant) == {}
    assert spoken(user, assistant, ("user", FOLLOW_UP)) == {
        "ends-with-user": "The dialogue does not end with an answer."
    }
    assert spoken(assistant, user, ("assistant", LAST)) == {
        "starts-with-assistant": "The dialogue does not start with the user."
    }
    assert spoken(user, ("user", FOLLOW_UP), assistant) == {
        "roles-do-not-alternate": "Turn 2 has the role of the one before."
    }
    assert spoken(("human", QUESTION), ("gpt", ANSWER)) == {"unknown-role": "Turns 1 and 2 are by neither side."}


def test_a_system_turn_may_open_a_dialogue_and_stand_nowhere_else() -> None:
    system = ("system", "You know all about plants.")
    assert spoken(system, ("user", QUESTION), ("assistant", ANSWER)) == {}
    assert "unknown-role" in spoken(("user", QUESTION), system, ("assistant", ANSWER))
    assert "ends-with-user" in spoken(system)


def test_a_turn_is_no_essay() -> None:
    essay = " ".join(f"Sort number {number} likes the sun." for number in range(101))
    assert noticed(QUESTION, essay) == {"turn-too-long": "Turn 2 is longer than 600 words."}
    assert noticed(QUESTION, essay[:2000] + ".") == {}


def test_an_answer_has_three_words() -> None:
    assert noticed(QUESTION, "Bush tomatoes.") == {"answer-too-short": "Turn 2 has fewer than 3 words."}
    assert noticed(QUESTION, "Small bush tomatoes.", "Thanks!", "You are welcome.") == {}
    assert "answer-too-short" in noticed("哪种番茄适合盆栽？", "小番茄。")


def test_a_question_is_not_asked_twice() -> None:
    again = f"  {QUESTION.upper()}"
    assert noticed(QUESTION, ANSWER, again, LAST) == {"repeated-question": "Turn 3 asks an earlier question again."}
    assert noticed(QUESTION, ANSWER, "Tell me more.", LAST, "Tell me more.", "Feed them every other week.") == {}
    assert noticed(QUESTION, ANSWER, QUESTION.replace("tomatoes", "peppers"), LAST) == {}


def test_an_answer_is_more_than_the_question() -> None:
    found = noticed("How far is it to the old market square?", "How far is it to the old market square...")
    assert found == {"answer-repeats-question": "Turn 2 only repeats the question."}
    assert noticed("Is the museum open on Monday?", "The museum is open on Monday.") == {}


@pytest.mark.parametrize("again", [ANSWER, ANSWER.replace(" do:", ":")])
def test_an_answer_does_not_come_again(again: str) -> None:
    found = noticed(QUESTION, ANSWER, FOLLOW_UP, again)
    assert found == {"answer-repeats-answer": "Turn 4 repeats an earlier answer."}


def test_the_same_sentence_with_other_numbers_is_another_answer() -> None:
    assert noticed(QUESTION, ANSWER, "And the large ones?", ANSWER.replace("60", "90")) == {}


def test_an_answer_that_comes_again_is_found_however_far_apart() -> None:
    between = [text for number in range(30) for text in (f"And what about sort {number}?", f"It likes spot {number}.")]
    found = noticed(QUESTION, ANSWER, *between, FOLLOW_UP, ANSWER)
    assert found == {"answer-repeats-answer": "Turn 64 repeats an earlier answer."}


@pytest.mark.parametrize(
    "text",
    [
        "Sure, here is the user's next message: How often do I water them?",
        "Here are the questions: How often do I water them?",
        "As an AI language model, I would ask how often to water them.",
        "I'm sorry, but I cannot assist with that.",
    ],
)
def test_a_remark_by_the_model_is_no_turn_of_the_user(text: str) -> None:
    found = noticed(QUESTION, ANSWER, text, LAST)
    assert found == {"chatter": "Turn 3 holds a remark by the model, not the user's words."}


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, I meant the large ones. How often do I water those?",
        "Sure, here is a photo of the balcony. How often do I water them?",
        "Here's my question: how often do I water them?",
        "I cannot carry much water. How often do they need it?",
        "As an AI language model, do you know how often to water them?",
    ],
)
def test_what_a_user_would_say_is_no_remark_by_the_model(text: str) -> None:
    assert noticed(QUESTION, ANSWER, text, LAST) == {}


def test_an_answer_does_not_speak_as_a_language_model() -> None:
    found = noticed(QUESTION, f"As an AI language model, I have no balcony. {ANSWER}")
    assert found == {"speaks-as-model": "Turn 2 speaks of itself as a language model."}
    assert noticed("What is an AI language model?", "An AI language model predicts the next word of a text.") == {}


def test_a_turn_does_not_begin_with_the_name_of_a_role() -> None:
    found = noticed(f"User: {QUESTION}", f"**Assistant:** {ANSWER}")
    assert found == {"role-label": "Turns 1 and 2 begin with the label of a role."}
    assert noticed("User stories: how long should they be?", "Assistants write two sentences for each of them.") == {}


def test_a_turn_that_ends_in_the_middle_is_cut_off() -> None:
    found = noticed(QUESTION, ANSWER, FOLLOW_UP, "Twice a day when it is hot, and once a day when the")
    assert found == {"cut-off": "Turn 4 seems to be cut off: it ends in the middle."}
    assert noticed(QUESTION, ANSWER, "and in summer", "Twice a day when it is hot :(") == {}


def test_questions_that_have_no_answers_yet_lack_nothing_but_are_checked_themselves() -> None:
    turns = [{"role": "user", "value": value} for value in (QUESTION, FOLLOW_UP, "", QUESTION)]

    def found(fields: Fields) -> set[str]:
        return {finding.check for finding in check_record("ConsistentChatGenerator", fields, {}, stage=SKELETON)}

    assert found({"conversation": turns[:2]}) == set()
    assert found({"conversation": turns}) == {"empty-turn", "repeated-question"}
    assert checked({"conversation": turns[:2]}).keys() == {"roles-do-not-alternate", "ends-with-user"}
