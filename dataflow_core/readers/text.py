"""From bytes to text: which encoding, and where lines end."""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass

from dataflow_core.errors import ReadError

_LABELS = {
    "utf_8": "UTF-8",
    "cp1252": "Windows-1252",
    "cp932": "Shift-JIS",
    "gb18030": "GB18030",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "cp949": "EUC-KR",
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "cp1250": "Windows-1250",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf_8", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf_32_le", "UTF-32 LE"),
    (codecs.BOM_UTF32_BE, "utf_32_be", "UTF-32 BE"),
    (codecs.BOM_UTF16_LE, "utf_16_le", "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "utf_16_be", "UTF-16 BE"),
)
_SAMPLE = 32_768
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b")
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_LATIN = ("cp1252", "cp1250", "cp1254")
# How letters of the other Latin encodings look when they are read as Windows-1252.
_CENTRAL_EUROPEAN = re.compile(r"[šžŠŽ]|[^\W\d_][¹³¿¥£][^\W\d_]")
_TURKISH = re.compile("[ýþð]")
_ICELANDIC = re.compile("[áíúóéæ]")
_ESCAPED = re.compile("[\udc80-\udcff]")
_NOT_ASCII_TEXT = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text with the label of its encoding. A byte that is no text stands in it as a lone surrogate."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def decode(data: bytes, name: str) -> Decoded:
    """Read `data` as text: by its byte order mark, else as UTF-8 if it is that, else by what is likeliest."""
    for bom, codec, label in _BOMS:
        if data.startswith(bom):
            text = _decode_marked(data[len(bom) :], codec)
            if text is not None:
                return Decoded(text, label, () if codec == "utf_8" else (f"Read as {label}.",))
    wide = _wide_without_a_mark(data)
    if wide:
        return Decoded(_decode_marked(data, wide) or "", wide.replace("utf_16_", "UTF-16 ").upper(), ())
    _refuse_binary(data, name)
    try:
        return Decoded(data.decode("utf_8"), "UTF-8")
    except UnicodeDecodeError:
        return _decode_other(data)


def physical_lines(text: str) -> list[str]:
    r"""The lines of `text` with their endings. Only \n, \r\n and \r end a line: U+2028 and NEL are text."""
    return list(io.StringIO(text, newline=""))


def _decode_marked(data: bytes, codec: str) -> str | None:
    width = {"utf_8": 1, "utf_16_le": 2, "utf_16_be": 2}.get(codec, 4)
    whole = len(data) - len(data) % width
    if width == 4 and whole != len(data):
        return None
    try:
        text = data[:whole].decode(codec, "surrogateescape" if codec == "utf_8" else "surrogatepass")
    except UnicodeDecodeError:
        return None
    return text if whole == len(data) else text + "\udc80"


def _wide_without_a_mark(data: bytes) -> str | None:
    """UTF-16 whose byte order mark is missing shows in text that is mostly ASCII: every other byte is NUL."""
    sample = data[:4096]
    if len(sample) < 8 or len(data) % 2:
        return None
    even, odd = sample[0::2], sample[1::2]
    for codec, high, low in (("utf_16_le", odd, even), ("utf_16_be", even, odd)):
        if high.count(0) > 0.7 * len(high) and low.count(0) == 0 and low.translate(None, _CONTROLS) == low:
            return codec
    return None


def _refuse_binary(data: bytes, name: str) -> None:
    sample = data[:65_536]
    try:
        codecs.getincrementaldecoder("utf_8")().decode(sample)
        strange, allowed = sample.count(0), 0.1
    except UnicodeDecodeError:
        strange, allowed = len(sample) - len(sample.translate(None, _CONTROLS)), 0.02
    if strange > max(2, allowed * len(sample)):
        raise ReadError(
            f"{name} is not text: it holds bytes that no text has. Choose a CSV, TSV, JSON, JSON Lines, text, Excel or "
            "Parquet file."
        )


def _decode_other(data: bytes) -> Decoded:
    text = data.decode("utf_8", "surrogateescape")
    broken = len(_ESCAPED.findall(text))
    if len(_NOT_ASCII_TEXT.findall(text)) >= 4 * broken:
        return Decoded(text, "UTF-8", ("Parts of the file are not valid UTF-8; the lines they are in were not read.",))
    codec = _likeliest(data)
    label = _LABELS[codec]
    note = f"Read as {label}, because it is not UTF-8. If letters look wrong, save the file as UTF-8."
    return Decoded(data.decode(codec, "surrogateescape"), label, (note,))


def _likeliest(data: bytes) -> str:
    """The encoding of text that is not UTF-8, judged by the lines with letters beyond ASCII.

    charset-normalizer tells scripts apart; among the Latin encodings it leans to Central European ones on short
    text, and it may find Chinese in a few accents. Both are settled by how those letters stand in words.
    """
    from charset_normalizer import from_bytes

    sample = _lines_beyond_ascii(data)
    runs = _HIGH_RUN.findall(sample)
    alone = [run for run in runs if len(run) == 1]
    if len(alone) >= 0.8 * len(runs) and sum(run >= b"\xc0" for run in alone) >= len(alone) / 2:
        return _likeliest_latin(sample)
    high = sum(len(run) for run in runs)
    is_latin_possible = high <= sum(byte < 128 and chr(byte).isalpha() for byte in sample)
    candidates = [codec for codec in _LABELS if is_latin_possible or codec not in _LATIN]
    best = from_bytes(sample, cp_isolation=candidates).best()
    if best is None or best.encoding not in _LABELS or best.encoding in _LATIN:
        return _likeliest_latin(sample)
    return best.encoding


def _likeliest_latin(sample: bytes) -> str:
    text = sample.decode("cp1252", "replace")
    if _CENTRAL_EUROPEAN.search(text):
        return "cp1250"
    if _TURKISH.search(text) and not _ICELANDIC.search(text):
        return "cp1254"
    return "cp1252"


def _lines_beyond_ascii(data: bytes) -> bytes:
    sample = bytearray()
    position = 0
    while len(sample) < _SAMPLE and (found := _HIGH_RUN.search(data, position)):
        start = max(data.rfind(b"\n", position, found.start()) + 1, position, found.start() - 1000)
        end = data.find(b"\n", found.end(), found.end() + 1000)
        position = end + 1 if end >= 0 else found.end() + 1000
        sample += data[start:position] + b"\n"
    return bytes(sample[: 2 * _SAMPLE])
