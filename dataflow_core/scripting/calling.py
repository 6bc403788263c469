"""How anyone's serving is called: which of its methods, with what its signature takes, in a thread of its own."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from dataflow_core.models import Message, Prompt

T = TypeVar("T")

FROM_INPUT, FROM_CONVERSATIONS = "generate_from_input", "generate_from_conversations"
_OPTIONAL = ("temperature", "json_schema")
_SPEAKERS = {"user": "User", "assistant": "Assistant"}
_SO_FAR = "Below is a conversation so far. Write the assistant's next message, and nothing else."


class LLMMethods:
    """The methods of one serving, `start_serving` among them where it has that."""

    def __init__(self, llm_serving: Any) -> None:
        self._serving = llm_serving
        self._has_started = False
        self._parameters = cache(lambda name: _parameters(getattr(llm_serving, name)))

    def takes(self, prompt: Prompt, parameter: str) -> bool:
        return parameter in self._parameters(self.kind_of(prompt)[0])

    def kind_of(self, prompt: Prompt) -> tuple[str, str]:
        """The method that the prompt is for, and the system prompt that goes with it.

        A prompt of several turns is for `generate_from_conversations`, where there is one.
        """
        if len(_turns(prompt)) > 1 and callable(getattr(self._serving, FROM_CONVERSATIONS, None)):
            return FROM_CONVERSATIONS, ""
        return FROM_INPUT, "\n\n".join(message.content for message in prompt.messages if message.role == "system")

    def call(self, prompts: Sequence[Prompt], schema: Mapping[str, Any] | None) -> Any:
        """What the serving returns for prompts of one kind, as it is. Raises what it raises."""
        if not self._has_started:
            if callable(start := getattr(self._serving, "start_serving", None)):
                start()
            self._has_started = True
        name, system = self.kind_of(prompts[0])
        parameters = self._parameters(name)
        offered = {"temperature": prompts[0].sampling.temperature, "json_schema": schema and dict(schema)}
        named: dict[str, Any] = {
            key: value for key, value in offered.items() if key in parameters and value is not None
        }
        method = getattr(self._serving, name)
        if name == FROM_CONVERSATIONS:
            return method([_conversation(prompt) for prompt in prompts], **named)
        texts = [user_text(prompt) for prompt in prompts]
        if not system:
            return method(texts, **named)
        if "system_prompt" in parameters:
            return method(texts, system_prompt=system, **named)
        if len([key for key in parameters if key not in _OPTIONAL]) > 1:
            return method(texts, system, **named)
        return method([f"{system}\n\n{text}" for text in texts], **named)


def user_text(prompt: Prompt) -> str:
    """The prompt without its system messages as one text: its only turn, or a conversation that is spelled out."""
    turns = _turns(prompt)
    if len(turns) == 1:
        return turns[0].content
    spelled = (f"{_SPEAKERS[turn.role]}:\n{turn.content}" for turn in turns)
    return "\n\n".join([_SO_FAR, *spelled])


async def in_daemon_thread(work: Callable[[], T]) -> T:
    """Do it in a thread that nobody has to wait for: a call that takes minutes does not keep a process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: Any, error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)
        else:
            done.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001  it is raised where it is waited for
            error = RuntimeError(repr(raised)) if isinstance(raised, StopIteration) else raised
        except BaseException as raised:  # noqa: BLE001  a thread's SystemExit ends no process
            error = RuntimeError(repr(raised))
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="dataflow-batch", daemon=True).start()
    return await done


def _turns(prompt: Prompt) -> list[Message]:
    return [message for message in prompt.messages if message.role != "system"]


def _conversation(prompt: Prompt) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def _parameters(method: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what the method takes; of one that passes on whatever it is given, with the documented ones."""
    try:
        found = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):  # not every callable tells
        return ("user_inputs", "system_prompt")
    variable = {one.kind for one in found} & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    names = tuple(one.name for one in found if one.kind not in variable)
    passes_on = inspect.Parameter.VAR_KEYWORD in variable and len(names) < 2
    return (*names, "system_prompt") if passes_on else names
