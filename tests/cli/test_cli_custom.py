"""The command line's verb `custom`: a recipe from a file or by its name, with lists or with a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataflow_core.cli.program import main
from dataflow_core.planning.recipes import builtin_recipes, recipe_as_yaml, recipe_from_yaml
from dataflow_core.workspace import Workspace
from tests.scripted_endpoint import ScriptedEndpoint, valid_replies

RIDDLES = """
name: Riddles
instruction: Write a riddle about {topic}.
outputs:
  riddle: the riddle
  level: {type: whole number}
variables:
  topic: [rain, snow, bread]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATAFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "riddles.yaml").write_text(RIDDLES, encoding="utf-8")
    return tmp_path


def custom(*arguments: str, url: str = "http://127.0.0.1:9/v1") -> int:
    return main(["custom", *arguments, "-o", "out.jsonl", "--model", "m", "--base-url", url, "--quiet"])


def written(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_recipe_in_a_file_makes_as_many_records_as_asked_for(folder: Path) -> None:
    with ScriptedEndpoint(valid_replies) as endpoint:
        assert custom("riddles.yaml", "--count", "3", "--workspace", "ws", url=endpoint.url) == 0
        asked = {call.body["messages"][-1]["content"] for call in endpoint.chats}
    assert [list(line) for line in written(folder)] == [["riddle", "level", "model_name"]] * 3
    assert asked == {f"Write a riddle about {topic}." for topic in ("rain", "snow", "bread")}


def test_a_saved_or_built_in_recipe_goes_by_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(folder / "ws", create=True)
    workspace.recipes.save(recipe_from_yaml(RIDDLES))
    workspace.close()
    with ScriptedEndpoint(valid_replies) as endpoint:
        assert custom("riddles", "--count", "1", "--workspace", "ws", url=endpoint.url) == 0
        assert custom("jokes", "--count", "1", "--workspace", "ws", url=endpoint.url) == 0
    assert list(written(folder)[0]) == ["setup", "punchline", "model_name"]
    assert custom("rhymes", "--count", "1", "--workspace", "ws") == 2
    assert "neither a file rhymes nor a recipe 'rhymes'" in capsys.readouterr().err


def test_a_tables_rows_are_inputs_one_each(folder: Path) -> None:
    (folder / "titles.csv").write_text("title,year\nRain,1929\nSnow,1930\n", encoding="utf-8")
    (folder / "r.yaml").write_text("name: R\ninstruction: Sum up {title} of {year}.\noutputs: [summary]\n")
    with ScriptedEndpoint(valid_replies) as endpoint:
        assert custom("r.yaml", "--input", "titles.csv", "--workspace", "ws", url=endpoint.url) == 0
        asked = {call.body["messages"][-1]["content"] for call in endpoint.chats}
    assert asked == {"Sum up Rain of 1929.", "Sum up Snow of 1930."}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name: [", "The recipe is not valid YAML, line 2, column 1"),
        ("- a", "A recipe is a mapping"),
        ("name: R\ninstruction: About {x}.\noutputs: [a]", "no list of values for “x”"),
        ("\0", "characters that are not allowed in YAML"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_a_usage_error(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str, sentence: str
) -> None:
    (folder / "bad.yaml").write_text(content, encoding="utf-8")
    assert custom("bad.yaml", "--count", "1", "--workspace", "ws") == 2
    assert sentence in capsys.readouterr().err


def test_the_number_of_records_has_to_be_said_and_the_recipe_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert custom("riddles.yaml", "--workspace", "ws") == 2
    assert "--count" in capsys.readouterr().err
    (folder / "out.jsonl").write_text(recipe_as_yaml(builtin_recipes()[0]), encoding="utf-8")
    assert custom("out.jsonl", "--count", "1", "--workspace", "ws") == 2
    assert "would be overwritten" in capsys.readouterr().err
