"""Generate, review and export LLM training data. Knows nothing of Streamlit.

The names listed here are the library's public face. They are loaded when first used, so that importing
the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataflow_core.export import write_export as write_export
    from dataflow_core.home import Home as Home
    from dataflow_core.intents import builtin_intents as builtin_intents
    from dataflow_core.models import EMBEDDED as EMBEDDED
    from dataflow_core.models import CustomRecipe as CustomRecipe
    from dataflow_core.models import Endpoint as Endpoint
    from dataflow_core.models import Flow as Flow
    from dataflow_core.models import Intent as Intent
    from dataflow_core.models import OutputField as OutputField
    from dataflow_core.models import ReviewStatus as ReviewStatus
    from dataflow_core.readers import guess_task_column as guess_task_column
    from dataflow_core.readers import read_lines as read_lines
    from dataflow_core.readers import read_table as read_table
    from dataflow_core.readers import select_inputs as select_inputs
    from dataflow_core.recipes import builtin_recipes as builtin_recipes
    from dataflow_core.recipes import read_recipe as read_recipe
    from dataflow_core.recipes import recipe_from_yaml as recipe_from_yaml
    from dataflow_core.scripting.api_serving import APILLMServing_request as APILLMServing_request
    from dataflow_core.scripting.consistent_chat import ConsistentChatGenerator as ConsistentChatGenerator
    from dataflow_core.scripting.file_storage import DataFlowStorage as DataFlowStorage
    from dataflow_core.scripting.file_storage import FileStorage as FileStorage
    from dataflow_core.scripting.llm_serving import LLMServingABC as LLMServingABC
    from dataflow_core.scripting.para_seq import ParaSeqTaskGenerator as ParaSeqTaskGenerator
    from dataflow_core.storage.queries import Query as Query
    from dataflow_core.workspace import Workspace as Workspace

_MODULES = {
    "APILLMServing_request": "scripting.api_serving",
    "ConsistentChatGenerator": "scripting.consistent_chat",
    "DataFlowStorage": "scripting.file_storage",
    "EMBEDDED": "models",
    "CustomRecipe": "models",
    "Endpoint": "models",
    "FileStorage": "scripting.file_storage",
    "Flow": "models",
    "Home": "home",
    "Intent": "models",
    "OutputField": "models",
    "LLMServingABC": "scripting.llm_serving",
    "ParaSeqTaskGenerator": "scripting.para_seq",
    "Query": "storage.queries",
    "ReviewStatus": "models",
    "Workspace": "workspace",
    "builtin_intents": "intents",
    "builtin_recipes": "recipes",
    "guess_task_column": "readers",
    "read_lines": "readers",
    "read_recipe": "recipes",
    "read_table": "readers",
    "recipe_from_yaml": "recipes",
    "select_inputs": "readers",
    "write_export": "export",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
