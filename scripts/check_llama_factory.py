"""Has LLaMA-Factory's own code read exports as their dataset_info.json says: check_llama_factory.py FOLDER.

Its parser, its converters and its rule of what is dropped are run as they are. What they import but do not need here
(torch, peft, its settings) is left away: its packages are opened without what their `__init__` would load.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets import load_dataset

Row = dict[str, Any]


def main(folder: Path) -> None:
    factory = LlamaFactory()
    checked = 0
    for info in sorted(folder.glob("**/dataset_info.json")):
        for name in json.loads(info.read_text(encoding="utf-8")):
            checked += factory.check(info.parent, name)
        print(f"{info.parent.name:<22} taken by LLaMA-Factory")
    assert checked, "No export has a dataset_info.json."
    print(f"LLaMA-Factory takes all {checked:,} examples")


class LlamaFactory:
    def __init__(self) -> None:
        _open_packages()
        self._parser = importlib.import_module("llamafactory.data.parser")
        self._converters = importlib.import_module("llamafactory.data.converter").DATASET_CONVERTERS
        supervised = importlib.import_module("llamafactory.data.processor.supervised").SupervisedDatasetProcessor

        class Unencoded(supervised):  # type: ignore[misc, valid-type]
            """Keeps and drops as it does, without a tokenizer."""

            def _encode_data_example(self, prompt: Any, response: Any, **_: Any) -> tuple[Any, Any]:
                return prompt, response

        self._supervised = Unencoded(None, None, None, None)

    def check(self, folder: Path, name: str) -> int:
        """How many examples the dataset has. Fails where one of them is skipped, dropped or changed."""
        (attributes,) = self._parser.get_dataset_list([name], str(folder))
        convert = self._converters[attributes.formatting](attributes, types.SimpleNamespace(media_dir=""))
        file = folder / attributes.dataset_name
        if not file.exists():  # it takes no compressed files, so that the name is that of the file unpacked
            file = file.with_name(f"{file.name}.gz")
        rows = list(load_dataset("json", data_files=str(file), split="train"))
        aligned = [convert(row) for row in rows]
        for row, one in zip(rows, aligned, strict=True):
            texts = [message["content"] for message in (*one["_prompt"], *one["_response"])]
            lost = [text for text in _texts_of(row, attributes) if text and text not in [*texts, one["_system"]]]
            assert not lost, (name, row, one)
        if not attributes.ranking:
            columns = {key: [one[key] for one in aligned] for key in aligned[0]}
            kept = self._supervised.preprocess_dataset(columns)["input_ids"]
            assert len(kept) == len(rows), f"{name}: {len(rows) - len(kept)} of {len(rows)} are dropped."
        return len(rows)


def _texts_of(row: Row, attributes: Any) -> Iterable[str]:
    """What a model is to see of the row. Instruction and input become one text."""
    if attributes.formatting == "alpaca":
        asked = [row[name] for name in (attributes.prompt, attributes.query) if name and row[name]]
        yield "\n".join(asked)
        yield from (row[name] for name in (attributes.response, attributes.system) if name)
        yield from (text for pair in row.get(attributes.history) or () for text in pair)
    else:
        yield from (turn[attributes.content_tag] for turn in row[attributes.messages])
        if attributes.system:
            yield row[attributes.system]


def _open_packages() -> None:
    found = importlib.util.find_spec("llamafactory")
    assert found is not None, "llamafactory is not installed."
    assert found.submodule_search_locations is not None
    (root,) = found.submodule_search_locations
    for name in ("", ".data", ".data.processor", ".extras"):
        package = types.ModuleType(f"llamafactory{name}")
        package.__path__ = [root + name.replace(".", "/")]
        sys.modules[package.__name__] = package
    _module("llamafactory.extras.constants", DATA_CONFIG="dataset_info.json", IGNORE_INDEX=-100)
    _module("llamafactory.extras.misc", use_modelscope=lambda: False, use_openmind=lambda: False)
    silent = types.SimpleNamespace(warning_rank0=_say, warning_rank0_once=_say, info_rank0=_say)
    _module("llamafactory.extras.logging", get_logger=lambda name: silent)


def _module(name: str, **contents: Any) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    sys.modules[name] = module
    package, _, own = name.rpartition(".")
    setattr(sys.modules[package], own, module)


def _say(message: str) -> None:
    print(message[:300], file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
