"""Anyone's serving behind the runs: batches, what it is handed, and what becomes of the inputs when it goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataflow_core.errors import ConfigurationError, ServingError, UsageError
from dataflow_core.models import EMBEDDED, Endpoint, Failure, Fields, Message, Prompt, Stage
from dataflow_core.running import health
from dataflow_core.scripting.api_serving import APILLMServing_request
from dataflow_core.scripting.calling import user_text
from dataflow_core.scripting.consistent_chat import ConsistentChatGenerator
from dataflow_core.scripting.file_storage import FileStorage
from dataflow_core.scripting.para_seq import ParaSeqTaskGenerator
from dataflow_core.scripting.running import serving_of
from dataflow_core.serving.scripted import ScriptedServing
from tests.scripting.servings import Duck, OnlyInput, Talkative, answer
from tests.support import INTENTS, answer_relations


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "BACK_OFF", (0.0, 0.0, 0.0, 0.0))


def run_tasks(folder: Path, serving: Any, n: int = 12) -> tuple[list[Fields], list[Failure]]:
    storage = FileStorage("", str(folder / "cache"))
    storage.step().write([{"atom_task": f"Do thing {number}.", "n": number} for number in range(n)])
    generator = ParaSeqTaskGenerator(serving)
    generator.run(storage.step(), "atom_task")
    rows: list[Fields] = storage.step().read("dict")
    assert len(rows) + len(generator.failures) == n, "every input is a row or a failure"
    for row in rows:
        assert row["parallel_task"] == f"Beside: {row['atom_task']}", "each row has its own answer"
    assert [row["n"] for row in rows] == sorted(row["n"] for row in rows)
    return rows, generator.failures


def run_chat(folder: Path, serving: Any) -> tuple[list[Fields], list[Failure]]:
    storage = FileStorage("", str(folder / "cache"))
    generator = ConsistentChatGenerator(serving, num_dialogs_per_intent=3, intents=INTENTS)
    generator.run(storage.step())
    return storage.step().read("dict"), generator.failures


@pytest.mark.parametrize("serving", [OnlyInput, Duck, Talkative])
@pytest.mark.filterwarnings("ignore:.*temperature")
def test_generate_from_input_alone_is_enough_for_both_generators(tmp_path: Path, serving: Callable[[], Any]) -> None:
    rows, failures = run_tasks(tmp_path / "tasks", serving())
    assert (len(rows), failures) == (12, [])
    dialogues, failures = run_chat(tmp_path / "chat", serving())
    assert (len(dialogues), failures) == (6, [])
    assert all(list(row) == ["category", "conversation"] for row in dialogues)
    assert all([turn["role"] for turn in row["conversation"]] == ["user", "assistant"] * 3 for row in dialogues)


def test_inputs_come_in_batches_one_call_at_a_time(tmp_path: Path) -> None:
    serving = OnlyInput()
    run_tasks(tmp_path, serving, n=100)
    assert serving.most_at_work == 1
    assert sum(map(len, serving.calls)) == 100
    assert len(serving.calls[0]) == 1, "the first call shows whether the model answers at all"
    assert len(serving.calls) < 12
    assert max(map(len, serving.calls)) <= 64


def test_a_serving_is_handed_what_its_signature_takes_and_started_once_a_run(tmp_path: Path) -> None:
    serving = Talkative()
    dialogues, _ = run_chat(tmp_path, serving)
    assert len(dialogues) == 6
    assert serving.starts == 1
    assert {temperature for temperature, _ in serving.told} == {0.9}
    keys = {key for _, schema in serving.told for key in (schema or {})["properties"]}
    assert keys == {"questions", "answers"}
    assert max(map(len, serving.calls)) <= 5
    assert serving.conversations == []
    run_tasks(tmp_path / "tasks", serving)
    assert len(serving.conversations) == 12, "prompts of several turns are conversations"
    assert [turn["role"] for turn in serving.conversations[0]] == ["system", "user", "assistant", "user"]


def test_a_temperature_that_cannot_be_handed_over_is_warned_of_once(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="OnlyInput takes no temperature") as warned:
        run_chat(tmp_path, OnlyInput())
    assert len([one for one in warned if "temperature" in str(one.message)]) == 1


def test_a_conversation_is_spelled_out_where_only_one_text_can_be_given() -> None:
    turns = (Message("system", "S"), Message("user", "one"), Message("assistant", "two"), Message("user", "three"))
    text = user_text(Prompt("p", turns))
    assert text.endswith("User:\none\n\nAssistant:\ntwo\n\nUser:\nthree")
    assert user_text(Prompt("p", (Message("system", "S"), Message("user", "one")))) == "one"


def test_an_input_without_an_answer_fails_alone(tmp_path: Path) -> None:
    def spoil(texts: list[str], answers: list[Any]) -> list[Any]:
        return [None if "thing 7." in text else made for text, made in zip(texts, answers, strict=True)]

    rows, failures = run_tasks(tmp_path, OnlyInput(spoil))
    assert [row["n"] for row in rows] == [n for n in range(12) if n != 7]
    (failure,) = failures
    assert (failure.stage, failure.fields["n"]) == (Stage.SERVING, 7)
    assert "returned None" in failure.reason


def test_one_input_that_makes_the_call_raise_does_no_harm_to_the_others(tmp_path: Path) -> None:
    def spoil(texts: list[str], answers: list[Any]) -> list[Any]:
        if any("thing 7." in text for text in texts):
            raise RuntimeError("context too long,\nkey sk-abcdefghijkl")
        return answers

    rows, failures = run_tasks(tmp_path, OnlyInput(spoil))
    assert len(rows) == 11
    assert failures[0].reason == "OnlyInput raised RuntimeError: context too long, key [key]."
    assert failures[0].calls <= 3


def test_a_list_of_another_length_is_never_paired_by_position(tmp_path: Path) -> None:
    serving = OnlyInput(lambda texts, answers: answers if len(texts) == 1 else answers[:-1])
    rows, failures = run_tasks(tmp_path, serving)
    assert (len(rows), failures) == (12, [])
    long = OnlyInput(lambda texts, answers: [*answers, "more"])
    with pytest.raises(ServingError, match="2 answers to 1 prompts"):
        run_tasks(tmp_path / "long", long)


@pytest.mark.parametrize(("made", "told"), [("text", "a str where a list"), ([7], "a int where a text")])
def test_what_is_no_list_of_texts_is_said(tmp_path: Path, made: Any, told: str) -> None:
    with pytest.raises(ServingError, match=told):
        run_tasks(tmp_path, OnlyInput(lambda *_: made))


def test_a_serving_that_always_raises_stops_the_run_soon_and_what_there_is_goes_on(tmp_path: Path) -> None:
    broken = OnlyInput(lambda *_: 1 // 0)
    with pytest.raises(ServingError, match=r"ZeroDivisionError.*kept in") as caught:
        run_tasks(tmp_path, broken)
    assert "the same script goes on with it" in str(caught.value)
    assert len(broken.calls) < 12
    rows, failures = run_tasks(tmp_path, OnlyInput())
    assert (len(rows), failures) == (12, [])


def test_a_serving_can_say_itself_that_its_settings_are_wrong(tmp_path: Path) -> None:
    def refuse(*_: Any) -> Any:
        raise ConfigurationError("The licence has expired. Renew it.")

    serving = OnlyInput(refuse)
    with pytest.raises(ConfigurationError, match="licence"):
        run_tasks(tmp_path, serving)
    assert len(serving.calls) == 1


def test_an_exit_in_anyones_code_does_not_end_the_run(tmp_path: Path) -> None:
    def leave(texts: list[str], answers: list[Any]) -> list[Any]:
        if any("thing 3." in text for text in texts):
            raise SystemExit(3)
        return answers

    _, failures = run_tasks(tmp_path, OnlyInput(leave))
    assert [failure.fields["n"] for failure in failures] == [3]


def test_a_slow_serving_is_waited_for(tmp_path: Path) -> None:
    def slowly(_: list[str], answers: list[Any]) -> list[Any]:
        time.sleep(0.4)
        return answers

    rows, failures = run_tasks(tmp_path, OnlyInput(slowly))
    assert (len(rows), failures) == (12, [])


@pytest.mark.parametrize(
    "method",
    [
        lambda texts, system: [answer(system, text) for text in texts],
        lambda texts: [answer(text, text) for text in texts],
        lambda texts, **settings: [answer(settings["system_prompt"], text) for text in texts],
        lambda *arguments, **settings: [answer(settings["system_prompt"], text) for text in arguments[0]],
    ],
)
def test_other_signatures_are_understood(tmp_path: Path, method: Callable[..., list[str]]) -> None:
    class Named:
        generate_from_input = staticmethod(method)

    rows, _ = run_tasks(tmp_path, Named())
    assert len(rows) == 12


def test_what_reaches_a_model_is_told_from_what_does_not() -> None:
    api = APILLMServing_request("http://127.0.0.1:1/v1/chat/completions", model_name="m", max_workers=3)
    assert serving_of(api)[1] == api.endpoint
    assert serving_of(Endpoint("e", base_url="http://127.0.0.1:1/v1", model="m"))[1].name == "e"
    serving, endpoint = serving_of(Talkative())
    assert (endpoint.kind, endpoint.name, endpoint.model) == ("script", "Talkative", "talkative-7b")
    assert (endpoint.max_workers, serving.max_workers) == (5, 5)
    scripted = ScriptedServing(answer_relations)
    assert serving_of(scripted)[0] is scripted
    assert serving_of(ScriptedServing(answer_relations, recipe="small"))[1].recipe == "small"
    for wrong in (None, "gpt-4o", Talkative, object()):
        with pytest.raises(UsageError, match="generate_from_input"):
            serving_of(wrong)
    assert EMBEDDED.recipe == "small"


def test_an_own_version_of_the_api_serving_is_asked_in_its_own_way(tmp_path: Path) -> None:
    class Own(APILLMServing_request):
        def generate_from_input(self, user_inputs: list[str], system_prompt: str = "", *_: Any) -> list[str | None]:
            return [answer(system_prompt, text) for text in user_inputs]

        generate_from_conversations = None  # type: ignore[assignment]

    rows, _ = run_tasks(tmp_path, Own("http://127.0.0.1:1/v1"))
    assert len(rows) == 12
