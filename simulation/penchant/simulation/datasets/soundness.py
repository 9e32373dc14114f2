"""Whether the parts of a data set fit together."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.client.events import EventKind
from penchant.shared.errors import DataError
from penchant.simulation.datasets.numbered import Numbered

__all__ = ["check_indices", "check_kinds", "check_names", "check_offsets", "frozen", "parts_of"]

_CHECKED_AT_ONCE = 4_000_000  # people or events; bounds the memory that checks take


def parts_of(size: int) -> Iterator[slice]:
    """Cut ``size`` numbers into runs that are checked one after the other."""
    for start in range(0, size, _CHECKED_AT_ONCE):
        yield slice(start, min(start + _CHECKED_AT_ONCE, size))


def frozen(field: str, values: NDArray[Any], dtype: type) -> NDArray[Any]:
    """Return a read-only view of a one-dimensional array.

    Raises:
        DataError: it has another shape or type.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype != dtype:
        raise DataError(
            f"{field} must be a one-dimensional {np.dtype(dtype)} array; "
            f"got {array.dtype} of shape {array.shape}"
        )
    array = array.view()
    array.setflags(write=False)
    return array


def check_names(kind: str, names: Sequence[str]) -> None:
    """Refuse identifiers that are none or not distinct.

    Raises:
        DataError: they are.
    """
    if not names:
        raise DataError(f"a data set needs at least one {kind}; got none")
    if isinstance(names, Numbered):
        return  # distinct by construction
    if len(set(names)) != len(names):
        repeated = Counter(names).most_common(1)[0][0]
        raise DataError(f"{kind} identifiers must be distinct; '{repeated}' occurs more than once")


def check_offsets(offsets: NDArray[np.int64], *, n_people: int, n_events: int) -> None:
    """Refuse offsets that do not give each person their events.

    Raises:
        DataError: they do not.
    """
    if offsets.size != n_people + 1:
        raise DataError(f"{n_people} people need {n_people + 1} offsets; got {offsets.size}")
    falls = any(
        (offsets[part.start + 1 : part.stop + 1] < offsets[part]).any()
        for part in parts_of(n_people)
    )
    if offsets[0] != 0 or offsets[-1] != n_events or falls:
        raise DataError(
            f"offsets must rise from 0 to the number of events, {n_events}; "
            f"got {offsets[0]} to {offsets[-1]}"
        )


def check_kinds(kinds: NDArray[np.int8], *, n_events: int) -> None:
    """Refuse kinds that are not one an event, are not known, or are dislikes.

    Raises:
        DataError: they are.
    """
    if kinds.size != n_events:
        raise DataError(f"{n_events} events have {kinds.size} kinds; give one kind an event")
    usable = (kinds >= 0) & (kinds < len(EventKind)) & (kinds != EventKind.DISLIKE.number)
    if not usable.all():
        raise DataError(
            f"event {int(np.argmin(usable))} is of kind {int(kinds[np.argmin(usable)])}; kinds are "
            f"numbered from 0 to {len(EventKind) - 1}, and dislikes are left out"
        )


def check_indices(kind: str, indices: NDArray[Any], *, size: int) -> None:
    """Refuse events that name what is not there.

    Raises:
        DataError: one does.
    """
    for part in parts_of(indices.size):
        outside = (indices[part] < 0) | (indices[part] >= size)
        if outside.any():
            event = part.start + int(np.argmax(outside))
            raise DataError(
                f"event {event} names {kind} {int(indices[event])}; there are {size}, from 0"
            )
