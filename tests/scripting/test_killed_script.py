"""A script that is killed and run again pays no answered call twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataflow_core.models import RunState
from dataflow_core.storage.queries import Query
from dataflow_core.workspace import Workspace
from tests.processes import wait_until
from tests.scripted_endpoint import ScriptedEndpoint, delayed
from tests.scripting.conftest import echo, told

ROOT = Path(__file__).resolve().parents[2]
IN_FLIGHT = 2
SCRIPT = """
import sys
from dataflow_core import GeneratorOutput, GeneratorTask, OpenAILLM

class Counting(GeneratorTask):
    count: int
    together: int

    @property
    def outputs(self):
        return ["number", "text", "model_name"]

    def process(self, offset: int = 0) -> GeneratorOutput:
        print("offset", offset, flush=True)
        for start in range(offset, self.count, self.together):
            numbers = range(start, min(start + self.together, self.count))
            answers = self.llm.generate(inputs=[[{"role": "user", "content": f"Say {n}"}] for n in numbers])
            yield [
                {"number": n, "model_name": "m"} | self.format_output(output=answer, input=None)
                for n, answer in zip(numbers, answers)
            ]

    def format_output(self, output, input):
        return {"text": output}

task = Counting(count=24, together=int(sys.argv[2]), llm=OpenAILLM(model="m", max_workers=2))
rows = task.run(workspace=sys.argv[1])
print(len(rows), flush=True)
"""


@pytest.mark.parametrize(("together", "threshold"), [(1, 9), (8, 14)])
def test_a_killed_script_goes_on_and_pays_nothing_twice(tmp_path: Path, together: int, threshold: int) -> None:
    script, folder = tmp_path / "script.py", tmp_path / "workspace"
    script.write_text(SCRIPT)
    with ScriptedEndpoint(delayed(echo, 0.03)) as endpoint:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "sk-k"}
        command = [sys.executable, str(script), str(folder), str(together)]
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: len(endpoint.chats) >= threshold)
        workspace = Workspace(folder)
        (run,) = workspace.runs.all()
        wait_until(lambda: workspace.runs.progress(run.id).calls > IN_FLIGHT)
        process.kill()
        process.communicate()
        assert workspace.runs.get(run.id).state is RunState.INTERRUPTED
        before, asked_before = workspace.runs.progress(run.id), len(endpoint.chats)
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True)
        asked = [told(call.body) for call in endpoint.chats]
    assert ended.stdout.splitlines()[-1] == "24"
    if together == 1:
        assert ended.stdout.splitlines()[0] == f"offset {before.done}"
    progress = workspace.runs.progress(run.id)
    assert (progress.done, progress.failed, progress.total) == (24, 0, 24)
    records = list(workspace.records.stream(Query(runs=(run.id,))))
    assert [record.fields["number"] for record in records] == list(range(24))
    assert all(record.fields["text"] == f"Answer to: Say {record.fields['number']}" for record in records)
    assert len(asked) - asked_before <= 24 - before.calls + IN_FLIGHT
    workspace.close()
