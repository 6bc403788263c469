"""`ConsistentChatGenerator` with its documented `run`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dataflow_core.errors import UsageError
from dataflow_core.generators import consistent_chat
from dataflow_core.models import Failure, Fields, PromptTexts, Record

if TYPE_CHECKING:
    import pandas as pd

    from dataflow_core.models import Endpoint, Intent, Run
    from dataflow_core.scripting.file_storage import DataFlowStorage
    from dataflow_core.scripting.step_runs import StepPlan, WorkspaceLike
    from dataflow_core.workspace import Workspace


class ConsistentChatGenerator(consistent_chat.ConsistentChatGenerator):
    """Makes dialogues about the intents, `num_dialogs_per_intent` each: first the user's turns, then the answers.

    `llm_serving` is an `APILLMServing_request`, any object that has `generate_from_input`, or an `Endpoint` such as
    `EMBEDDED`; without one `run` raises `UsageError`. `intents` None are those of the workspace, without a workspace
    the nine built-in ones. `prompt` takes the place of the built-in one. `failures` holds what came of the dialogues
    that failed in the last run.

    Raises `UsageError` for an odd number of turns, and for a number of dialogues that is none.
    """

    def __init__(
        self,
        llm_serving: Any = None,
        num_dialogs_per_intent: int = 20,
        num_turns_per_dialog: int = 6,
        temperature: float = 0.9,
        *,
        seed: int = 0,
        language: str = "English",
        intents: Sequence[Intent] | None = None,
        prompt: PromptTexts | None = None,
    ) -> None:
        own = prompt.as_fields() if isinstance(prompt, PromptTexts) else prompt
        if not isinstance(num_dialogs_per_intent, int) or num_dialogs_per_intent < 1:
            raise UsageError(
                f"num_dialogs_per_intent is a whole number, at least 1; {num_dialogs_per_intent!r} was given."
            )
        super().__init__(llm_serving, num_dialogs_per_intent, num_turns_per_dialog, temperature, seed=seed, prompt=own)
        self.language = language
        self.intents = intents
        self.failures: list[Failure] = []

    def run(self, storage: DataFlowStorage, *, workspace: WorkspaceLike = None) -> pd.DataFrame:
        """Write `category` and `conversation` of each dialogue as the storage's next step, and return them as a frame.

        A dialogue that failed is left out; it is in `failures`, and with a `FileStorage` in `…_failures.jsonl` beside
        the step. A run that was killed goes on where it stood when the same script runs again. With `workspace`, an
        open `Workspace` or a folder, it is a run there, to be watched and reviewed in the app; run again when it has
        finished, it calls for nothing but what had failed. The same seed gives the same plan.

        Raises `UsageError` without a serving and for a storage whose type cannot hold conversations (CSV);
        `ConfigurationError` for a wrong key, model or address; `ServingError` where the model does not answer.
        """
        from dataflow_core.scripting.rows import frame_of
        from dataflow_core.scripting.step_runs import carry_out, refuse_csv

        refuse_csv(storage, "conversation")
        self.failures = []
        rows, self.failures = carry_out(
            self._plan_in, llm_serving=self.llm_serving, storage=storage, workspace=workspace, name=self.name
        )
        return frame_of(rows)

    def _plan_in(self, workspace: Workspace) -> StepPlan:
        from dataflow_core.planning.intents import plan_dialogues
        from dataflow_core.scripting.step_runs import StepPlan

        intents = tuple(workspace.intents.all() if self.intents is None else self.intents)
        settings: Fields = {
            "num_turns_per_dialog": self.num_turns_per_dialog,
            "language": self.language,
            "seed": self.seed,
        }
        cells = plan_dialogues(
            intents,
            per_intent=self.num_dialogs_per_intent,
            turns=self.num_turns_per_dialog,
            language=self.language,
            seed=self.seed,
        )

        def create(opened: Workspace, endpoint: Endpoint) -> Run:
            return opened.plan_dialogues(
                intents,
                endpoint=endpoint,
                num_dialogs_per_intent=self.num_dialogs_per_intent,
                temperature=self.temperature,
                prompt=self.prompt,
                **settings,
            )

        return StepPlan(
            generator=self,
            params=self.params | settings,
            inputs=list(cells),
            create=create,
            row=_documented,
            columns=self.output_keys,
        )


def _documented(record: Record) -> Fields:
    turns = [{"role": turn["role"], "value": turn["value"]} for turn in record.fields["conversation"]]
    return {"category": record.fields["category"], "conversation": turns}
