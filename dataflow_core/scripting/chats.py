"""What `llm.generate` is given and gives back: conversations, settings, generations."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, SupportsIndex, cast, overload

from pydantic import BaseModel

from dataflow_core.errors import UsageError
from dataflow_core.generators.base import Reading
from dataflow_core.generators.mending import UNSTORABLE, storable
from dataflow_core.models import Completion, Message, Prompt, Sampling

#: Settings that are sent under the name they have.
_AS_THEY_ARE = ("top_p", "frequency_penalty", "presence_penalty", "response_format")
_SETTINGS = ("temperature", "max_new_tokens", "stop", "seed", *_AS_THEY_ARE, "extra")
_ROLES = ("system", "user", "assistant")


class Generations(list[str | None]):
    """What a model has said to one input: a text for each generation, None for one that failed.

    It is a list, as in distilabel before 1.5, and answers to `["generations"]` and `["statistics"]`, as since.
    """

    def __init__(self, texts: Iterable[str | None], *, input_tokens: int = 0, output_tokens: int = 0) -> None:
        super().__init__(texts)
        self.statistics = {"input_tokens": [input_tokens], "output_tokens": [output_tokens]}

    @overload
    def __getitem__(self, key: SupportsIndex) -> str | None: ...
    @overload
    def __getitem__(self, key: slice) -> list[str | None]: ...
    @overload
    def __getitem__(self, key: str) -> Any: ...
    def __getitem__(self, key: SupportsIndex | slice | str) -> Any:
        if key == "generations":
            return list(self)
        if key == "statistics":
            return self.statistics
        if isinstance(key, str):
            raise KeyError(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self.keys() else default

    def keys(self) -> tuple[str, str]:
        return ("generations", "statistics")


class CompletionAnswer:
    """The completion as it is, with texts that can be stored. `schema` is what the answer is asked to follow."""

    def __init__(self, schema: dict[str, Any] | None = None) -> None:
        self.schema = schema

    def read(self, completion: Completion) -> Reading[Completion]:
        texts = tuple(storable(text) for text in completion.texts)
        mended = texts != completion.texts
        return Reading(replace(completion, texts=texts) if mended else completion, (UNSTORABLE,) if mended else ())


def prompts_of(inputs: Any, settings: Mapping[str, Any], *, version: str) -> list[Prompt]:
    """One prompt for each conversation. Raises `UsageError` for what is none, or a setting that is not known."""
    if isinstance(inputs, str | Mapping) or not isinstance(inputs, Sequence):
        raise UsageError(
            "llm.generate takes a list of conversations, each a list of messages: "
            'llm.generate(inputs=[[{"role": "user", "content": "Tell me a joke."}]]).'
        )
    sampling = _sampling(settings)
    return [Prompt(version, _messages(chat, number), sampling=sampling) for number, chat in enumerate(inputs)]


def schema_of(structured_output: Any) -> dict[str, Any] | None:
    """The JSON schema of what `structured_output` says: a schema, a pydantic class, or a mapping with "schema"."""
    if structured_output is None:
        return None
    found = structured_output
    if isinstance(found, Mapping) and "schema" in found:
        found = found["schema"]
    if inspect.isclass(found) and issubclass(found, BaseModel):
        return found.model_json_schema()
    if isinstance(found, Mapping):
        return dict(found)
    raise UsageError('structured_output is {"schema": …} with a pydantic class or a JSON schema.')


async def generations_of(
    send: Callable[[Prompt, str], Awaitable[Completion]], prompt: Prompt, count: int, step: str
) -> Generations:
    """Ask until there are `count` texts; `send` raises what a call in vain raises."""
    texts: list[str] = []
    sent = got = 0
    for number in range(count):
        wanted = count - len(texts)
        asked = replace(prompt, sampling=replace(prompt.sampling, choices=wanted))
        completion = await send(asked, step if not number else f"{step}.{number + 1}")
        texts += completion.texts[:wanted]
        sent, got = sent + completion.usage.prompt_tokens, got + completion.usage.completion_tokens
        if len(texts) == count or not completion.texts:
            break
    missing = [None] * (count - len(texts))
    return Generations([*texts, *missing], input_tokens=sent, output_tokens=got)


def spoken(output: Any) -> Any:
    """The text in the result of `llm.generate` for one input with one generation; anything else as it is.

    None stands for a call that failed.
    """
    value = output
    if isinstance(value, list) and not isinstance(value, Generations) and len(value) == 1:
        value = value[0]
        if not isinstance(value, list | Mapping):  # a list of one's own, not what `generate` returns
            return output
    if isinstance(value, Mapping):
        if "generations" not in value:
            return output
        value = value["generations"]
    elif not isinstance(value, Generations) and value is output:
        return output
    if isinstance(value, list) and len(value) == 1 and (value[0] is None or isinstance(value[0], str)):
        return cast("list[str | None]", value)[0]
    return output


def _messages(chat: Any, number: int) -> tuple[Message, ...]:
    if isinstance(chat, str):
        return (Message("user", chat),)
    if not isinstance(chat, Sequence) or not chat or not all(isinstance(item, Mapping) for item in chat):
        raise UsageError(
            f"Input {number + 1} of llm.generate is no conversation. A conversation is a list of messages such as "
            '{"role": "user", "content": "Tell me a joke."}.'
        )
    return tuple(_message(item, number) for item in chat)


def _message(item: Mapping[str, Any], number: int) -> Message:
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise UsageError(f"A message of input {number + 1} has the role {role!r}. The roles are: {', '.join(_ROLES)}.")
    if not isinstance(content, str):
        raise UsageError(f"The content of a message of input {number + 1} is no text, but {type(content).__name__}.")
    return Message(cast(Any, role), content)


def _sampling(settings: Mapping[str, Any]) -> Sampling:
    if unknown := [name for name in settings if name not in _SETTINGS]:
        raise UsageError(
            f"llm.generate has no setting {unknown[0]!r}. The settings are: num_generations, {', '.join(_SETTINGS)}; "
            "what only one server knows goes into extra={…}."
        )
    given = {name: value for name, value in settings.items() if value is not None}
    stop = given.get("stop", ())
    extra = {name: given[name] for name in _AS_THEY_ARE if name in given} | dict(given.get("extra", {}))
    return Sampling(
        temperature=given.get("temperature"),
        max_tokens=given.get("max_new_tokens"),
        seed=given.get("seed"),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        extra=extra,
    )
