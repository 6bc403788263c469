"""Has the libraries of trainers read exports: check_trainers.py FOLDER, which `trainer_exports.py` has filled.

What is checked is said with assert: this is a test, run by a Python that has no pytest.
"""

from __future__ import annotations

import contextlib
import json
import runpy
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset, DatasetDict, load_dataset
from huggingface_hub import DatasetCard
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from trl import data_utils as trl

Row = dict[str, Any]

PLAIN = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
#: As Gemma's: no system turn, and user and assistant in alternation.
STRICT = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "<start_of_turn>{{ message['role'] }}\n{{ message['content'] }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
#: Formats that TRL reads as they are, and the keys by which it knows what each is.
READ_BY_TRL = {
    "openai": {"messages"},
    "messages": {"messages"},
    "axolotl": {"messages"},
    "trl": {"messages"},
    "prompt-completion": {"prompt", "completion"},
    "preference": {"prompt", "chosen", "rejected"},
}


def main(folder: Path) -> None:
    checked = 0
    for export in sorted(path.parent for path in folder.glob("*/manifest.json")):
        manifest = json.loads((export / "manifest.json").read_text(encoding="utf-8"))
        for name, dataset in loaded(export):
            check_counts(manifest, name, dataset)
            check_rows(manifest["plan"]["format"], dataset)
            checked += sum(len(split) for split in dataset.values())
        for program in sorted(export.glob("train_with_trl*.py")):
            check_program(program)
        check_axolotl(export)
        print(f"{export.name:<22} read")
    assert checked > 1_000, f"only {checked} rows were there to be read"
    print(f"{checked:,} rows: datasets loads them, TRL knows what they are, chat templates render them.")


def loaded(export: Path) -> Iterator[tuple[str, DatasetDict]]:
    """Each of the export's datasets, as the card's header says that they are to be found."""
    card = DatasetCard.load(export / "README.md", ignore_metadata_errors=False)
    for config in card.data.to_dict()["configs"]:
        dataset = load_dataset(str(export), config["config_name"])
        assert set(dataset) == {file["split"] for file in config["data_files"]}
        yield config["config_name"], dataset


def check_counts(manifest: Row, name: str, dataset: DatasetDict) -> None:
    of_name = "" if name == "default" else f"_{name}"  # with one generator, its name is in no file's
    for split, rows in dataset.items():
        wanted = [
            file["records"]
            for file in manifest["files"]
            if file["kind"] == "data" and f"{of_name}_{split}." in file["name"]
        ]
        assert wanted == [len(rows)], f"{manifest['name']} {name} {split}: {wanted} written, {len(rows)} read"


def check_rows(format_name: str, dataset: DatasetDict) -> None:
    keys = READ_BY_TRL.get(format_name)
    for rows in dataset.values():
        if keys is None:
            continue
        assert set(rows.column_names) == keys, (format_name, rows.column_names)
        for row in rows:
            check_row(row)
        if keys == {"prompt", "chosen", "rejected"}:
            check_pairs(rows)


def check_row(row: Row) -> None:
    """Nothing of it is lost in a plain template, and the strict one takes it if it has no system turn."""
    texts = [text for value in row.values() for text in texts_of(value)]
    assert all(isinstance(text, str) for text in texts)
    is_messages = isinstance(next(iter(row.values())), list)
    assert trl.is_conversational(row) is is_messages
    rendered = trl.maybe_apply_chat_template(row, TOKENIZER)
    together = "".join(value for value in rendered.values() if isinstance(value, str))
    missing = [text for text in texts if text not in together]
    assert not missing, (row, rendered)
    if is_messages and not any(message["role"] == "system" for value in row.values() for message in value):
        trl.maybe_apply_chat_template(row, STRICT_TOKENIZER)


def check_pairs(rows: Dataset) -> None:
    """TRL finds the same prompt where it is not said, and makes two examples of each pair."""
    for row in rows:
        if isinstance(row["prompt"], list):
            whole = {name: row["prompt"] + row[name] for name in ("chosen", "rejected")}
            assert trl.extract_prompt(whole)["prompt"] == row["prompt"]
        assert row["chosen"] != row["rejected"]
    assert len(trl.unpair_preference_dataset(rows)) == 2 * len(rows)


def check_program(program: Path) -> None:
    """Run it up to the training, for which there is no torch here: what its trainer is given is what TRL takes."""
    given: dict[str, Any] = {}

    class Trainer:
        def __init__(self, **options: Any) -> None:
            given.update(options)

        def train(self) -> None:
            given["is_trained"] = True

    names = ("SFTTrainer", "SFTConfig", "DPOTrainer", "DPOConfig")
    real, stand_in = sys.modules["trl"], types.ModuleType("trl")
    for name in names:
        setattr(stand_in, name, Trainer if name.endswith("Trainer") else lambda **_: None)
    sys.modules["trl"] = stand_in
    try:
        with contextlib.chdir(program.parent):
            runpy.run_path(program.name)
    finally:
        sys.modules["trl"] = real
    assert given["is_trained"]
    for rows in (given["train_dataset"], given.get("eval_dataset")):
        for row in rows or ():
            check_row(row)


def check_axolotl(export: Path) -> None:
    """Each file that the configuration names has the columns and keys that it says."""
    path = export / "axolotl.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
    for entry in [*config.get("datasets", ()), *config.get("test_datasets", ())]:
        rows = load_dataset(entry["ds_type"], data_files=str(export / entry["path"]), split=entry["split"])
        kind = entry["type"]
        if isinstance(kind, dict):
            wanted = {column for name, column in kind.items() if name.startswith("field_")}
        else:
            wanted = {column for name, column in entry.items() if name.startswith("field_")}
        assert wanted <= set(rows.column_names), (path, wanted, rows.column_names)
        if "message_property_mappings" in entry:
            keys = set(entry["message_property_mappings"].values())
            roles = {role for known in entry["roles"].values() for role in known}
            turns = [turn for row in rows for turn in row[entry["field_messages"]]]
            assert all(set(turn) == keys for turn in turns)
            assert {turn[entry["message_property_mappings"]["role"]] for turn in turns} <= roles


def texts_of(value: Any) -> list[Any]:
    return [message["content"] for message in value] if isinstance(value, list) else [value]


def tokenizer(template: str) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "[EOS]": 1}, unk_token="[UNK]"))  # noqa: S106
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="[EOS]")  # noqa: S106
    made.chat_template = template
    return made


TOKENIZER, STRICT_TOKENIZER = tokenizer(PLAIN), tokenizer(STRICT)

if __name__ == "__main__":
    main(Path(sys.argv[1]))
