"""What is asked of a model, what it answers, and the endpoint it is reached at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: Which recipe a generator follows: one structured call for "capable" models; few-shot prompts,
#: one field a call and a filter over candidates for "small" ones.
Recipe = Literal["capable", "small"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a completion is drawn. None leaves a setting to the endpoint.

    `choices` asks for that many alternative completions of one prompt. `extra` holds what only some
    servers know (`min_p`, `dry_multiplier`, …) and is sent as it is.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    choices: int = 1
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to a model for one call.

    Either a conversation in `messages` (a last message by the assistant is a beginning the model is
    to continue), or `text`, which a serving that offers raw completion continues as it stands.
    `version` names the prompt text it was made from, for a record's provenance.
    """

    version: str
    messages: tuple[Message, ...] = ()
    text: str | None = None
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens - other.prompt_tokens, self.completion_tokens - other.completion_tokens)


@dataclass(frozen=True, slots=True)
class StepUsage:
    """What the answered calls of one step of a run took: all together, and the most that one of them did."""

    calls: int = 0
    total: Usage = Usage()
    most: Usage = Usage()


@dataclass(frozen=True, slots=True)
class Quota:
    """What a server says is left of a rate limit of its own: a bucket that is whole again in `reset` seconds."""

    of: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset: float


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model returned for one prompt, raw: one text a choice asked for.

    `finish_reason` is that of the first choice, in the words of the OpenAI API: "stop", "length"
    (cut off at the token limit), "content_filter". `quotas` is what the server said of its rate limits meanwhile.
    """

    texts: tuple[str, ...]
    model: str
    finish_reason: str = "stop"
    usage: Usage = Usage()
    seconds: float = 0.0
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A way to reach a model, as a user configures it. Holds the name of a key's variable, never a key.

    `base_url` "" means the address that the openai package itself would use. `max_workers` is the most calls at a
    time, `timeout` the most seconds that one may take in all. The limits a minute hold for all runs together; None
    is no limit. Prices are for a million tokens, None where they are not known. One of the kind "script" is a serving
    that exists in a script alone: nobody else can call it.
    """

    name: str
    kind: Literal["openai", "embedded", "script"] = "openai"
    base_url: str = ""
    model: str = ""
    key_env: str = ""
    max_workers: int = 16
    timeout: float = 120.0
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    input_price: float | None = None
    output_price: float | None = None

    @property
    def recipe(self) -> Recipe:
        return "small" if self.kind == "embedded" else "capable"

    def cost(self, usage: Usage) -> float | None:
        """The money that so many tokens cost; None without a price."""
        if self.input_price is None and self.output_price is None:
            return None
        millions = usage.prompt_tokens * (self.input_price or 0) + usage.completion_tokens * (self.output_price or 0)
        return millions / 1_000_000


#: One input at a time: more in hand push one another out of the small model's cache, and all become slower.
EMBEDDED = Endpoint(name="Embedded model", kind="embedded", model="smollm2-135m-instruct", max_workers=1)
