"""Generate, review and export LLM training data. Knows nothing of Streamlit.

The names listed here are the library's public face. They are loaded when first used, so that importing
the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataflow_core.export import write_export as write_export
    from dataflow_core.few_shot import FewShot as FewShot
    from dataflow_core.home import Home as Home
    from dataflow_core.intents import builtin_intents as builtin_intents
    from dataflow_core.models import EMBEDDED as EMBEDDED
    from dataflow_core.models import Endpoint as Endpoint
    from dataflow_core.models import Flow as Flow
    from dataflow_core.models import Intent as Intent
    from dataflow_core.models import PromptTexts as PromptTexts
    from dataflow_core.models import ReviewStatus as ReviewStatus
    from dataflow_core.readers import guess_task_column as guess_task_column
    from dataflow_core.readers import read_lines as read_lines
    from dataflow_core.readers import read_table as read_table
    from dataflow_core.readers import select_inputs as select_inputs
    from dataflow_core.scripting.api_serving import APILLMServing_request as APILLMServing_request
    from dataflow_core.scripting.consistent_chat import ConsistentChatGenerator as ConsistentChatGenerator
    from dataflow_core.scripting.distiset import Distiset as Distiset
    from dataflow_core.scripting.file_storage import DataFlowStorage as DataFlowStorage
    from dataflow_core.scripting.file_storage import FileStorage as FileStorage
    from dataflow_core.scripting.generator_task import GeneratorTask as GeneratorTask
    from dataflow_core.scripting.llm_serving import LLMServingABC as LLMServingABC
    from dataflow_core.scripting.llms import LLM as LLM
    from dataflow_core.scripting.llms import OpenAILLM as OpenAILLM
    from dataflow_core.scripting.para_seq import ParaSeqTaskGenerator as ParaSeqTaskGenerator
    from dataflow_core.scripting.pipeline import Export as Export
    from dataflow_core.scripting.pipeline import Pipeline as Pipeline
    from dataflow_core.scripting.typing import ChatType as ChatType
    from dataflow_core.scripting.typing import GeneratorOutput as GeneratorOutput
    from dataflow_core.scripting.typing import GeneratorStepOutput as GeneratorStepOutput
    from dataflow_core.scripting.typing import StepOutput as StepOutput
    from dataflow_core.scripting.typing import override as override
    from dataflow_core.storage.queries import Query as Query
    from dataflow_core.workspace import Workspace as Workspace

_MODULES = {
    "APILLMServing_request": "scripting.api_serving",
    "ChatType": "scripting.typing",
    "ConsistentChatGenerator": "scripting.consistent_chat",
    "DataFlowStorage": "scripting.file_storage",
    "Distiset": "scripting.distiset",
    "EMBEDDED": "models",
    "Endpoint": "models",
    "Export": "scripting.pipeline",
    "FewShot": "few_shot",
    "FileStorage": "scripting.file_storage",
    "Flow": "models",
    "GeneratorOutput": "scripting.typing",
    "GeneratorStepOutput": "scripting.typing",
    "GeneratorTask": "scripting.generator_task",
    "Home": "home",
    "Intent": "models",
    "LLM": "scripting.llms",
    "LLMServingABC": "scripting.llm_serving",
    "OpenAILLM": "scripting.llms",
    "ParaSeqTaskGenerator": "scripting.para_seq",
    "Pipeline": "scripting.pipeline",
    "PromptTexts": "models",
    "Query": "storage.queries",
    "ReviewStatus": "models",
    "StepOutput": "scripting.typing",
    "Workspace": "workspace",
    "builtin_intents": "intents",
    "guess_task_column": "readers",
    "override": "scripting.typing",
    "read_lines": "readers",
    "read_table": "readers",
    "select_inputs": "readers",
    "write_export": "export",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
