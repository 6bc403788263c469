"""Splits: shares, the same again, and nothing that is alike on two sides."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow_core.errors import UsageError
from dataflow_core.exporting.groups import Groups
from dataflow_core.exporting.plan import Splits, WrittenExport
from dataflow_core.exporting.signatures import PLACES, signatures
from dataflow_core.exporting.splits import _dealt
from dataflow_core.models import Fields
from dataflow_core.workspace import Workspace
from tests.exporting.records import DIALOGUES, OWN, TASKS, dialogue, plan, put, task
from tests.exporting.told import Told
from tests.support import plan_tasks

WORDS = [f"{first}{second}" for first in ("bel", "cor", "dan", "fil", "gor") for second in ("amo", "eti", "ura", "ing")]


def sentence(seed: int, count: int = 30) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def splits_of(
    workspace: Workspace, folder: Path, splits: Splits, name: str = "x"
) -> tuple[dict[str, str], WrittenExport]:
    """The split of each record, by its id."""
    told = Told()
    made = workspace.exports.write(plan(splits=splits), folder, name, along=told)
    return told.splits, made


def test_shares_are_hit_and_the_same_seed_parts_alike(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, [{"text": sentence(seed)} for seed in range(400)], OWN)
    first, made = splits_of(workspace, tmp_path, Splits(90, 5, 5, seed=1), "first")
    assert {file.split: file.records for file in made.files} == {"train": 360, "validation": 20, "test": 20}
    assert made.preflight is not None
    assert made.preflight.notes == ()
    again, _ = splits_of(workspace, tmp_path, Splits(90, 5, 5, seed=1), "again")
    other, _ = splits_of(workspace, tmp_path, Splits(90, 5, 5, seed=2), "other")
    assert first == again != other


@pytest.mark.parametrize(("splits", "name"), [(Splits(0, 0, 1), "test"), (Splits(0, 3, 0), "validation")])
def test_a_single_split_is_called_what_it_is(workspace: Workspace, tmp_path: Path, splits: Splits, name: str) -> None:
    put(workspace, [task("Boil an egg."), task("Paint a wall.")], TASKS)
    chosen = plan(splits=splits, format="alpaca")
    assert workspace.exports.preflight(chosen).used == {TASKS: {name: 2}}
    made = workspace.bundles.write(chosen, tmp_path, "x")
    assert {file.split for file in made.files if file.kind == "data"} == {name}
    card = (made.folder / "README.md").read_text()
    assert f"split: {name}\n    path: x_tasks_{name}.jsonl" in card
    assert "split: train" not in card
    assert list(json.loads((made.folder / "dataset_info.json").read_text())) == [f"x_tasks_{name}"]
    assert not list(made.folder.glob("train*"))
    assert workspace.bundles.again(made.folder, tmp_path / "again").is_same
    (alone, *_) = workspace.exports.write_file(chosen, tmp_path / "mine.jsonl").files
    assert (alone.path.name, alone.split) == ("mine.jsonl", name)


def test_an_export_from_before_single_splits_had_names_is_made_again(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, [task("Boil an egg."), task("Paint a wall.")], TASKS)
    made = workspace.bundles.write(plan(), tmp_path, "x")
    manifest = made.folder / "manifest.json"
    fields = json.loads(manifest.read_text())
    fields["plan"]["splits"] |= {"train": 0.0, "test": 1.0}
    del fields["plan"]["has_mark"]
    manifest.write_text(json.dumps(fields))
    assert workspace.bundles.again(made.folder, tmp_path / "again").is_same


def test_dialogues_on_one_topic_are_one_group_which_is_told_where_it_misses_a_share(
    workspace: Workspace, tmp_path: Path
) -> None:
    on = {"intent": "Travel", "flow": "f"}
    put(workspace, [dialogue(sentence(seed), "Yes.", **on, topic="Ports") for seed in range(30)], DIALOGUES)
    others = [dialogue(sentence(seed), "Yes.", **on, topic=f"t{seed}") for seed in range(100, 104)]
    put(workspace, others, DIALOGUES, ids=["a", "b", "c", "d"])
    found, made = splits_of(workspace, tmp_path, Splits(50, 50))
    assert len({split for record, split in found.items() if record not in "abcd"}) == 1
    assert made.preflight is not None
    assert all("up to 30 of them" in note for note in made.preflight.notes)
    assert len(made.preflight.notes) == 2


def test_a_record_more_moves_only_a_few_others(workspace: Workspace, tmp_path: Path) -> None:
    put(workspace, [{"text": sentence(seed)} for seed in range(300)], OWN)
    before, _ = splits_of(workspace, tmp_path, Splits(80, 10, 10), "before")
    put(workspace, [{"text": sentence(seed)} for seed in range(1000, 1003)], OWN)
    after, _ = splits_of(workspace, tmp_path, Splits(80, 10, 10), "after")
    assert sum(before[record] != after[record] for record in before) <= 6


def test_the_order_of_the_records_makes_no_difference(tmp_path: Path) -> None:
    records: list[tuple[str, Fields]] = [(f"R{seed}", {"text": sentence(seed // 2)}) for seed in range(60)]
    found = []
    for place, order in enumerate((records, records[::-1])):
        workspace = Workspace(tmp_path / f"w{place}", create=True)
        put(workspace, [fields for _, fields in order], OWN, ids=[name for name, _ in order])
        found.append(splits_of(workspace, tmp_path, Splits(3, 1, 1), f"x{place}")[0])
        workspace.close()
    assert found[0] == found[1]


def test_near_duplicates_are_never_parted(workspace: Workspace, tmp_path: Path) -> None:
    texts = [sentence(seed, 60) for seed in range(60)]
    near = [text.replace(text.split()[20], "otherwise", 1).upper() + " ..." for text in texts]
    ids = put(workspace, [{"text": text} for text in texts + near], OWN)
    found, made = splits_of(workspace, tmp_path, Splits(1, 1, 1))
    assert all(found[one] == found[other] for one, other in zip(ids[:60], ids[60:], strict=True))
    assert {file.records for file in made.files} == {40}


def test_texts_that_only_their_wide_letters_tell_apart_are_never_parted(workspace: Workspace, tmp_path: Path) -> None:
    texts = [sentence(seed, 30) for seed in range(30)]
    wide = [text.translate({code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1)}) for text in texts]
    ids = put(workspace, [{"text": text} for text in texts + wide], OWN)
    found, _ = splits_of(workspace, tmp_path, Splits(1, 1, 1))
    assert all(found[one] == found[other] for one, other in zip(ids[:30], ids[30:], strict=True))


@pytest.mark.parametrize("text", ["🙂", "", "!?"])
def test_exact_duplicates_without_a_word_stay_together(workspace: Workspace, tmp_path: Path, text: str) -> None:
    put(workspace, [{"text": text}, *({"text": sentence(seed)} for seed in range(20)), {"text": text}], OWN)
    found, _ = splits_of(workspace, tmp_path, Splits(1, 1))
    assert text == "" or found["R0000000"] == found["R0000021"]


def test_records_of_the_same_input_stay_together_also_those_of_another_run(
    workspace: Workspace, tmp_path: Path
) -> None:
    tasks = [sentence(seed, 8) for seed in range(30)]
    runs = [plan_tasks(workspace, tasks) for _ in range(2)]
    ids: list[list[str]] = []
    for number, run in enumerate(runs):
        made = [
            task("") | {"atom_task": f"{text} ", "parallel_task": sentence(1000 * number + place, 40)}
            for place, text in enumerate(tasks)
        ]
        ids.append(put(workspace, made, TASKS, run=run.id, ids=[f"{number}-{place}" for place in range(30)]))
    found, _ = splits_of(workspace, tmp_path, Splits(1, 1, 1, stratify="run"))
    assert all(found[one] == found[other] for one, other in zip(*ids, strict=True))


def test_dialogues_of_the_same_cell_or_with_the_same_questions_stay_together(
    workspace: Workspace, tmp_path: Path
) -> None:
    def made(number: int, **cell: str) -> Fields:
        texts = [sentence(10 * number + turn, 20) for turn in range(4)]
        return dialogue(*texts, intent="Travel", flow="f", **cell)

    cells = [made(number, topic=f"Topic {number // 2}") for number in range(20)]
    answered = [made(number, topic=f"Other {number}") for number in range(100, 110)]
    again = [
        one | {"topic": "Re", "flow": str(place), "conversation": _answered(one, 5000 + place)}
        for place, one in enumerate(answered)
    ]
    ids = put(workspace, [*cells, *answered, *again], DIALOGUES)
    found, _ = splits_of(workspace, tmp_path, Splits(1, 1, 1))
    assert all(found[ids[place]] == found[ids[place + 1]] for place in range(0, 20, 2))
    assert all(found[ids[place]] == found[ids[place + 10]] for place in range(20, 30))


def _answered(fields: Fields, seed: int) -> list[Fields]:
    return [
        turn if turn["role"] == "user" else turn | {"value": sentence(seed + 100 * place, 40)}
        for place, turn in enumerate(fields["conversation"])
    ]


def test_shares_are_kept_within_each_intent(workspace: Workspace, tmp_path: Path) -> None:
    intents = ["Rare"] * 20 + ["Common"] * 180
    made = [dialogue(sentence(seed), "Yes.", intent=intent) for seed, intent in enumerate(intents)]
    ids = put(workspace, made, DIALOGUES)
    found, _ = splits_of(workspace, tmp_path, Splits(80, 10, 10, stratify="intent"))
    rare = [found[record] for record in ids[:20]]
    assert [rare.count(split) for split in ("train", "validation", "test")] == [16, 2, 2]


def test_shares_are_kept_within_each_run(workspace: Workspace, tmp_path: Path) -> None:
    small, large = (plan_tasks(workspace, ["Water the plants."]) for _ in range(2))
    ids = put(workspace, [{"text": sentence(seed)} for seed in range(20)], OWN, run=small.id)
    put(workspace, [{"text": sentence(seed)} for seed in range(20, 200)], OWN, run=large.id)
    found, _ = splits_of(workspace, tmp_path, Splits(80, 10, 10, stratify="run"))
    rare = [found[record] for record in ids]
    assert [rare.count(split) for split in ("train", "validation", "test")] == [16, 2, 2]


def test_an_empty_split_and_shares_that_groups_do_not_allow_are_said(workspace: Workspace) -> None:
    put(workspace, [{"text": sentence(1)}] * 9 + [{"text": sentence(2)}], OWN)
    found = workspace.exports.preflight(plan(splits=Splits(50, 25, 25)))
    assert found.used == {OWN: {"train": 9, "validation": 1, "test": 0}}
    assert found.notes[0].startswith("The train split has 90% of the records instead of 50%. Records that are alike")
    assert found.notes[-1].startswith("The test split of the records is empty")
    assert "up to 9" in found.notes[0]


@pytest.mark.parametrize(
    "splits", [Splits(0, 0, 0), Splits(-1, 2, 0), Splits(1, 1, similarity=0.2), Splits(1, 1, similarity=2)]
)
def test_shares_and_similarities_that_are_none_are_refused(workspace: Workspace, splits: Splits) -> None:
    put(workspace, [{"text": "a"}], OWN)
    with pytest.raises(UsageError, match=r"shares|similarity"):
        workspace.exports.preflight(plan(splits=splits))


@settings(max_examples=100)
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=60),
    shares=st.lists(st.integers(1, 20), min_size=2, max_size=3),
)
def test_no_split_misses_its_share_by_more_than_the_largest_group(sizes: list[int], shares: list[int]) -> None:
    sizes.sort(reverse=True)
    owed = np.array(shares) / sum(shares) * sum(sizes)
    split, _ = _dealt(np.array(sizes), owed)
    got = np.bincount(split, weights=sizes, minlength=len(shares))
    assert np.abs(got - owed).max() <= 2 * max(sizes)


def test_signatures_agree_as_texts_do() -> None:
    texts = [sentence(seed, 80) for seed in range(50)]
    changed = [" ".join(["changed", *text.split()[20:]]) for text in texts]  # 58 of 79 runs of words are in both
    one, other = signatures(texts)[0], signatures(changed)[0]
    assert abs(float((one == other).mean()) - 58 / 79) < 0.03
    assert not signatures(["", " - "])[1].any()
    same, _ = signatures(["Hello, World and all", "hello world AND ALL!", "日本語の文", "日本語の文。"])
    assert (same[0] == same[1]).all()
    assert (same[2] == same[3]).all()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_groups_are_those_that_joining_one_by_one_makes(pairs: list[tuple[int, int]]) -> None:
    groups, plain = Groups(30), list(range(30))
    some, others = (np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1))
    groups._join(some, others)
    for one, other in pairs:
        plain = [min(plain[one], plain[other]) if each in (plain[one], plain[other]) else each for each in plain]
    assert groups.labels.tolist() == plain


def test_many_alike_in_one_bucket_are_all_found() -> None:
    chance = np.random.default_rng(0)
    kinds = chance.integers(0, 256, (40, PLACES), dtype=np.uint8)
    kinds[:, :4] = 7  # one bucket for all
    found = kinds[np.repeat(np.arange(40), 5)]
    groups = Groups(len(found))
    groups.join_alike(found, np.arange(len(found), dtype=np.int32), 0.8)
    assert len(np.unique(groups.labels)) == 40
