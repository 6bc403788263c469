"""`GeneratorTask`: a generator of one's own, written as a class, as in distilabel."""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from dataflow_core.errors import OwnCodeError, UsageError
from dataflow_core.models import Failure, Fields
from dataflow_core.scripting import task_rows
from dataflow_core.scripting.chats import spoken
from dataflow_core.scripting.foreign import is_llm_of_others
from dataflow_core.scripting.llms import LLM
from dataflow_core.scripting.typing import GeneratorOutput, Row
from dataflow_core.serving.keys import looks_like_a_key

if TYPE_CHECKING:
    from dataflow_core.workspace import Workspace

#: Fields that say how a task is handled, and nothing of what it makes.
_HANDLING = frozenset({"llm", "name", "use_cache"})
_NAMES_A_KEY = re.compile(r"api_?key|secret|password|passwd|token$", re.IGNORECASE)


class GeneratorTask(BaseModel, ABC):
    """The base of tasks that make rows from nothing but their own fields.

    A subclass annotates its fields (`instruction: str`) and writes

    - `process(offset)`, which yields rows: a dict, a list of dicts, or `(list, is last)`. `offset` is how many rows
      there are already; a task that is resumed goes on from there.
    - the property `outputs`: the names of a row's fields, `model_name` among them.
    - `format_output(output, input)`: the fields made from what the model said. It is handed the text, also where it is
      given the whole result of `llm.generate`, and None where the call failed.

    On its own: `task.load(); next(task.process())`, a list of rows. `run` keeps the rows in a workspace, and a
    `Pipeline` hands them on to other steps. `llm` is an `OpenAILLM`, a serving, or any object with
    `generate_from_input`. After distilabel's `GeneratorTask`.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True, protected_namespaces=(), extra="forbid", hide_input_in_errors=True
    )

    name: str = ""
    llm: Any
    batch_size: int = Field(default=50, ge=1)
    num_generations: int = Field(default=1, ge=1)
    group_generations: bool = False
    use_cache: bool = True

    _is_loaded: bool = PrivateAttr(default=False)
    _failures: list[Failure] = PrivateAttr(default_factory=list)
    _run_id: str = PrivateAttr(default="")

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        own = vars(cls)
        if callable(process := own.get("process")):
            cls.process = _yielding_batches(process)  # type: ignore[method-assign]
        if callable(form := own.get("format_output")):
            cls.format_output = _given_text(form)  # type: ignore[method-assign]
        if callable(load := own.get("load")):
            cls.load = _noting_load(load)  # type: ignore[method-assign]

    @field_validator("llm")
    @classmethod
    def _check_llm(cls, value: Any) -> Any:
        return value if is_llm_of_others(value) else LLM.of(value)

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)
        from dataflow_core.scripting.pipeline import register

        register(self)

    @property
    @abstractmethod
    def outputs(self) -> Any:
        """The names of a row's fields."""

    @abstractmethod
    def process(self, offset: int = 0) -> GeneratorOutput:
        """Yield rows, from the one numbered `offset` on."""

    def format_output(self, output: str | None, input: Any = None) -> dict[str, Any]:
        """The fields made from what the model said: the one declared field that is not `model_name`."""
        names = [name for name in self.column_names if name != task_rows.MODEL_NAME]
        if len(names) != 1:
            raise UsageError(
                f"{type(self).__name__} has no format_output. Write format_output(self, output, input), which returns "
                f"the fields {', '.join(names)} of a row."
            )
        return {names[0]: output}

    @property
    def column_names(self) -> list[str]:
        """The names of `outputs` as a list. Raises `UsageError` where it gives no names."""
        return task_rows.column_names(self.outputs, type(self).__name__)

    def load(self) -> None:
        """Make ready what `process` needs. Called by `run` and by a pipeline; standalone, call it yourself."""
        if callable(load := getattr(self.llm, "load", None)):
            load()
        self._is_loaded = True

    def unload(self) -> None:
        """Let go of what `load` has made ready."""
        if callable(unload := getattr(self.llm, "unload", None)):
            unload()
        self._is_loaded = False

    @property
    def failures(self) -> list[Failure]:
        """The offsets that `run` has no row for, each with its stage and reason."""
        return list(self._failures)

    @property
    def run_id(self) -> str:
        """The id of the run that `run` has executed last; "" before."""
        return self._run_id

    @property
    def stored_fields(self) -> Fields:
        """Its fields that are JSON, as a run keeps them; what may be a key is not among them, nor what is usual."""
        found: Fields = {}
        usual = {name: field.default for name, field in GeneratorTask.model_fields.items()}
        for name in sorted(set(type(self).model_fields) - _HANDLING):
            value = getattr(self, name)
            if isinstance(value, SecretStr) or usual.get(name, ...) == value:
                continue
            try:
                value = task_rows.json_value(value, name)
            except OwnCodeError:
                continue
            if not may_hold_a_key({name: value}):
                found[name] = value
        return found

    def run(
        self,
        workspace: Workspace | str | Path | None = None,
        num_records: int | None = None,
        storage: Any = None,
        *,
        retry_failed: bool = False,
    ) -> Any:
        """Run the task in a workspace, and return its rows: a list of dicts, or with a `storage` the frame it is given.

        `workspace` is one that is open, or a folder, which is made where it is missing; without it nothing is kept.
        The run stops after `num_records` rows, or when `process` ends. What went wrong is in `failures`. An answered
        call is not made again: running the same task in the same workspace takes an unfinished run up, by
        `process(offset)`. With `retry_failed` its failures are tried again, too.

        Raises `ConfigurationError` for a wrong key, address or model, `RunIsLiveError` while another process executes
        the run, `UsageError` for settings that cannot work.
        """
        from dataflow_core.scripting.task_runs import run_task

        return run_task(self, workspace, num_records=num_records, storage=storage, retry_failed=retry_failed)

    def __rshift__(self, other: Any) -> Any:
        """`a >> b`: b takes a's rows as its inputs."""
        from dataflow_core.scripting.pipeline import connect

        return connect(self, other)

    def _note_run(self, run_id: str, failures: list[Failure]) -> None:
        self._run_id, self._failures = run_id, failures


def may_hold_a_key(value: Any) -> bool:
    """Whether it must not be stored: it is called a key somewhere, or looks like one."""
    if isinstance(value, dict):
        return any(_NAMES_A_KEY.search(name) or may_hold_a_key(part) for name, part in value.items())
    if isinstance(value, list):
        return any(may_hold_a_key(part) for part in value)
    return isinstance(value, str) and len(value.split()) == 1 and looks_like_a_key(value)


def _yielding_batches(process: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(process)
    def batches(self: GeneratorTask, *args: Any, **kwargs: Any) -> Iterator[list[Row] | tuple[list[Row], bool]]:
        _check_loaded(self)
        given = process(self, *args, **kwargs)
        if not isinstance(given, Iterator):
            raise UsageError(
                f"{type(self).__name__}.process() gives no rows one after another. Use `yield`, not `return`, in it."
            )
        try:
            for value in given:
                yield task_rows.as_batch(value, type(self).__name__)
        finally:
            if callable(close := getattr(given, "close", None)):
                close()

    return batches


def _check_loaded(task: GeneratorTask) -> None:
    """Loading is done for whoever forgets it, but not where the class does more in it: that may take long."""
    if task._is_loaded:
        return
    if type(task).load is not GeneratorTask.load:
        name = type(task).__name__
        raise UsageError(
            f"{name}.load() was not called. Call task.load() before task.process(); task.run() and a pipeline do it "
            "themselves."
        )
    task.load()


def _given_text(form: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(form)
    def formatted(self: GeneratorTask, *args: Any, **kwargs: Any) -> Any:
        if args:
            args = (spoken(args[0]), *args[1:])
        elif "output" in kwargs:
            kwargs["output"] = spoken(kwargs["output"])
        return form(self, *args, **kwargs)

    return formatted


def _noting_load(load: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(load)
    def loaded(self: GeneratorTask) -> None:
        load(self)
        self._is_loaded = True

    return loaded
