"""Whether the first rows of a file show all of its columns: `datasets.load_dataset` takes them from there.

It reads JSON Lines in blocks of 10 MB, and settles names and types by the first one: a later row with a column that
is missing there, or has nothing but empty lists or nulls, ends the loading with an error (`JsonConfig.chunksize`, and
`table_cast`, of https://github.com/huggingface/datasets; LLaMA-Factory, Axolotl and TRL read with it).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dataflow_core.exporting.judging import Judged
from dataflow_core.exporting.names import file_in_words
from dataflow_core.exporting.reading import Chunk
from dataflow_core.models import Fields

#: Bytes that are read at first.
FIRST_BYTES = 10 << 20
_MOST_NAMED, _LONGEST = 3, 40
_UNUSED = 0
_UNTYPED = (list, dict, type(None))  # where they are empty
#: Rows of further ones are passed over: records of one's own may each have other fields.
_MOST_SHAPES = 10_000

#: A row's generator, its columns, and those of them that hold nothing to tell their type by.
_Shape = tuple[str, tuple[str, ...], tuple[str, ...]]


class FirstRows:
    """Is told of all records in order, then of how they were parted. Holds some 8 bytes a record."""

    def __init__(self) -> None:
        self._shapes: dict[_Shape, int] = {}
        self._of_record, self._sizes = array("I"), array("I")

    def add(self, chunk: Chunk, judged: Iterable[Judged]) -> None:
        """`judged` are all records of the chunk."""
        shape_of = self._shape_of
        self._of_record.extend(
            [_UNUSED if one.row is None else shape_of(one.content.generator, one.row) for one in judged]
        )
        # As the records are stored: about as long as their rows, and no row need be written for it.
        texts = [stored.fields for stored in chunk.stored]
        self._sizes.extend(
            [len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts]
        )

    def notes(self, splits: Sequence[str], fates: Any = None) -> Iterator[str]:
        """Sentences on files whose first rows lack a column. `fates` are the records' places among the splits."""
        import numpy as np  # only here, as it takes long to load

        shapes, sizes = np.array(self._of_record, np.uint32), np.array(self._sizes, np.int64)
        for generator in dict.fromkeys(generator for generator, _, _ in self._shapes):
            own = [number for shape, number in self._shapes.items() if shape[0] == generator]
            is_own = np.isin(shapes, own)
            for place, split in enumerate(splits):
                is_in = is_own if fates is None else is_own & (fates == place)
                begins = np.cumsum(sizes[is_in]) - sizes[is_in]
                mine = shapes[is_in]
                first, later = (
                    set(np.unique(mine[at]).tolist()) for at in (begins < FIRST_BYTES, begins >= FIRST_BYTES)
                )
                if late := self._late(first, later - first):
                    yield _sentence(generator, split, late)

    def _shape_of(self, generator: str, row: Fields) -> int:
        empty: tuple[str, ...] = ()
        if not all(row.values()):
            empty = tuple([name for name, value in row.items() if not value and isinstance(value, _UNTYPED)])
        shape = (generator, tuple(row), empty)
        found = self._shapes.get(shape, _UNUSED)
        if found == _UNUSED and len(self._shapes) < _MOST_SHAPES:
            found = self._shapes[shape] = len(self._shapes) + 1
        return found

    def _late(self, first: set[int], later: set[int]) -> list[str]:
        """The columns that are not known by the first rows, and would have to be for the later ones."""
        shapes = {number: (columns, empty) for (_, columns, empty), number in self._shapes.items()}
        known = {name for number in first for name in shapes[number][0]}
        typed = {name for number in first for name in set(shapes[number][0]).difference(shapes[number][1])}
        late: dict[str, None] = {}
        for columns, empty in (shapes[number] for number in sorted(later)):
            late |= dict.fromkeys(name for name in columns if name not in known or name not in {*typed, *empty})
        return list(late)


def _sentence(generator: str, split: str, late: Sequence[str]) -> str:
    names = [f"“{name[:_LONGEST]}”" for name in late[:_MOST_NAMED]]
    more = f" and {len(late) - _MOST_NAMED:,} more" if len(late) > _MOST_NAMED else ""
    verb = "is" if len(late) == 1 else "are"
    return (
        f"In {file_in_words(generator, split)}, "
        f"{', '.join(names)}{more} {verb} missing or empty in the first 10 MB, and not in later rows. "
        "load_dataset takes the columns from there, and would end with an error: give it features=…, or choose another "
        "shape."
    )
