"""The rows of a Parquet file, a few in memory at a time, however small a file makes itself.

A text that is repeated is written once, so that a few megabytes can stand for many gigabytes. How many rows are
unpacked at a time goes by the longest text that is written so. A row that is longer than it may be is not given out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dataflow_core.errors import ReadError

#: A row's cells, or what keeps it from being read, to follow its number: "is longer than …".
Row = tuple[Any, ...] | str

_Sizes = npt.NDArray[np.int64]
#: Bytes and rows that are unpacked at a time.
_SLICE_BYTES, _MOST_ROWS = 8 << 20, 2_000
#: Of texts that are written once and repeated: bytes that those of one column may have at worst.
_WORST_BYTES = 32 << 20
#: What any value takes besides its text.
_VALUE = 64
#: From this size, what unpacks to so many times its size is not read.
_SUSPECT_BYTES, _SUSPECT_TIMES = 256 << 20, 100
_DATE = re.compile(r"-?\d{4,6}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?")
_TEXTS = ("STRING", "NONE", "ENUM", "JSON", "BSON")
_ENCODINGS = {"PLAIN", "RLE", "BIT_PACKED", "PLAIN_DICTIONARY", "RLE_DICTIONARY"}
_UNREADABLE = object()
_AS_UTC = "its times are kept as those of UTC."


class ParquetRows:
    """Raises what Arrow does for a damaged file, and `ReadError`. `longest` are the bytes that one row may have.

    `names` are the columns, `about` what is written of each, `total` is the number of rows. `notes` are sentences.
    """

    def __init__(self, file: IO[bytes] | Any, name: str, *, longest: int) -> None:
        import pyarrow.parquet as pq

        options: dict[str, Any] = {"buffer_size": 1 << 20, "pre_buffer": False}
        plain = pq.ParquetFile(file, **options)
        self.metadata: Any = plain.metadata
        schema = plain.schema_arrow
        self.names: list[str] = schema.names
        self.about: list[dict[bytes, bytes]] = [schema.field(place).metadata or {} for place in range(len(self.names))]
        self.total: int = self.metadata.num_rows
        self._name, self._longest = name, longest
        self._file: Any = plain
        self._source, self._options = file, options
        zones: set[str] = set()
        self._types = [_plain(field.type, zones) for field in schema]
        self.notes = tuple(f"The time zone “{zone[:80]}” is not known here: {_AS_UTC}" for zone in sorted(zones))

    def __iter__(self) -> Iterator[Row]:
        for index in range(self.metadata.num_row_groups):
            group = self.metadata.row_group(index)
            # Arrow ends the process where a damaged group is asked about its columns; where it is read it says so.
            next(self._file.iter_batches(batch_size=1, row_groups=[index]), None)
            if reason := self._why_unread(group):
                yield from (reason for _ in range(group.num_rows))
                continue
            for batch in self._file.iter_batches(batch_size=self._rows_at_once(index, group), row_groups=[index]):
                yield from self._rows(batch)

    def _why_unread(self, group: Any) -> str:
        for leaf in map(group.column, range(group.num_columns)):
            column, size = leaf.path_in_schema.partition(".")[0], leaf.total_uncompressed_size
            if size > _SUSPECT_BYTES and size > _SUSPECT_TIMES * max(1, leaf.total_compressed_size):
                raise ReadError(
                    f"{self._name} is packed too tightly to be read in steady memory: a part of its column “{column}” "
                    f"unpacks to {size >> 20:,} MB at once. Write the file again with smaller row groups."
                )
            values = max(1, leaf.num_values)
            if size // values > 4 * self._longest or values // max(1, group.num_rows) * 8 > 4 * self._longest:
                return f"is in a part of the file whose column “{column}” has {self._too_long}"
        return ""

    def _rows_at_once(self, index: int, group: Any) -> int:
        """So many that they fit where all are alike, and at worst where texts are repeated."""
        rows, most, size = max(1, int(group.num_rows)), _MOST_ROWS, 0
        longest: list[int] = []
        for place, leaf in enumerate(map(group.column, range(group.num_columns))):
            values, unpacked = int(leaf.num_values), int(leaf.total_uncompressed_size)
            size += max(unpacked, 8 * values)
            a_row = max(1, values // rows)
            is_repeated = leaf.has_dictionary_page or "DELTA_BYTE_ARRAY" in leaf.encodings
            if leaf.physical_type != "BYTE_ARRAY" or not is_repeated or most * a_row * unpacked <= _WORST_BYTES:
                continue
            longest = longest or self._longest_texts(index)
            at_worst = (longest[place] or unpacked) if leaf.has_dictionary_page else unpacked
            most = min(most, _WORST_BYTES // (a_row * at_worst))
        return max(1, min(most, _SLICE_BYTES // max(1, size // rows)))

    def _longest_texts(self, index: int) -> list[int]:
        """Of each column of the group, the bytes of the longest text that is in its dictionary, 0 where it has none.

        Only the first row is read so: what comes after the dictionary would be added to it.
        """
        import pyarrow.parquet as pq

        texts = _texts_by_number(self.metadata, index)
        numbers = pq.ParquetFile(self._source, metadata=self.metadata, read_dictionary=texts, **self._options)
        batch = next(numbers.iter_batches(batch_size=1, row_groups=[index]))
        return [_longest_entry(leaf) for column in batch.columns for leaf in _leaves(column)]

    @property
    def _too_long(self) -> str:
        return f"more than {self._longest >> 20:,} MB a row, the most that one entry may have."

    def _rows(self, batch: Any) -> Iterator[Row]:
        sizes = [_sizes(column) for column in batch.columns]
        totals = sum(sizes, np.zeros(batch.num_rows, np.int64))
        for start, end in _slices(totals, min(_SLICE_BYTES, self._longest)):
            if totals[start] > self._longest:  # then it is alone
                largest = max(range(len(sizes)), key=lambda place: sizes[place][start])
                size = int(sizes[largest][start]) >> 20
                yield f"has {self._too_long} Its “{self.names[largest]}” alone has {size:,} MB."
                continue
            columns = [
                _cells(_as(kind, _part(column, start, end)))
                for column, kind in zip(batch.columns, self._types, strict=True)
            ]
            rows = zip(*columns, strict=True)
            if any(any(cell is _UNREADABLE for cell in column) for column in columns if type(column) is _Odd):
                yield from map(self._looked_at, rows)
            else:
                yield from rows

    def _looked_at(self, cells: tuple[Any, ...]) -> Row:
        return self._unreadable(cells) if any(cell is _UNREADABLE for cell in cells) else cells

    def _unreadable(self, cells: tuple[Any, ...]) -> str:
        column = next(name for name, cell in zip(self.names, cells, strict=True) if cell is _UNREADABLE)
        return (
            f"has a date or a time in “{column}” that is beyond those that can be read, of the years 1 to 9999. Save "
            "that column as text, or leave it out."
        )


class _Odd(list[Any]):
    """Cells among which are some that Python has no word for."""


def _texts_by_number(metadata: Any, index: int) -> list[str]:
    """The paths of the columns that Arrow can read, in this group, as numbers of entries in a dictionary."""
    group = metadata.row_group(index)
    leaves = [metadata.schema.column(place) for place in range(group.num_columns)]
    return [
        leaf.path
        for place, leaf in enumerate(leaves)
        if leaf.physical_type == "BYTE_ARRAY"
        and leaf.logical_type.type in _TEXTS
        and _ENCODINGS.issuperset(group.column(place).encodings)
    ]


def _slices(totals: _Sizes, most: int) -> Iterator[tuple[int, int]]:
    """From where to where: as many as go together, a large one alone."""
    ends = np.cumsum(totals)
    start, count = 0, len(totals)
    while start < count:
        before = int(ends[start]) - int(totals[start])
        end = max(start + 1, int(np.searchsorted(ends, before + most, "right")))
        yield start, end
        start = end


def _sizes(array: Any) -> _Sizes:
    """About how many bytes each value takes once it is unpacked."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind):
        of_entries = np.append(_sizes(array.dictionary), 0)
        return np.asarray(of_entries[_as_numpy(array.indices.fill_null(len(array.dictionary)))])
    if pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind):
        return _as_numpy(pc.binary_length(array).fill_null(0)) + _VALUE
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        parts = [array.keys, array.items] if pa.types.is_map(kind) else [array.values]
        ends = np.append(0, np.cumsum(sum(map(_sizes, parts))))
        offsets = _as_numpy(array.offsets)
        return np.asarray(ends[offsets[1:]] - ends[offsets[:-1]]) + _VALUE
    if pa.types.is_struct(kind):
        return sum(map(_sizes, array.flatten()), np.full(len(array), _VALUE, np.int64))
    if isinstance(kind, pa.BaseExtensionType):
        return _sizes(array.storage)
    return np.full(len(array), _VALUE, np.int64)


def _leaves(array: Any) -> Iterator[Any]:
    """The arrays of values that it is made of, in the order of the file."""
    import pyarrow as pa

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from _leaves(array.storage)
    elif pa.types.is_map(kind):
        yield from (*_leaves(array.keys), *_leaves(array.items))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(array.values)
    elif pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from _leaves(array.field(place))
    else:
        yield array


def _longest_entry(array: Any) -> int:
    import pyarrow as pa

    if not pa.types.is_dictionary(array.type) or not len(array.dictionary):
        return 0
    return max(1, int(_sizes(array.dictionary).max()))


def _as(kind: Any, array: Any) -> Any:
    return array if array.type == kind else array.cast(kind)


def _as_numpy(array: Any) -> _Sizes:
    return np.asarray(array.to_numpy(zero_copy_only=False), np.int64)


def _plain(kind: Any, zones: set[str]) -> Any:
    """The type without dictionaries, and with times of unknown zones, which are added to `zones`, in UTC."""
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type, zones)
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type, zones)
    if pa.types.is_timestamp(kind) and kind.tz and not _is_known(kind.tz):
        zones.add(kind.tz)
        return pa.timestamp(kind.unit, "UTC")
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type, zones)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type, zones), _plain(kind.item_type, zones))
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type, zones)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_plain(kind.value_type, zones)))
    return kind


def _is_known(zone: str) -> bool:
    import pyarrow as pa

    try:
        pa.lib.string_to_tzinfo(zone)
    except (ValueError, LookupError, OSError):  # of whichever library looks for it
        return False
    return True


def _part(column: Any, start: int, end: int) -> Any:
    """A part without what is before and after it, which a slice of a list would still have, and cast with it."""
    import pyarrow as pa

    if end - start == len(column):
        return column
    return column.take(pa.array(range(start, end))) if pa.types.is_nested(column.type) else column[start:end]


def _cells(column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        return _Odd(map(_cell, column))
    return values


def _cell(scalar: Any) -> Any:
    """Of a date that Python has no word for, the text by Arrow."""
    import pyarrow as pa

    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        pass
    try:
        text = str(scalar.cast(pa.string()).as_py())
    except pa.ArrowException:
        return _UNREADABLE
    return text.replace(" ", "T") if _DATE.fullmatch(text) else _UNREADABLE
