"""How many tokens a trainer makes of texts, by tiktoken or by a tokenizer's own file.

Both libraries are loaded only where tokens are counted: the extra `tokens` installs them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from dataflow_core.errors import UsageError
from dataflow_core.exporting.plan import TokenLimit

#: The tokens of each of many texts.
Count = Callable[[Sequence[str]], list[int]]

_INSTALL = "Install it with: pip install 'dataflow-studio[tokens]'"


def counter(limit: TokenLimit) -> Count:
    """What counts the tokens of texts as they stand, without those that a chat template adds.

    Raises `UsageError` where the library or the tokenizer is not there.
    """
    name = limit.tokenizer
    is_file = name.endswith(".json") or os.sep in name or Path(name).is_file()
    return _of_file(Path(name)) if is_file else _of_name(name)


def _of_name(name: str) -> Count:
    try:
        import tiktoken
    except ImportError as error:
        raise UsageError(f"Counting tokens as {name} does needs the library tiktoken. {_INSTALL}") from error
    try:
        known = tiktoken.list_encoding_names()
        encoding = tiktoken.get_encoding(name) if name in known else tiktoken.encoding_for_model(name)
    except KeyError as error:
        raise UsageError(
            f"tiktoken knows no encoding or model {name!r}. Its encodings are: {', '.join(known)}. "
            "For another model, give the path of its tokenizer.json."
        ) from error
    except (OSError, ValueError) as error:  # what it downloads with raises kinds of OSError
        raise UsageError(
            f"The encoding {name} could not be loaded: tiktoken downloads it when it is first used, and that failed "
            f"({type(error).__name__}). Connect to the internet once, set TIKTOKEN_CACHE_DIR to a folder that has it, "
            "or give the path of a tokenizer.json."
        ) from error
    threads = os.cpu_count() or 1

    def count(texts: Sequence[str]) -> list[int]:
        return [len(tokens) for tokens in encoding.encode_ordinary_batch(list(texts), num_threads=threads)]

    return count


def _of_file(path: Path) -> Count:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UsageError(f"Counting tokens by {path} needs the library tokenizers. {_INSTALL}") from error
    if path.exists() and not path.is_file():  # a device never ends
        raise UsageError(f"{path} is no file, and no tokenizer.json. Give the path of one.")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"The tokenizer {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no tokenizer.json: it is not text in UTF-8.") from error
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:
        raise UsageError(f"{path} is no tokenizer.json that the library tokenizers can read: {error}.") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        # Without offsets, which take as long again.
        return [len(one) for one in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count
