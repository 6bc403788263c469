"""How a server has to be asked: which settings it takes, and in which form a JSON schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from dataflow_core.models import Fields, Message, Prompt
from dataflow_core.serving.openai_errors import Rejection, well_formed

StructuredOutput = Literal["json_schema", "json_object", "text"]
TokenLimit = Literal["max_tokens", "max_completion_tokens"]
_FROM_STRICT_TO_FREE: tuple[StructuredOutput, ...] = get_args(StructuredOutput)
_MAY_BE_LEFT_OUT = ("temperature", "seed")

_SPEAKS_OF_FORMAT = re.compile(
    r"response.?format|json.?(schema|object)|grammar|guided|structured.?output", re.IGNORECASE
)
_SAYS_UNSUPPORTED = re.compile(
    r"unsupported|not support|only the default|\bonly\b.{0,30}\b1\b|deprecated|not (permitted|allowed)|"
    r"unexpected|unrecogni|unknown|extra_forbidden",
    re.IGNORECASE,
)

#: What every server that enforces schemas knows; the rest (`minItems`, `pattern`, …) some refuse.
_COMMON_KEYWORDS = frozenset(
    {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "const",
        "anyOf",
        "$defs",
        "description",
    }
)


@dataclass(frozen=True)
class Dialect:
    """What the endpoint is known to take. It only narrows, and only by what a call then succeeded with."""

    output: StructuredOutput = "json_schema"
    common_only: bool = False  # of the JSON schema's keywords
    token_limit: TokenLimit = "max_tokens"  # noqa: S105
    unsupported: frozenset[str] = frozenset()

    def narrowed(self, answer: Rejection, body: Mapping[str, Any]) -> Dialect | None:
        """The next thing to try after a refusal that names what it did not like, or None."""
        if answer.status not in (400, 422):
            return None
        said = f"{answer.code} {answer.text}"
        if "max_completion_tokens" in said and "max_tokens" in body:
            return replace(self, token_limit="max_completion_tokens")  # noqa: S106
        for name in _MAY_BE_LEFT_OUT:
            if name in body and name in said and _SAYS_UNSUPPORTED.search(said):
                return replace(self, unsupported=self.unsupported | {name})
        if "response_format" not in body or not _SPEAKS_OF_FORMAT.search(said):
            return None
        if self.output == "json_object":
            return replace(self, output="text")
        return replace(self, output="json_object") if self.common_only else replace(self, common_only=True)

    def body(self, model: str, prompt: Prompt, schema: Mapping[str, Any] | None) -> dict[str, Any]:
        sampling = prompt.sampling
        messages = prompt.messages
        if schema is not None and self.output != "json_schema":
            messages = with_schema_spelled_out(messages, schema)
        settings = {
            "temperature": sampling.temperature,
            self.token_limit: sampling.max_tokens,
            "seed": sampling.seed,
            "n": sampling.choices if sampling.choices > 1 else None,
            "stop": list(sampling.stop) or None,
            "response_format": response_format(schema, self.output, common_only=self.common_only),
        }
        return {
            "model": model,
            "messages": [{"role": m.role, "content": well_formed(m.content)} for m in messages],
            **{name: value for name, value in settings.items() if value is not None and name not in self.unsupported},
        }

    def joined(self, other: Dialect) -> Dialect:
        """What is left when two calls have each learnt something."""
        return Dialect(
            output=max(self.output, other.output, key=_FROM_STRICT_TO_FREE.index),
            common_only=self.common_only or other.common_only,
            token_limit=max(self.token_limit, other.token_limit, key=len),  # the longer name is the later find
            unsupported=self.unsupported | other.unsupported,
        )

    def as_fields(self) -> Fields:
        """As JSON values, for `of` to read back."""
        return {
            "output": self.output,
            "common_only": self.common_only,
            "token_limit": self.token_limit,
            "unsupported": sorted(self.unsupported),
        }

    @classmethod
    def of(cls, fields: Fields) -> Dialect:
        """The dialect that was stored so. What this version cannot make sense of is taken for not yet learnt."""
        outputs = [output for output in _FROM_STRICT_TO_FREE if output == fields.get("output")]
        limits = [name for name in get_args(TokenLimit) if name == fields.get("token_limit")]
        unsupported = fields.get("unsupported")
        return cls(
            output=outputs[0] if outputs else "json_schema",
            common_only=fields.get("common_only") is True,
            token_limit=limits[0] if limits else "max_tokens",
            unsupported=frozenset(
                name for name in _MAY_BE_LEFT_OUT if isinstance(unsupported, list) and name in unsupported
            ),
        )


def tell_nobody(_: Dialect) -> None:
    """What a serving does with what it has learnt unless it is told whom to tell."""


def strict_schema(schema: Mapping[str, Any], *, common_only: bool = False) -> dict[str, Any]:
    """The schema as `"strict": true` wants it: every object closed, every property required, no defaults."""
    if common_only and "$ref" in schema:
        return {"$ref": schema["$ref"]}
    strict: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword == "default" or (common_only and keyword not in _COMMON_KEYWORDS):
            continue
        if keyword in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
            strict[keyword] = {name: strict_schema(inner, common_only=common_only) for name, inner in value.items()}
        elif keyword in ("items", "additionalProperties") and isinstance(value, Mapping):
            strict[keyword] = strict_schema(value, common_only=common_only)
        elif keyword in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
            strict[keyword] = [strict_schema(inner, common_only=common_only) for inner in value]
        else:
            strict[keyword] = value
    if "properties" in strict:
        strict |= {"additionalProperties": False, "required": list(strict["properties"])}
    return strict


def response_format(
    schema: Mapping[str, Any] | None, output: StructuredOutput, *, common_only: bool = False
) -> dict[str, Any] | None:
    if schema is None or output == "text":
        return None
    if output == "json_object":
        return {"type": "json_object"}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", str(schema.get("title") or "answer"))[:64]
    strict = strict_schema(schema, common_only=common_only)
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": strict}}


def with_schema_spelled_out(messages: tuple[Message, ...], schema: Mapping[str, Any]) -> tuple[Message, ...]:
    """Append the schema to the last message of the user, for a server that would not enforce it."""
    plea = (
        "Answer with one JSON object and nothing else: no code fence, no remarks. "
        f"It must follow this JSON schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "user":
            told = Message("user", f"{messages[index].content}\n\n{plea}")
            return (*messages[:index], told, *messages[index + 1 :])
    return (Message("system", plea), *messages)
