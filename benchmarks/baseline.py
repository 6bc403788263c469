"""What one writes without Dataflow Studio: a loop over the OpenAI SDK with a semaphore, and a JSONL file.

`python -m benchmarks.baseline URL RECORDS WORKERS OUT` prints when its last line was written.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI

from benchmarks.endpoint import MODEL
from benchmarks.workload import tasks
from dataflow_core.prompts.para_seq import relations_prompt

_NAMES = ("parallel_task", "subsequent_task", "composition_task")
_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "relations",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in _NAMES},
            "required": list(_NAMES),
            "additionalProperties": False,
        },
    },
}


async def write_all(url: str, records: int, workers: int, out: Path) -> None:
    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=120.0)
    semaphore = asyncio.Semaphore(workers)
    create: Any = client.chat.completions.create  # too many overloads for messages made of plain values

    async def write(task: str) -> None:
        prompt = relations_prompt(task, temperature=None)
        messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
        async with semaphore:
            completion = await create(model=MODEL, messages=messages, response_format=_FORMAT)
        answer = json.loads(completion.choices[0].message.content)
        file.write(json.dumps({"atom_task": task, **answer}, ensure_ascii=False) + "\n")

    with out.open("w", encoding="utf-8") as file:
        await asyncio.gather(*(write(task) for task in tasks(records)))
    await client.close()


def main() -> None:
    url, records, workers, out = sys.argv[1:]
    asyncio.run(write_all(url, int(records), int(workers), Path(out)))
    print(time.time())


if __name__ == "__main__":
    main()
