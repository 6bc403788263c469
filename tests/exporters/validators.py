"""Whether a target takes a row, by its own documents and converters, written without a look at our code.

Each gives sentences on what is wrong; none for a row that is taken whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Environment

Row = dict[str, Any]
Validator = Callable[[Row], list[str]]


def openai(row: Row) -> list[str]:
    """The format checks of openai-cookbook, examples/Chat_finetuning_data_prep.ipynb, and the guide."""
    return list(_openai(row))


def _openai(row: Row) -> Iterator[str]:
    if set(row) - {"messages", "tools", "functions", "parallel_tool_calls"}:
        yield "unknown keys"
    messages = row.get("messages")
    if not messages or not isinstance(messages, list):
        yield "missing messages list"
        return
    for message in messages:
        if "role" not in message or "content" not in message:
            yield "message missing key"
        if set(message) - {"role", "content", "name", "function_call", "weight"}:
            yield "message unrecognized key"
        if message.get("role") not in ("system", "user", "assistant", "function"):
            yield "unrecognized role"
        if not message.get("content") or not isinstance(message["content"], str):
            yield "missing content"
    if not any(message.get("role") == "assistant" for message in messages):
        yield "example missing assistant message"
    if messages[-1].get("role") != "assistant":
        yield "the last message must be the assistant's"


def together(row: Row) -> list[str]:
    """`validate_messages` of the together client, utils/files.py; together's page on data preparation."""
    found = []
    if set(row) != {"messages"}:
        found.append("extra or missing columns")
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return [*found, "expected a non-empty list of messages"]
    before = None
    for message in messages:
        if not isinstance(message.get("role"), str) or not isinstance(message.get("content"), str):
            found.append("role and content must be strings")
        if message["role"] not in ("system", "user", "assistant"):
            found.append("invalid role")
        if message["role"] == before:
            found.append("roles must alternate")
        before = message["role"]
    if messages[0]["role"] == "assistant" or (messages[0]["role"] == "system" and messages[1:2] == []):
        found.append("must start with a system or user message")
    if messages[0]["role"] == "system" and messages[1:] and messages[1]["role"] != "user":
        found.append("the user must follow the system message")
    return found


def fireworks(row: Row) -> list[str]:
    """docs.fireworks.ai, fine-tuning models: roles, and a system message that may only be the first."""
    found = []
    for place, message in enumerate(row["messages"]):
        if message["role"] not in ("system", "user", "assistant") or not isinstance(message["content"], str):
            found.append("a message is a role and a text")
        if message["role"] == "system" and place:
            found.append("a system message must be the first")
    return found


def llama_factory_turns(row: Row, info: Row) -> list[str]:
    """`SharegptDatasetConverter`, then `SupervisedDatasetProcessor`, of LLaMA-Factory's src/llamafactory/data."""
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"} | info["tags"]
    columns = {"messages": "conversations"} | info["columns"]
    accepted = (
        (tags["user_tag"], tags.get("observation_tag", "observation")),
        (tags["assistant_tag"], tags.get("function_tag", "function_call")),
    )
    messages = row[columns["messages"]]
    system_tag = tags.get("system_tag", "system")
    if messages and messages[0][tags["role_tag"]] == system_tag:
        system, messages = messages[0][tags["content_tag"]], messages[1:]
    else:
        system = row[columns["system"]] if "system" in columns else ""
    for place, message in enumerate(messages):
        if message[tags["role_tag"]] not in accepted[place % 2]:
            return ["invalid role tag: skipping this abnormal example"]
    if len(messages) % 2:
        return ["invalid message count: skipping this abnormal example"]
    prompt, response = messages[:-1], messages[-1:]
    return _dropped(prompt, response) + _not_texts([system, *(one[tags["content_tag"]] for one in messages)])


def llama_factory_alpaca(row: Row) -> list[str]:
    """`AlpacaDatasetConverter`, then `SupervisedDatasetProcessor`; columns as in its data/README.md."""
    prompt = [text for asked, answered in row.get("history", []) for text in (asked, answered)]
    prompt.append("\n".join(part for part in (row["instruction"], row["input"]) if part))
    response = [row["output"]] if isinstance(row["output"], str) else []
    return _dropped(prompt, response) + _not_texts([*prompt, *response, row.get("system", "")])


def _dropped(prompt: list[Any], response: list[Any]) -> list[str]:
    return ["dropped invalid example"] if len(prompt) % 2 != 1 or len(response) != 1 else []


def _not_texts(values: list[Any]) -> list[str]:
    return [] if all(isinstance(value, str) for value in values) else ["a content is no text"]


#: As Llama 2's and Mistral's have it, with a system turn where one is first.
_TEMPLATE = Environment(autoescape=False).from_string(
    "{% if messages and messages[0].role == 'system' %}{% set rest = messages[1:] %}"
    "{% else %}{% set rest = messages %}{% endif %}"
    "{% for message in rest %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ stop('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "[{{ message.role }}]{{ message.content }}"
    "{% endfor %}"
)


class TemplateError(Exception):
    pass


def chat_template(messages: list[Row]) -> str:
    """What a strict model's template makes of the messages. Raises `TemplateError`."""

    def stop(message: str) -> str:
        raise TemplateError(message)

    return _TEMPLATE.render(messages=messages, stop=stop)


def _templated(messages: list[Row]) -> list[str]:
    try:
        chat_template(messages)
    except TemplateError as error:
        return [str(error)]
    return []


def axolotl(row: Row) -> list[str]:
    """`ChatTemplateStrategy` of axolotl's prompt_strategies/chat_template.py, with `roles_to_train: [assistant]`."""
    messages = row["messages"]
    if not messages or set(row) != {"messages"}:
        return ["messages[0]: list index out of range"]
    found = [] if messages[-1]["role"] == "assistant" else ["last turn is not trainable"]
    return found + _templated(messages) + _not_texts([message["content"] for message in messages])


def trl_messages(row: Row) -> list[str]:
    """TRL's dataset formats, language modelling, and the template; the last turn is one that the loss is on."""
    found = _conversational(row["messages"]) + _templated(row["messages"])
    ends = bool(row["messages"]) and row["messages"][-1]["role"] == "assistant"
    return found if ends and set(row) == {"messages"} else [*found, "ends without an answer"]


def trl_prompt_completion(row: Row) -> list[str]:
    """TRL's dataset formats: prompt and completion are both texts, or both lists of messages."""
    return _trl_parts(row, ("prompt", "completion"))


def trl_preference(row: Row) -> list[str]:
    return _trl_parts(row, ("prompt", "chosen", "rejected"))


def _trl_parts(row: Row, names: tuple[str, ...]) -> list[str]:
    if tuple(row) != names:
        return ["other columns"]
    if all(isinstance(row[name], str) for name in names):
        return []
    if not all(isinstance(row[name], list) for name in names):
        return ["texts beside messages"]
    found = [sentence for name in names for sentence in _conversational(row[name])]
    for name in names[1:]:
        found += _templated([*row["prompt"], *row[name]])
        if row["prompt"][-1:] and row["prompt"][-1]["role"] != "user":
            found.append("the prompt does not end with the user")
        if [message["role"] for message in row[name]] != ["assistant"]:
            found.append(f"{name} is no answer")
    return found


def _conversational(messages: list[Row]) -> list[str]:
    """`is_conversational` of trl/data_utils.py: messages with a role and a content."""
    if messages and all(isinstance(message, dict) and {"role", "content"} <= set(message) for message in messages):
        return []
    return ["not conversational"]


def dataflow(row: Row) -> list[str]:
    """DataFlow's document of ConsistentChatGenerator, as LLaMA-Factory reads it with its columns and tags."""
    if set(row) != {"category", "conversation"}:
        return ["other keys"]
    tags = {"role_tag": "role", "content_tag": "value", "user_tag": "user", "assistant_tag": "assistant"}
    return llama_factory_turns(row, {"columns": {"messages": "conversation"}, "tags": tags})


def sharegpt(row: Row) -> list[str]:
    return llama_factory_turns(row, {"columns": {"messages": "conversations", "system": "system"}, "tags": {}})


def messages_with_tags(row: Row) -> list[str]:
    tags = {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    }
    taken = llama_factory_turns(row, {"columns": {"messages": "messages"}, "tags": tags})
    return taken + together(row) + fireworks(row)


VALIDATORS: dict[str, Validator] = {
    "dataflow": dataflow,
    "openai": openai,
    "sharegpt": sharegpt,
    "messages": messages_with_tags,
    "axolotl": axolotl,
    "alpaca": llama_factory_alpaca,
    "trl": trl_messages,
    "prompt-completion": trl_prompt_completion,
    "preference": trl_preference,
}
#: The fewest examples in a file: the guides of OpenAI and of Fireworks.
FEWEST = {"openai": 10, "messages": 3}
