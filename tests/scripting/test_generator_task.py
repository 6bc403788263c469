from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from dataflow_core.errors import UsageError
from dataflow_core.models import Endpoint
from dataflow_core.scripting.chats import Generations, spoken
from dataflow_core.scripting.generator_task import GeneratorTask
from dataflow_core.scripting.llms import OpenAILLM
from dataflow_core.scripting.pipeline import Pipeline
from dataflow_core.scripting.typing import GeneratorOutput
from dataflow_core.serving.scripted import ScriptedServing
from tests.scripted_endpoint import ScriptedEndpoint
from tests.scripting.tasks import Asking, Yielding, topics


def model(*replies: str) -> ScriptedServing:
    return ScriptedServing(list(replies))


def batches(*given: Any) -> list[Any]:
    task = Yielding(given=list(given), llm=model())
    task.load()
    return list(task.process())


def test_a_yielded_dict_comes_out_as_a_list_of_it_and_lists_and_tuples_as_they_are() -> None:
    row = {"a": 1}
    assert batches(row, [row, row], [], ([row], False), (row, True)) == [
        [row], [row, row], [], ([row], False), ([row], True),
    ]  # fmt: skip


@pytest.mark.parametrize("given", [None, "text", 1, ["text"], ({"a": 1}, 2), (1, True), {1, 2}])
def test_anything_else_that_is_yielded_is_refused_in_a_sentence(given: Any) -> None:
    with pytest.raises(UsageError, match=r"Yielding\.process\(\) has yielded .*Yield a dictionary"):
        batches(given)


def test_a_process_that_returns_is_told_to_yield() -> None:
    class Returning(Yielding):
        def process(self, offset: int = 0) -> Any:
            return [{"a": 1}]

    with pytest.raises(UsageError, match="Use `yield`"):
        next(Returning(given=[], llm=model()).process())


def test_a_process_that_extends_its_parents_gives_the_same_rows() -> None:
    class Twice(Yielding):
        def process(self, offset: int = 0) -> GeneratorOutput:
            yield from super().process(offset)
            yield from super().process(offset)

    task = Twice(given=[{"a": 1}], llm=model())
    task.load()
    assert list(task.process()) == [[{"a": 1}], [{"a": 1}]]


def test_a_forgotten_load_is_made_good_unless_the_class_does_more_in_it() -> None:
    class Loading(Yielding):
        is_ready: bool = False

        def load(self) -> None:
            self.is_ready = True

    assert next(Yielding(given=[{"a": 1}], llm=model()).process()) == [{"a": 1}]
    task = Loading(given=[{"a": 1}], llm=model())
    with pytest.raises(UsageError, match=r"Loading\.load\(\) was not called"):
        next(task.process())
    task.load()
    assert next(task.process()) == [{"a": 1}]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (None, None),
        ("text", "text"),
        (Generations(["text"]), "text"),
        ([Generations(["text"])], "text"),
        ([Generations([None])], None),
        ({"generations": ["text"], "statistics": {}}, "text"),
        ([{"generations": [None]}], None),
        ([["text"]], "text"),
    ],
)
def test_format_output_is_handed_the_text(output: Any, text: str | None) -> None:
    task = Asking(topics=[], llm=model())
    assert task.format_output(output=output, input=None) == {"text": text}
    assert task.format_output(output) == {"text": text}


@pytest.mark.parametrize(
    "output",
    [["text"], ["a", "b"], [Generations(["a", "b"])], [Generations(["a"]), Generations(["b"])], {"a": 1}, [], 5],
)
def test_what_is_not_one_generation_of_one_input_is_left_as_it_is(output: Any) -> None:
    assert spoken(output) is output


def test_a_task_without_process_or_outputs_cannot_be_made() -> None:
    class Nothing(GeneratorTask):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Nothing(llm=model())  # type: ignore[abstract]


def test_a_missing_or_unknown_field_is_named_and_no_value_shown() -> None:
    with pytest.raises(ValidationError, match="topics") as caught:
        Asking(llm=model(), instuction="sk-secret-0123456789")  # type: ignore[call-arg]
    assert "instuction" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_what_cannot_generate_is_no_model() -> None:
    with pytest.raises(UsageError, match="str is no model"):
        Asking(topics=[], llm="gpt-4")


def test_an_endpoint_of_the_app_is_a_model(endpoint: ScriptedEndpoint) -> None:
    rows: Any = next(Asking(topics=["jokes"], llm=Endpoint("Mine", model="gpt-4")).process())
    assert rows[0]["model_name"] == "gpt-4"


def test_anybodys_object_with_generate_from_input_is_a_model() -> None:
    class Mine:
        def generate_from_input(self, user_inputs: list[str], system_prompt: str = "") -> list[str]:
            return [f"{text}!" for text in user_inputs]

    rows: Any = next(Asking(topics=["jokes"], llm=Mine()).process())
    assert rows[0] == {"topic": "jokes", "text": "About jokes!", "model_name": "Mine"}


def test_a_llm_of_distilabel_is_used_as_it_is() -> None:
    class TheirLLM:
        model_name = "theirs"

        def generate(self, inputs: list[Any], num_generations: int = 1, **_: Any) -> list[Any]:
            return [{"generations": [chat[-1]["content"].upper()], "statistics": {}} for chat in inputs]

    rows: Any = next(Asking(topics=["jokes"], llm=TheirLLM()).process())
    assert rows[0]["text"] == "ABOUT JOKES"


def test_a_task_works_where_an_event_loop_is_running() -> None:
    async def notebook() -> Any:
        task = Asking(topics=topics(2), together=2, llm=model("one", "two", "three", "four"))
        return next(task.process()), task.run()

    standalone, run = asyncio.run(notebook())
    assert [row["text"] for row in standalone] == ["one", "two"]
    assert [row["text"] for row in run] == ["three", "four"]


def test_a_bug_of_the_serving_is_raised_and_not_taken_for_the_tasks() -> None:
    with pytest.raises(LookupError):
        Asking(topics=topics(2), llm=model("one")).run()
    with pytest.raises(LookupError):
        list(Asking(topics=topics(2), llm=model("one")).process())


def test_a_key_is_in_no_representation_and_not_stored() -> None:
    secret = "sk-live-0123456789abcdef"

    class Keyed(Yielding):
        service_api_key: str
        other: SecretStr
        note: dict[str, Any]

    llm = OpenAILLM(model="m", api_key=secret)
    note = {"headers": [{"x": secret}]}
    task = Keyed(
        given=["Write 5 Jokes about Paris."], llm=llm, service_api_key=secret, other=SecretStr(secret), note=note
    )
    assert secret not in repr(llm) + str(llm) + repr(llm.reach()) + llm.model_dump_json() + repr(llm.endpoint)
    assert task.stored_fields == {"given": ["Write 5 Jokes about Paris."]}
    with pytest.raises(ValidationError) as caught:
        OpenAILLM.model_validate({"model": "m", "api_key": secret, "max_retries": "many", "nonsense": 1})
    assert secret not in str(caught.value)


def test_steps_are_connected_within_a_pipeline_only() -> None:
    task = Yielding(given=[], llm=model())
    with pytest.raises(UsageError, match="with Pipeline"):
        task >> task
    with Pipeline("p"), pytest.raises(UsageError, match="cannot follow"):
        task >> Yielding(given=[], llm=model())


def test_the_names_of_a_script_load_nothing_large() -> None:
    code = """
import sys
from dataflow_core import ChatType, Export, GeneratorOutput, GeneratorTask, OpenAILLM, Pipeline, override
OpenAILLM(model="m").load()
print([name for name in ("pandas", "pyarrow", "sqlalchemy", "openai", "streamlit", "numpy") if name in sys.modules])
"""
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
