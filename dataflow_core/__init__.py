"""Generate, review and export LLM training data. Knows nothing of Streamlit.

The names listed here are the library's public face. They are loaded when first used, so that importing
the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataflow_core.comparing import compare as compare
    from dataflow_core.comparing import plan_comparison as plan_comparison
    from dataflow_core.exporters.base import FieldChoice as FieldChoice
    from dataflow_core.exporting.about import About as About
    from dataflow_core.exporting.engine import write_export as write_export
    from dataflow_core.exporting.plan import ExportPlan as ExportPlan
    from dataflow_core.exporting.plan import Preflight as Preflight
    from dataflow_core.exporting.plan import Splits as Splits
    from dataflow_core.exporting.plan import TokenLimit as TokenLimit
    from dataflow_core.exporting.plan import WrittenExport as WrittenExport
    from dataflow_core.flows.pipeline_files import PipelineFile as PipelineFile
    from dataflow_core.flows.pipeline_files import read_pipeline as read_pipeline
    from dataflow_core.flows.pipelines import DialoguesStep as DialoguesStep
    from dataflow_core.flows.pipelines import ExportStep as ExportStep
    from dataflow_core.flows.pipelines import PipelineOutcome as PipelineOutcome
    from dataflow_core.flows.pipelines import RecipeStep as RecipeStep
    from dataflow_core.flows.pipelines import TasksStep as TasksStep
    from dataflow_core.flows.pipelines import run_pipeline as run_pipeline
    from dataflow_core.flows.saved_runs import SavedRun as SavedRun
    from dataflow_core.flows.saved_runs import load_run as load_run
    from dataflow_core.flows.saved_runs import plan_saved as plan_saved
    from dataflow_core.flows.saved_runs import save_run as save_run
    from dataflow_core.home import Home as Home
    from dataflow_core.importers.base import ImportMapping as ImportMapping
    from dataflow_core.models import EMBEDDED as EMBEDDED
    from dataflow_core.models import Budget as Budget
    from dataflow_core.models import CustomRecipe as CustomRecipe
    from dataflow_core.models import Endpoint as Endpoint
    from dataflow_core.models import Flow as Flow
    from dataflow_core.models import Intent as Intent
    from dataflow_core.models import OutputField as OutputField
    from dataflow_core.models import PromptTexts as PromptTexts
    from dataflow_core.models import ReviewStatus as ReviewStatus
    from dataflow_core.planning.few_shot import FewShot as FewShot
    from dataflow_core.planning.intents import builtin_intents as builtin_intents
    from dataflow_core.planning.recipes import builtin_recipes as builtin_recipes
    from dataflow_core.planning.recipes import read_recipe as read_recipe
    from dataflow_core.planning.recipes import recipe_as_yaml as recipe_as_yaml
    from dataflow_core.planning.recipes import recipe_from_yaml as recipe_from_yaml
    from dataflow_core.readers import guess_task_column as guess_task_column
    from dataflow_core.readers import read_lines as read_lines
    from dataflow_core.readers import read_table as read_table
    from dataflow_core.readers import select_inputs as select_inputs
    from dataflow_core.reviewing.replacing import Replacement as Replacement
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
    from dataflow_core.scripting.recipe_generator import RecipeGenerator as RecipeGenerator
    from dataflow_core.scripting.typing import ChatType as ChatType
    from dataflow_core.scripting.typing import GeneratorOutput as GeneratorOutput
    from dataflow_core.scripting.typing import GeneratorStepOutput as GeneratorStepOutput
    from dataflow_core.scripting.typing import StepOutput as StepOutput
    from dataflow_core.scripting.typing import override as override
    from dataflow_core.serving.probe import try_endpoint_now as try_endpoint_now
    from dataflow_core.storage.queries import Query as Query
    from dataflow_core.workspace import Workspace as Workspace

_MODULES = {
    "EMBEDDED": "models",
    "LLM": "scripting.llms",
    "APILLMServing_request": "scripting.api_serving",
    "About": "exporting.about",
    "Budget": "models",
    "ChatType": "scripting.typing",
    "ConsistentChatGenerator": "scripting.consistent_chat",
    "CustomRecipe": "models",
    "DataFlowStorage": "scripting.file_storage",
    "DialoguesStep": "flows.pipelines",
    "Distiset": "scripting.distiset",
    "Endpoint": "models",
    "Export": "scripting.pipeline",
    "ExportPlan": "exporting.plan",
    "ExportStep": "flows.pipelines",
    "FewShot": "planning.few_shot",
    "FieldChoice": "exporters.base",
    "FileStorage": "scripting.file_storage",
    "Flow": "models",
    "GeneratorOutput": "scripting.typing",
    "GeneratorStepOutput": "scripting.typing",
    "GeneratorTask": "scripting.generator_task",
    "Home": "home",
    "ImportMapping": "importers.base",
    "Intent": "models",
    "LLMServingABC": "scripting.llm_serving",
    "OpenAILLM": "scripting.llms",
    "OutputField": "models",
    "ParaSeqTaskGenerator": "scripting.para_seq",
    "Pipeline": "scripting.pipeline",
    "PipelineFile": "flows.pipeline_files",
    "PipelineOutcome": "flows.pipelines",
    "Preflight": "exporting.plan",
    "PromptTexts": "models",
    "Query": "storage.queries",
    "RecipeGenerator": "scripting.recipe_generator",
    "RecipeStep": "flows.pipelines",
    "Replacement": "reviewing.replacing",
    "ReviewStatus": "models",
    "SavedRun": "flows.saved_runs",
    "Splits": "exporting.plan",
    "StepOutput": "scripting.typing",
    "TasksStep": "flows.pipelines",
    "TokenLimit": "exporting.plan",
    "Workspace": "workspace",
    "WrittenExport": "exporting.plan",
    "builtin_intents": "planning.intents",
    "builtin_recipes": "planning.recipes",
    "compare": "comparing",
    "guess_task_column": "readers",
    "load_run": "flows.saved_runs",
    "override": "scripting.typing",
    "plan_comparison": "comparing",
    "plan_saved": "flows.saved_runs",
    "read_lines": "readers",
    "read_pipeline": "flows.pipeline_files",
    "read_recipe": "planning.recipes",
    "read_table": "readers",
    "recipe_as_yaml": "planning.recipes",
    "recipe_from_yaml": "planning.recipes",
    "run_pipeline": "flows.pipelines",
    "save_run": "flows.saved_runs",
    "select_inputs": "readers",
    "try_endpoint_now": "serving.probe",
    "write_export": "exporting.engine",
}
__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
