"""A tokenizer file that makes a token of each word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def word_tokenizer(path: Path) -> Path:
    model: dict[str, Any] = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
    shape: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
    }
    shape |= {"pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None, "model": model}
    path.write_text(json.dumps(shape), encoding="utf-8")
    return path
