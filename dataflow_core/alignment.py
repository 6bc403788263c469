"""Which elements of two sequences are the same, in order: what diffs are made from.

Unique common elements bind first (Bram Cohen's patience diff), then what lies between them is aligned by the shortest
edit (Myers 1986). A budget bounds it all: what would cost more counts as replaced.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

Run = tuple[int, int, int]
Gap = tuple[int, int, int, int]  # start and end in the one, start and end in the other

_STEPS = 50_000
_LOOKS_PER_STEP = 4
_MOST_EDITS = 100


@dataclass(slots=True)
class Budget:
    """The steps that may still be taken; a step is well under a microsecond."""

    steps: int

    @classmethod
    def of_size(cls, size: int) -> Budget:
        """For texts of so many characters: time in proportion, and plenty for those of a record."""
        return cls(_STEPS + size // 4)


def same_runs(one: Sequence[Hashable], other: Sequence[Hashable], budget: Budget) -> list[Run]:
    """Return (place in `one`, place in `other`, length) of the stretches that both have, in order, neither touching."""
    runs: list[Run] = []
    gaps: list[Gap] = [(0, len(one), 0, len(other))]
    while gaps:
        start, end, other_start, other_end = gaps.pop()
        run = _common_start(one, other, (start, end, other_start, other_end))
        if run:
            runs.append((start, other_start, run))
            start, other_start = start + run, other_start + run
        run = _common_end(one, other, (start, end, other_start, other_end))
        if run:
            end, other_end = end - run, other_end - run
            runs.append((end, other_end, run))
        if start == end or other_start == other_end:
            continue
        gap = (start, end, other_start, other_end)
        anchored = _anchored_runs(one, other, gap, budget)
        if anchored:
            gaps += _between(anchored, gap)
        runs += anchored or _shortest_edit(one, other, gap, budget)
    return _joined(sorted(runs))


def _between(runs: Sequence[Run], within: Gap) -> Iterator[Gap]:
    """Yield what lies before, between and after the runs."""
    start, end, other_start, other_end = within
    for place, other_place, length in [*runs, (end, other_end, 0)]:
        if place > start or other_place > other_start:
            yield start, place, other_start, other_place
        start, other_start = place + length, other_place + length


def _common_start(one: Sequence[Hashable], other: Sequence[Hashable], gap: Gap) -> int:
    start, end, other_start, other_end = gap
    most = min(end - start, other_end - other_start)
    length = 0
    while length < most and one[start + length] == other[other_start + length]:
        length += 1
    return length


def _common_end(one: Sequence[Hashable], other: Sequence[Hashable], gap: Gap) -> int:
    start, end, other_start, other_end = gap
    most = min(end - start, other_end - other_start)
    length = 0
    while length < most and one[end - length - 1] == other[other_end - length - 1]:
        length += 1
    return length


def _anchored_runs(one: Sequence[Hashable], other: Sequence[Hashable], gap: Gap, budget: Budget) -> list[Run]:
    """The runs around the elements that are unique in both, the most of them that keep their order."""
    start, end, other_start, other_end = gap
    cost = (end - start + other_end - other_start) // _LOOKS_PER_STEP
    if cost > budget.steps:
        return []
    budget.steps -= cost
    places, other_places = _unique(one, start, end), _unique(other, other_start, other_end)
    pairs = [
        (place, other_places[element])
        for element, place in places.items()
        if place >= 0 and other_places.get(element, -1) >= 0
    ]
    runs: list[Run] = []
    for place, other_place in _longest_rise(pairs):
        if place < start:  # within the run before
            continue
        back = 0
        while (
            place - back > start
            and other_place - back > other_start
            and (one[place - back - 1] == other[other_place - back - 1])
        ):
            back += 1
        length = back + _common_start(one, other, (place, end, other_place, other_end))
        runs.append((place - back, other_place - back, length))
        start, other_start = place - back + length, other_place - back + length
    return runs


def _unique(elements: Sequence[Hashable], start: int, end: int) -> dict[Hashable, int]:
    """The place of each element; -1 for one that is there more than once."""
    places: dict[Hashable, int] = {}
    for place in range(start, end):
        element = elements[place]
        places[element] = -1 if element in places else place
    return places


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest selection of `pairs`, ordered by their first, whose second rises too (patience sorting)."""
    lows: list[int] = []  # the lowest end of a selection of each length
    ends: list[int] = []  # which pair that is
    previous: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(lows, place)
        previous.append(ends[length - 1] if length else -1)
        lows[length : length + 1] = [place]
        ends[length : length + 1] = [number]
    chosen: list[tuple[int, int]] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = previous[number]
    return chosen[::-1]


def _shortest_edit(one: Sequence[Hashable], other: Sequence[Hashable], gap: Gap, budget: Budget) -> list[Run]:
    """The runs that the fewest removed and added elements leave; none where that takes too many."""
    start, end, other_start, other_end = gap
    size, other_size = end - start, other_end - other_start
    most = min(size + other_size, _MOST_EDITS, int((2 * max(budget.steps, 0)) ** 0.5))
    reached = [-1] * (2 * most + 3)  # by diagonal, how far in `one`; negative diagonals count from the end
    reached[1] = 0
    trace: list[list[int]] = []
    for edits in range(most + 1):
        trace.append(reached.copy())
        budget.steps -= edits + 1
        # A diagonal that has come to the end of a sequence needs no more looking at.
        for diagonal in range(-edits + 2 * max(0, edits - other_size), edits + 1 - 2 * max(0, edits - size), 2):
            down, right = reached[diagonal + 1], reached[diagonal - 1] + 1
            first = start + (right if right > down else down)
            second = other_start - start + first - diagonal
            if first < end and second < other_end and one[first] == other[second]:
                run = _common_start(one, other, (first, end, second, other_end))
                budget.steps -= run
                first, second = first + run, second + run
            reached[diagonal] = first - start
            if first == end and second == other_end:
                return _walk_back(trace, size - other_size, gap)
    return []


def _walk_back(trace: Sequence[Sequence[int]], diagonal: int, gap: Gap) -> list[Run]:
    start, end, other_start, _ = gap
    place = end - start
    runs: list[Run] = []
    for reached in reversed(trace):
        down, right = reached[diagonal + 1], reached[diagonal - 1] + 1
        came_from = max(down, right)
        if place > came_from:
            runs.append((start + came_from, other_start + came_from - diagonal, place - came_from))
        place, diagonal = (right - 1, diagonal - 1) if right > down else (down, diagonal + 1)
    return runs[::-1]


def _joined(runs: Sequence[Run]) -> list[Run]:
    joined: list[Run] = []
    for place, other_place, length in runs:
        if joined and joined[-1][0] + joined[-1][2] == place and joined[-1][1] + joined[-1][2] == other_place:
            joined[-1] = (*joined[-1][:2], joined[-1][2] + length)
        else:
            joined.append((place, other_place, length))
    return joined
