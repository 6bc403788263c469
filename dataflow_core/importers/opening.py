"""A file opened for reading once, from its beginning to its end: unpacked on the way, and read as text."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from dataflow_core.errors import ReadError
from dataflow_core.readers.text import decode

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: The beginning that tells what a file is.
SAMPLE = 1 << 18
#: Encodings by the labels that `readers.text.decode` gives.
_CODECS = {"GB18030": "gb18030", "Big5": "big5", "Shift-JIS": "cp932", "EUC-JP": "euc_jp", "EUC-KR": "cp949"}
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
_BOMS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was opened. `stream` gives its unpacked bytes, `beginning` are the first of them."""

    name: str
    stream: IO[bytes]
    beginning: bytes
    compression: str  # "gzip", "zstd", ""
    size: int
    _file: IO[bytes]

    @property
    def share(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return min(1.0, self._file.tell() / self.size) if self.size else 1.0


@contextmanager
def opened(path: Path, name: str) -> Iterator[Opened]:
    """Raises `ReadError` for a file that cannot be read, is empty, or, within the block, turns out to be damaged."""
    try:
        with path.open("rb") as file, _unpacked(file) as (stream, compression):
            beginning = _beginning(stream)
            if not beginning.strip(b" \t\r\n\xef\xbb\xbf"):
                raise ReadError(f"{name} is empty: it holds no entry to import. Choose a file with at least one.")
            rest = io.BufferedReader(_Rejoined(beginning, stream), 1 << 18)
            yield Opened(name, rest, beginning, compression, path.stat().st_size, file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ReadError(f"{name} is a damaged gzip file ({error}). Copy or download it again.") from error
    except UnicodeError as error:  # of encodings in which a broken character hides where the next one begins
        raise ReadError(f"{name} is damaged: it is not valid {error.args[0]}. Save it as UTF-8.") from error
    except OSError as error:
        if error.errno is None:  # what unpacks zstd has no error of its own
            raise ReadError(f"{name} is a damaged zstd file ({error}). Copy or download it again.") from error
        raise ReadError(f"{name} cannot be read: {os.strerror(error.errno)}.") from error


@contextmanager
def unpacked_file(source: Opened) -> Iterator[IO[bytes]]:
    """The whole file where one can go back and forth in it, on the disk."""
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(source.stream, file, 1 << 20)
        file.seek(0)
        yield file


@dataclass(frozen=True, slots=True)
class Text:
    """A file as text. A byte that is no text stands as a lone surrogate. `beginning` is read again from `stream`."""

    stream: io.TextIOWrapper
    encoding: str  # for a person
    notes: tuple[str, ...]
    beginning: str
    is_whole: bool  # whether the beginning is all there is


def text_of(source: Opened) -> Text:
    """The file as text. Raises `ReadError` for what is none."""
    for mark, codec in (*_BOMS, *_BOMS_16):
        if source.beginning.startswith(mark):
            label = "UTF-8" if codec == "utf-8-sig" else codec.upper()
            return _text(source, codec, label, ())
    decoded = decode(_whole_characters(source.beginning), source.name)
    codec = _CODECS.get(decoded.encoding, decoded.encoding.replace("UTF-16 ", "utf-16-").lower())
    return _text(source, codec, decoded.encoding, () if decoded.encoding == "UTF-8" else decoded.notes)


def _text(source: Opened, codec: str, label: str, notes: tuple[str, ...]) -> Text:
    is_whole = len(source.beginning) < SAMPLE
    how = "surrogatepass" if codec.startswith(("utf-16", "utf-32")) else "surrogateescape"
    beginning = codecs.getincrementaldecoder(codec)(how).decode(source.beginning)
    stream = io.TextIOWrapper(source.stream, codec, how, newline="")
    stream._CHUNK_SIZE = 1 << 16  # type: ignore[attr-defined]  # 8 KB, the default, takes a third longer
    return Text(stream, label, notes, beginning, is_whole)


def _whole_characters(data: bytes) -> bytes:
    """Without the character that the end of a sample has cut through."""
    if len(data) < SAMPLE:
        return data
    return data[: data.rfind(b"\n") + 1] or data[: SAMPLE // 2 * 2 - 4]


def _beginning(stream: IO[bytes]) -> bytes:
    parts: list[bytes] = []
    left = SAMPLE
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


@contextmanager
def _unpacked(file: IO[bytes]) -> Iterator[tuple[IO[bytes], str]]:
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_GZIP):
        with gzip.GzipFile(fileobj=file) as stream:
            yield cast(IO[bytes], stream), "gzip"
    elif magic == _ZSTD:
        import pyarrow as pa

        with pa.CompressedInputStream(file, "zstd") as packed:
            yield packed, "zstd"
    else:
        yield file, ""


class _Rejoined(io.RawIOBase):
    """What has been read of a stream already, and then the rest of it."""

    def __init__(self, beginning: bytes, rest: IO[bytes]) -> None:
        self._beginning = memoryview(beginning)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part: bytes | memoryview
        if self._beginning:
            part, self._beginning = self._beginning[: len(buffer)], self._beginning[len(buffer) :]
        else:
            part = self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
