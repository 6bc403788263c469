"""The dataset card: what the Hub reads in its header, what a person reads below, and that records are text in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import DatasetCard
from hypothesis import example, given
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.exporting.about import About, language_codes
from dataflow_core.exporting.card import CardFacts, card, escaped
from dataflow_core.exporting.manifest import Manifest
from dataflow_core.exporting.measures import Measures
from dataflow_core.exporting.plan import ExportPlan, Splits, Stage
from dataflow_core.models import Fields, ReviewStatus, RevisionKind
from dataflow_core.storage.queries import Query
from dataflow_core.storage.writing import NewRecord, add_records
from dataflow_core.workspace import Workspace
from tests.exporting.made import dialogue_fields, export_of, make_all_kinds
from tests.record_makers import DIALOGUES, make_records, make_tasks, record_at
from tests.support import ENDPOINT, answer_relations, execute, plan_tasks

#: What turns text into markup, links, mentions, tables, headings or a header of its own.
MALICE = "<img src=x onerror=alert(1)>|`a`\n---\nlicense: mit\n# [x](javascript:1) ![](http://x) @eve www.x.y *b*"


def card_of(workspace: Workspace, folder: Path, about: About | None = None, **plan: Any) -> Any:
    """As huggingface_hub itself reads it, an error in the header being one."""
    export = workspace.bundles.write(ExportPlan(**{"query": Query(), **plan}), folder, "ex", about=about)
    return DatasetCard.load(export.folder / "README.md", ignore_metadata_errors=False)


def test_the_header_says_where_each_split_of_each_dataset_is(workspace: Workspace, tmp_path: Path) -> None:
    make_all_kinds(workspace)
    found = card_of(
        workspace, tmp_path, About("A set", "CC-BY-4.0", ("en", "de")), format="trl", splits=Splits(0.8, 0.2)
    )
    data: Any = found.data
    assert (data.pretty_name, data.license, data.language) == ("A set", "cc-by-4.0", ["en", "de"])
    assert (data.size_categories, data.task_categories) == (["n<1K"], ["text-generation"])
    configs = {config["config_name"]: config["data_files"] for config in data.to_dict()["configs"]}
    assert set(configs) == {"tasks", "dialogues", "records"}
    for files in configs.values():
        assert {file["split"] for file in files} <= {"train", "validation"}
        assert all((tmp_path / "ex" / file["path"]).is_file() for file in files)


def test_one_dataset_is_the_default_one_with_the_split_train(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 2)
    (config,) = card_of(workspace, tmp_path).data.to_dict()["configs"]
    assert config == {"config_name": "default", "data_files": [{"split": "train", "path": "ex_tasks.jsonl"}]}


def test_a_licence_that_the_hub_does_not_know_is_another_one(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 1)
    found = card_of(workspace, tmp_path, About(licence="Ours: all of it"))
    assert (found.data.license, found.data.to_dict()["license_name"]) == ("other", "Ours: all of it")
    assert "Ours\\: all of it" in found.text


def test_without_a_licence_none_is_claimed(workspace: Workspace, tmp_path: Path) -> None:
    make_tasks(workspace, 1)
    found = card_of(workspace, tmp_path)
    assert found.data.license is None
    assert "None was given" in found.text


def test_a_run_says_its_model_its_prompts_version_and_its_language(workspace: Workspace, tmp_path: Path) -> None:
    run = plan_tasks(workspace, ["One.", "Two."])
    execute(workspace, run, answer_relations)
    text = card_of(workspace, tmp_path).text
    assert f"| {escaped(run.prompt_version)} | 2 |" in text
    assert f"| {escaped(ENDPOINT.model)} | 2 |" in text


def test_the_card_counts_what_was_edited_and_accepted(workspace: Workspace, tmp_path: Path) -> None:
    ids = [record_at(workspace, number).id for number in make_tasks(workspace, 5)]
    workspace.review.edit(ids[0], {"atom_task": "Another."}, base_revision=1, author="Ada")
    workspace.review.decide({ids[0]: 2, ids[1]: 1, ids[2]: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")
    workspace.review.decide({ids[3]: 1}, ReviewStatus.REJECTED, reviewer="Ada")
    text = card_of(workspace, tmp_path, query=Query(statuses=(ReviewStatus.ACCEPTED,))).text
    assert "1 of the 3 records (33.3 %) were edited by a person." in text
    assert "Of 4 records of these filters that were accepted or rejected, 3 (75.0 %) were accepted." in text
    assert "1 unreviewed" in text


def test_lengths_of_dialogues_stand_beside_the_published_ones(workspace: Workspace, tmp_path: Path) -> None:
    make_records(workspace, [dialogue_fields(number) for number in range(10)], generator=DIALOGUES)
    text = card_of(workspace, tmp_path).text
    assert "| turns a dialogue | 4.0 | 4 | 4 | 15.5 |" in text
    assert "| words a question | 2.5 | 2 | 3 | 19.6 |" in text
    assert re.search(r"\| words an answer \| 4\.0 \| 3 \| 5 \| 59 \|", text)
    assert "arXiv 2506.03558" in text


def test_a_dialogue_whose_turns_are_none_is_in_a_table_without_being_measured(
    workspace: Workspace, tmp_path: Path
) -> None:
    odd: list[Fields] = [{"category": "Travel"}, {"category": "Travel", "conversation": [{"role": "user"}]}]
    make_records(workspace, [*odd, dialogue_fields(1)], generator=DIALOGUES)
    export = export_of(workspace, tmp_path, format="csv")
    assert export.left_out == 0
    assert "| turns a dialogue | 4.0 |" in (export.folder / "README.md").read_text(encoding="utf-8")


def test_intents_are_counted(workspace: Workspace, tmp_path: Path) -> None:
    contents = [dialogue_fields(number, intent="Planning" if number else "Travel") for number in range(4)]
    make_records(workspace, contents, generator=DIALOGUES)
    text = card_of(workspace, tmp_path).text
    assert "| Planning | 3 |\n| Travel | 1 |" in text


@pytest.mark.parametrize("place", ["intent", "title", "licence", "field"])
def test_what_a_record_or_a_person_says_is_no_markup(workspace: Workspace, tmp_path: Path, place: str) -> None:
    intent = MALICE if place == "intent" else "Travel"
    make_records(workspace, [dialogue_fields(1, intent=intent)], generator=DIALOGUES)
    if place == "field":
        make_records(workspace, [{MALICE: "x", "b": "y"}], generator="GeneratorTask")
    about = About(title=MALICE if place == "title" else "", licence=MALICE if place == "licence" else "")
    found = card_of(workspace, tmp_path, about)
    assert found.data.license == ("other" if place == "licence" else None)
    for harm in ("<img", "](j", "![](h", " @eve", "www.x", "`a`", "http://x", " *b*", "\n---\nlicense"):
        assert harm not in found.text
    assert "alert\\(1\\)" in found.text  # it is there, as text


_PUNCTUATION = "-:#|`<>&*_[]()!@~\n\r\t \x85\u2028\u202e{}%'\"\\.a1"
_unfriendly = st.text(max_size=60) | st.text(alphabet=_PUNCTUATION, max_size=60)


@given(_unfriendly, _unfriendly, _unfriendly)
@example("---", "--- ", "...")
@example("%YAML", "!!python/object:os.system", "&a *a")
def test_any_text_gives_a_header_that_says_it_and_nothing_else(title: str, licence: str, field: str) -> None:
    manifest = Manifest("ex", "p", "w", "2026-01-01", ExportPlan(), (), About(title, licence))
    own = Measures(intents={field: 1}, records=1)  # type: ignore[arg-type]
    text = card(CardFacts(manifest, [], {"x": own}))
    found: Any = DatasetCard(text, ignore_metadata_errors=False)
    head: Fields = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert set(head) <= {
        "pretty_name", "license", "license_name", "size_categories", "task_categories", "tags", "configs"
    }  # fmt: skip
    assert found.data.to_dict()["tags"] == ["synthetic", "dataflow-studio", "sft"]
    assert "\n" not in escaped(field)
    assert not re.search(r"(?<!\\)[`*_\[\]|@#<>]", escaped(field).replace("&lt;", "").replace("&gt;", ""))


def test_the_card_tells_of_the_same_state_as_the_files(workspace: Workspace, tmp_path: Path) -> None:
    make_records(workspace, [dialogue_fields(number) for number in range(2)], generator=DIALOGUES)
    (first, second) = workspace.records.stream(Query())
    workspace.review.decide({first.id: 1}, ReviewStatus.ACCEPTED, reviewer="Ada")

    def meddle(stage: Stage) -> None:
        if stage.what == "checking" and stage.done == stage.total:
            workspace.review.edit(second.id, {"category": "Changed"}, base_revision=1, author="Ada")
            workspace.review.decide({second.id: 2}, ReviewStatus.REJECTED, reviewer="Ada")

    export = workspace.bundles.write(ExportPlan(Query(), splits=Splits(1, 1)), tmp_path, "ex", meddle)
    assert workspace.records.count(Query(is_edited=True)) == 1
    text = (export.folder / "README.md").read_text(encoding="utf-8")
    assert "0 of the 2 records (0.0 %) were edited" in text
    assert "Of 1 records of these filters that were accepted or rejected, 1 (100.0 %)" in text


def test_languages_are_those_that_the_runs_were_asked_for(workspace: Workspace, tmp_path: Path) -> None:
    assert language_codes(["English", " german", "Klingon", "", "english"]) == ["en", "de"]
    intent = workspace.intents.all()[0]
    run = workspace.plan_dialogues([intent], endpoint=ENDPOINT, num_dialogs_per_intent=1, language="French")
    made = NewRecord("01R", dialogue_fields(1), run_id=run.id)
    with workspace.database.write() as connection:
        add_records(
            connection,
            [made],
            generator=DIALOGUES,
            kind=RevisionKind.GENERATED,
            author=DIALOGUES,
            status=ReviewStatus.UNREVIEWED,
            now=0.0,
        )
    assert card_of(workspace, tmp_path).data.language == ["fr"]


def test_a_language_that_is_no_code_is_refused() -> None:
    with pytest.raises(UsageError, match="'English' is no code"):
        About(languages=("English",))


def test_the_splits_of_the_card_are_what_the_datasets_library_loads(workspace: Workspace, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    make_all_kinds(workspace)
    export = export_of(workspace, tmp_path, format="trl", splits=Splits(0.7, 0.3, similarity=1.0))
    found = datasets.load_dataset(str(export.folder), "tasks", cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in found.items()} == {"train": 7, "validation": 3}
