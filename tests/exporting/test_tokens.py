"""Tokens are counted as the trainer would, or it is said why they cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import tiktoken

from dataflow_core.errors import UsageError
from dataflow_core.exporting.plan import TokenLimit
from dataflow_core.exporting.tokens import counter
from tests.exporting.tokenizers_of_words import word_tokenizer


@pytest.fixture
def _bytes_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding that makes a token of each byte, in place of one that would be downloaded."""
    ranks = {bytes([byte]): byte for byte in range(256)}
    made = tiktoken.Encoding("cl100k_base", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={})
    monkeypatch.setitem(tiktoken.registry.ENCODINGS, "cl100k_base", made)


@pytest.mark.usefixtures("_bytes_encoding")
@pytest.mark.parametrize("name", ["cl100k_base", "gpt-4"])
def test_tiktoken_counts_by_the_name_of_an_encoding_or_a_model(name: str) -> None:
    assert counter(TokenLimit(5, name))(["abc", "", "é <|endoftext|>"]) == [3, 0, 16]


def test_a_tokenizer_file_counts_without_cutting(tmp_path: Path) -> None:
    path = word_tokenizer(tmp_path / "tokenizer.json")
    assert counter(TokenLimit(5, str(path)))(["one two", "", "a " * 3000]) == [2, 0, 3000]


def test_a_name_that_tiktoken_does_not_know_is_said() -> None:
    with pytest.raises(UsageError, match=r"knows no encoding or model 'my-model'.*cl100k_base"):
        counter(TokenLimit(5, "my-model"))


def test_an_encoding_that_cannot_be_downloaded_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(address: str) -> bytes:
        raise ConnectionError(f"{address} cannot be reached")

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tiktoken.load.read_file", unreachable)
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    with pytest.raises(UsageError, match=r"cl100k_base could not be loaded: .* TIKTOKEN_CACHE_DIR"):
        counter(TokenLimit(5))


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(UsageError, match=f"{path} is no file"):
            counter(TokenLimit(5, str(path)))


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("a.json", b"{}", "is no tokenizer.json that the library tokenizers can read"),
        ("b.json", b"\xff\xfe", "is not text in UTF-8"),
        ("c.json", None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_said(tmp_path: Path, name: str, data: bytes | None, complaint: str) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=complaint):
        counter(TokenLimit(5, str(tmp_path / name)))


@pytest.mark.parametrize(("library", "tokenizer"), [("tiktoken", "cl100k_base"), ("tokenizers", "t.json")])
def test_a_library_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, library: str, tokenizer: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UsageError, match=rf"needs the library {library}\. Install it with: pip install"):
        counter(TokenLimit(5, tokenizer))
