"""The models that a script names: `OpenAILLM`, and anything else that can generate."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from dataflow_core.errors import UsageError
from dataflow_core.models import Endpoint
from dataflow_core.scripting.answering import Caller
from dataflow_core.scripting.blocking import run_blocking
from dataflow_core.scripting.chats import Generations, prompts_of, schema_of
from dataflow_core.scripting.foreign import Reach, reach_of
from dataflow_core.scripting.typing import ChatType
from dataflow_core.serving.keys import check_endpoint

_VERSION = "script"


class LLM(BaseModel):
    """The base of models. `generation_kwargs` are settings of every call, which a call's own go before.

    A subclass says how it is reached, in `reach`; or it writes `model_name` and `generate` itself.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True, protected_namespaces=(), extra="forbid", hide_input_in_errors=True
    )

    generation_kwargs: dict[str, Any] | None = Field(default_factory=dict)
    structured_output: Any = None
    max_retries: int = Field(default=6, ge=0)

    @staticmethod
    def of(what: Any) -> LLM:
        """Anything that can generate as an LLM: an endpoint, a serving, or an object with `generate_from_input`."""
        return what if isinstance(what, LLM) else ServingLLM(what)

    @property
    def model_name(self) -> str:
        raise NotImplementedError

    def load(self) -> None:
        """Raises `UsageError` for settings that cannot work. Calls nobody."""

    def unload(self) -> None:
        """There is nothing to let go of: connections end with each `generate`."""

    def get_generation_kwargs(self) -> dict[str, Any]:
        return dict(self.generation_kwargs or {})

    def reach(self) -> Reach:
        """How a run of a workspace reaches it."""
        return reach_of(_Generating(self))

    def generate(self, inputs: list[ChatType], num_generations: int = 1, **settings: Any) -> list[Generations]:
        """Answer each conversation with so many texts: one `Generations` an input, in the order of the inputs.

        Settings are `temperature`, `max_new_tokens`, `stop`, `seed`, `top_p` and what `chats.py` lists; left out, they
        are the endpoint's own. A call that fails in the end is None, with a logged warning. Raises
        `ConfigurationError` at once for a wrong key, address or model, and `UsageError` for inputs that are none.
        """
        check_count(num_generations)
        prompts = prompts_of(inputs, self.get_generation_kwargs() | settings, version=_VERSION)
        reach, schema = self.reach(), schema_of(self.structured_output)

        async def work() -> list[Generations]:
            serving = reach.open()
            try:
                caller = Caller(reach.endpoint, serving, schema, self.max_retries)
                return await caller.answer_all(prompts, num_generations)
            finally:
                await serving.close()

        return run_blocking(work)

    def generate_outputs(self, inputs: list[ChatType], num_generations: int = 1, **settings: Any) -> list[Generations]:
        """The same as `generate`, under the name that distilabel's own tasks call."""
        return self.generate(inputs, num_generations, **settings)


class OpenAILLM(LLM):
    """A model behind OpenAI's API or any server that speaks it (vLLM, llama.cpp, Ollama, a gateway).

    Without `base_url` it is the address that the openai package would use: `OPENAI_BASE_URL`, else OpenAI's own. The
    key is `api_key`, else what the variable named in `api_key_env` holds, else for the default address
    `OPENAI_API_KEY`. It is kept in memory, and shown and stored nowhere.
    """

    model: str
    base_url: str | None = None
    api_key: SecretStr | None = Field(default=None, repr=False)
    api_key_env: str = ""
    timeout: float = 120.0
    max_workers: int = 16
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    input_price: float | None = None
    output_price: float | None = None

    @property
    def model_name(self) -> str:
        return self.model

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            name=self.model,
            base_url=self.base_url or "",
            model=self.model,
            key_env=self.api_key_env,
            max_workers=self.max_workers,
            timeout=self.timeout,
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            input_price=self.input_price,
            output_price=self.output_price,
        )

    def load(self) -> None:
        check_endpoint(self.endpoint)

    def reach(self) -> Reach:
        check_endpoint(self.endpoint)
        return Reach(self.endpoint, None if self.api_key is None else self.api_key.get_secret_value())


class ServingLLM(LLM):
    """An endpoint, a serving of this library, or anybody's object with `generate_from_input`, as an LLM."""

    _reach: Reach = PrivateAttr()

    def __init__(self, serving: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self._reach = reach_of(serving)

    @property
    def model_name(self) -> str:
        return self._reach.endpoint.model

    def reach(self) -> Reach:
        return self._reach


class _Generating:
    """An LLM by its own `generate` alone."""

    def __init__(self, llm: LLM) -> None:
        if type(llm).generate is LLM.generate:
            raise UsageError(
                f"{type(llm).__name__} does not say how it generates. Write its generate(inputs, num_generations) and "
                "model_name, or use OpenAILLM."
            )
        self.model_name = llm.model_name
        self.generate = llm.generate


def check_count(num_generations: int) -> None:
    if num_generations < 1:
        raise UsageError(f"num_generations is {num_generations}. Ask for at least 1 generation.")
