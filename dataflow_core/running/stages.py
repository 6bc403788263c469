"""Takes an input to the end of the stage that it has come to: a whole record, or a skeleton that a person is to see."""

from __future__ import annotations

import asyncio

from dataflow_core.checks.digest import digest_of
from dataflow_core.generators.base import Generator, TwoStages
from dataflow_core.models import SKELETON, Input, Record, RecordStage, Run
from dataflow_core.running.asking import Asker
from dataflow_core.storage.ledger import Done, Ledger, Unaccepted
from dataflow_core.storage.stage_gate import is_accepted


async def make(run: Run, generator: Generator, ledger: Ledger, item: Input, ask: Asker) -> Done | Unaccepted:
    """Raises what the generator raises."""
    stage: RecordStage = ""
    skeleton: Record | None = None
    if not (run.reviews_skeletons and isinstance(generator, TwoStages)):
        fields = await generator.generate(item, ask)
    # Read now and not with the page of inputs: a person may go on editing what is queued, and what stands is answered.
    elif skeleton := (await asyncio.to_thread(ledger.skeletons, [item])).get(item.id):
        if not is_accepted(skeleton):
            return Unaccepted(item)
        fields = await generator.answer(item, skeleton.fields, ask)
    else:
        fields, stage = await generator.skeleton(item, ask), SKELETON
    digest = digest_of(run.generator, fields, run.params, stage=stage)
    return Done(item, fields, tuple(ask.repairs), ask.model, digest, stage, skeleton)
