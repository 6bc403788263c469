"""The nouns of Dataflow Studio, as plain frozen values. Imports nothing of ours.

An *input* is what a record is made from; a *run* turns inputs into *records* with a *generator*;
every input ends as a record or as a *failure*; a record has *revisions* and a person's *review*.
"""

from dataflow_core.models.actions import Action, ActionState, Proposal, ProposalState
from dataflow_core.models.calls import (
    EMBEDDED,
    Completion,
    Endpoint,
    Message,
    Prompt,
    Quota,
    Recipe,
    Sampling,
    StepUsage,
    Usage,
)
from dataflow_core.models.intents import Flow, Intent
from dataflow_core.models.records import (
    SKELETON,
    Comment,
    Decision,
    Digest,
    Fields,
    Finding,
    Record,
    RecordStage,
    ReviewStatus,
    Revision,
    RevisionKind,
)
from dataflow_core.models.runs import (
    Budget,
    Failure,
    Input,
    InputState,
    Progress,
    Run,
    RunKind,
    RunState,
    SourceLine,
    Stage,
    StoppedBy,
    Traffic,
)

__all__ = [
    "EMBEDDED",
    "SKELETON",
    "Action",
    "ActionState",
    "Budget",
    "Comment",
    "Completion",
    "Decision",
    "Digest",
    "Endpoint",
    "Failure",
    "Fields",
    "Finding",
    "Flow",
    "Input",
    "InputState",
    "Intent",
    "Message",
    "Progress",
    "Prompt",
    "Proposal",
    "ProposalState",
    "Quota",
    "Recipe",
    "Record",
    "RecordStage",
    "ReviewStatus",
    "Revision",
    "RevisionKind",
    "Run",
    "RunKind",
    "RunState",
    "Sampling",
    "SourceLine",
    "Stage",
    "StepUsage",
    "StoppedBy",
    "Traffic",
    "Usage",
]  # fmt: skip
