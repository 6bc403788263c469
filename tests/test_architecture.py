"""The rules that keep the parts apart, read from the source: imports run one way, and Streamlit stays outside."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: From the lowest to the highest. A part imports from its own layer and from those below, never in a circle.
LAYERS = (
    ("models", "errors"),
    ("settings",),
    ("prompts", "serving", "storage"),
    ("generators",),
    ("wording", "alignment", "word_diff", "yaml_files"),
    ("checks",),
    ("readers", "exporters", "launch", "background"),
    ("running", "exporting"),
    ("reviewing", "planning", "importers"),
    ("workspace",),
    ("home", "worker", "comparing", "scripting", "terminal"),
    ("flows",),
    ("dataflow_core",),
    ("ui",),
    ("pages",),
    (
        "app",
        "cli",
        "__main__",
    ),
)
RANK = {part: rank for rank, parts in enumerate(LAYERS) for part in parts}

OUTSIDE_THE_LIBRARY = {"app", "pages", "ui"}
NOT_FOR_PAGES = {"asyncio", "sqlite3", "sqlalchemy", "dataflow_core.prompts", "dataflow_core.storage.database"}
NO_NAMES = {"util", "utils", "helper", "helpers", "misc", "common"}
SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|CREATE\s+TABLE)\b", re.DOTALL)
PROMPT = re.compile(r"^\s*(You are an? |Act as )|\b(respond|reply|answer) only with\b", re.IGNORECASE)


def violations(sources: Mapping[str, str]) -> list[str]:
    """Return a sentence for each broken rule in `sources`, which holds the files' text by path."""
    trees = {path: ast.parse(text) for path, text in sources.items()}
    found = [
        sentence
        for path, tree in trees.items()
        for rule in (_broken_directions, _streamlit_inside, _foreign_to_pages, _vague_names)
        for sentence in rule(path, tree)
    ]
    return found + list(_circles(trees))


def _broken_directions(path: str, tree: ast.AST) -> Iterator[str]:
    part = _part(_module(path))
    if part not in RANK:
        yield f"{path}: {part} has no place in LAYERS"
        return
    for name in _imports(path, tree):
        imported = _part(name)
        if _is_ours(name) and imported not in RANK:
            yield f"{path} imports {name}, which has no place in LAYERS"
        elif _is_ours(name) and RANK[imported] > RANK[part]:
            yield f"{path} imports {name}, which is above it"


def _streamlit_inside(path: str, tree: ast.AST) -> Iterator[str]:
    if _module(path).split(".")[0] in OUTSIDE_THE_LIBRARY:
        return
    for name in _imports(path, tree):
        if name.split(".")[0] == "streamlit":
            yield f"{path} imports {name}: the library knows nothing of Streamlit"


def _foreign_to_pages(path: str, tree: ast.AST) -> Iterator[str]:
    if not path.startswith("pages/"):
        return
    for name in _imports(path, tree):
        if any(name == banned or name.startswith(f"{banned}.") for banned in NOT_FOR_PAGES):
            yield f"{path} imports {name}, which is not for pages"
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"{path}:{node.lineno} is asynchronous"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SQL.search(node.value):
                yield f"{path}:{node.lineno} contains SQL"
            if PROMPT.search(node.value):
                yield f"{path}:{node.lineno} contains prompt text"


def _vague_names(path: str, tree: ast.AST) -> Iterator[str]:
    if vague := NO_NAMES & set(_module(path).split(".")):
        yield f"{path} is called {vague.pop()}, which says nothing of what it holds"


def _circles(trees: Mapping[str, ast.AST]) -> Iterator[str]:
    graph: dict[str, set[str]] = {}
    for path, tree in trees.items():
        part = _part(_module(path))
        imported = {_part(name) for name in _imports(path, tree) if _is_ours(name)}
        graph.setdefault(part, set()).update(imported - {part})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"these import each other in a circle: {' ← '.join(error.args[1])}"


def _imports(path: str, tree: ast.AST) -> Iterator[str]:
    """Yield what is imported, at the top or inside a function, as full dotted names."""
    package = _module(path).split(".")
    if not path.endswith("__init__.py"):
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _part(module: str) -> str:
    """Return the name that LAYERS has for it: "storage" for dataflow_core.storage.database, "pages" for pages.runs."""
    first, _, rest = module.partition(".")
    if first != "dataflow_core" or not rest:
        return first
    second = rest.split(".")[0]
    is_module = second in RANK or (second.islower() and not second.startswith("_"))
    return second if is_module else "dataflow_core"  # a name that the package itself offers


def _is_ours(module: str) -> bool:
    return module.split(".")[0] in {"dataflow_core", "app", "pages", "ui"}


def _source_files() -> Iterable[Path]:
    yield ROOT / "app.py"
    for folder in ("pages", "ui", "dataflow_core"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_the_source_keeps_to_the_layers() -> None:
    sources = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in _source_files()}
    assert violations(sources) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("dataflow_core/models.py", "from dataflow_core.errors import X\nimport dataflow_core.workspace", "above it"),
        ("dataflow_core/storage/runs.py", "def f():\n    from dataflow_core.running.runner import run", "above it"),
        ("dataflow_core/storage/runs.py", "from ..workspace import Workspace", "above it"),
        ("dataflow_core/prompts/a.py", "from dataflow_core import generators", "above it"),
        ("dataflow_core/generators/a.py", "from dataflow_core import Workspace", "above it"),
        ("dataflow_core/workspace.py", "from ui.text import plain", "above it"),
        ("ui/text.py", "import pages.home", "above it"),
        ("dataflow_core/running/runner.py", "import streamlit as st", "nothing of Streamlit"),
        ("dataflow_core/checks/a.py", "from streamlit.runtime import x", "nothing of Streamlit"),
        ("pages/home.py", "import asyncio", "not for pages"),
        ("pages/home.py", "from sqlalchemy import text", "not for pages"),
        ("pages/home.py", "from dataflow_core.prompts import para_seq", "not for pages"),
        ("pages/home.py", "from dataflow_core.storage import database", "not for pages"),
        ("pages/home.py", "async def f(): ...", "asynchronous"),
        ("pages/home.py", "q = 'SELECT id FROM records'", "SQL"),
        ("pages/home.py", "p = 'You are a helpful assistant.'", "prompt text"),
        ("dataflow_core/utils.py", "", "says nothing"),
        ("dataflow_core/storage/helpers.py", "", "says nothing"),
        ("dataflow_core/gadget.py", "", "no place in LAYERS"),
    ],
)
def test_a_broken_rule_is_noticed(path: str, source: str, complaint: str) -> None:
    assert any(complaint in sentence for sentence in violations({path: source}))


def test_a_circle_within_a_layer_is_noticed() -> None:
    sources = {
        "dataflow_core/checks/a.py": "from dataflow_core.exporters import b",
        "dataflow_core/exporters/b.py": "from dataflow_core.checks import a",
    }
    assert any("circle" in sentence for sentence in violations(sources))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("dataflow_core/running/runner.py", "from dataflow_core.storage.runs import RunStore\nimport asyncio"),
        ("dataflow_core/storage/a.py", "from . import b\nfrom .b import c\nfrom ..models import Run"),
        ("pages/runs.py", "import streamlit as st\nfrom ui.shell import require_shell\nst.button('Select a run')"),
        ("app.py", "import streamlit\nfrom ui.session import current_workspace"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert violations({path: source}) == []


def _borrowed_from_tests(path: str, source: str) -> list[str]:
    names = (name for name in _imports(path, ast.parse(source)) if name.startswith("tests."))
    return [f"{path} imports {name}" for name in names if any(step.startswith("test_") for step in name.split("."))]


def test_what_tests_share_stands_in_modules_that_hold_no_tests() -> None:
    paths = sorted((ROOT / "tests").rglob("*.py"))
    sources = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    assert [sentence for path, source in sources.items() for sentence in _borrowed_from_tests(path, source)] == []


@pytest.mark.parametrize("source", ["from tests.test_b import c", "from .test_b import c", "import tests.test_b"])
def test_a_test_that_borrows_from_another_is_noticed(source: str) -> None:
    assert _borrowed_from_tests("tests/test_a.py", source)
