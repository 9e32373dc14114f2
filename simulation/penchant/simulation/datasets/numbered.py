"""Identifiers of many people who have no names but numbers, without a string for each."""

from collections.abc import Iterator, Sequence
from typing import overload

from penchant.shared.errors import DataError

__all__ = ["Numbered"]


class Numbered(Sequence[str]):
    """The identifiers ``"0"`` to ``str(count - 1)``, made when they are asked for.

    Args:
        count: how many there are, at least 0.

    Raises:
        DataError: ``count`` is negative.

    >>> ids = Numbered(1_000_000)
    >>> len(ids), ids[-1], list(ids[:2])
    (1000000, '999999', ['0', '1'])
    """

    def __init__(self, count: int) -> None:
        if count < 0:
            raise DataError(f"there cannot be {count} identifiers; give a count of at least 0")
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        numbers = range(self._count)[index]
        if isinstance(numbers, int):
            return str(numbers)
        if numbers == range(len(numbers)):
            return Numbered(len(numbers))
        return tuple(str(number) for number in numbers)

    def __iter__(self) -> Iterator[str]:
        return (str(number) for number in range(self._count))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbered) and len(self) == len(other)

    def __hash__(self) -> int:
        return hash((Numbered, self._count))

    def __repr__(self) -> str:
        return f"Numbered({self._count})"
