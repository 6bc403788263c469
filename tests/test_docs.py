"""What the documentation shows is run: every Python block as it stands, every command line as far as its options."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataflow_core.cli.arguments import parser
from tests.scripted_endpoint import ScriptedEndpoint, valid_replies

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_FENCE = re.compile(r"^```(\w*)")
_COMMAND = re.compile(r"^\s*(?:\S*python -m dataflow_core|dataflow-studio) (.+)$")


def code_of(page: str) -> str:
    """The page's Python blocks as one program, each line of it where it stands on the page."""
    lines, language = [], ""
    for line in page.splitlines():
        if fence := _FENCE.match(line):
            language = "" if language else fence[1] or "text"
            lines.append("")
        else:
            lines.append(line if language == "python" else "")
    return "\n".join(lines)


def commands_in(page: str) -> Iterator[str]:
    for line in page.splitlines():
        if found := _COMMAND.match(line):
            yield found[1]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if code_of(page.read_text()).strip()], ids=lambda page: page.stem
)
def test_the_python_of_a_page_runs_as_it_stands(page: Path, tmp_path: Path) -> None:
    program = tmp_path / "page" / f"{page.stem}.py"
    folder = program.parent
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copy(folder / "examples" / "tour_tasks.jsonl", folder / "input.jsonl")
    program.write_text(code_of(page.read_text()))
    with ScriptedEndpoint(valid_replies, models=("gpt-4o",)) as endpoint:
        ours = {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "sk-example", "DF_API_KEY": "sk-example"}
        environ = os.environ | ours | {"PYTHONPATH": str(ROOT), "DATAFLOW_HOME": str(tmp_path / "home")}
        ran = subprocess.run([sys.executable, program.name], cwd=folder, env=environ, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_understood(page: Path) -> None:
    for command in commands_in(page.read_text()):
        words = shlex.split(command.replace("…", ""), comments=True)
        if words and "--help" not in words:
            parser().parse_args(words)


def test_no_python_is_shown_that_is_not_run() -> None:
    other = re.compile(r"^[ \t]*```[ \t]*(py|python3|pycon|Python)[ \t]*$|^[ \t]+```python", re.MULTILINE)
    assert [page.name for page in PAGES if other.search(page.read_text())] == []
