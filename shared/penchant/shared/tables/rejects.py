"""Rows that cannot be used: counted, some of them kept with line number and reason."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from penchant.shared.errors import DataError

__all__ = ["DEFAULT_TOLERANCE", "Reject", "Rejects"]

DEFAULT_TOLERANCE = 0.01
_EXAMPLES = 20
_SHOWN = 3
_LONGEST_VALUE = 40


@dataclass(frozen=True)
class Reject:
    """A row that cannot be used.

    Attributes:
        line: line of the file it begins on, or row of a Parquet file, from 1.
        reason: what is wrong with it.
    """

    line: int
    reason: str


@dataclass
class Rejects:
    """The malformed rows of one file.

    Attributes:
        path: the file.
        unit: what ``Reject.line`` counts: ``line``, or ``row`` of a Parquet file.
        rows: how many rows were read, malformed ones included, header excluded.
        count: how many were malformed.
        reasons: how many for each reason.
        examples: the first of them.
    """

    path: Path
    unit: str = "line"
    rows: int = 0
    count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[Reject] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the rows that were malformed, in [0, 1]."""
        return self.count / self.rows if self.rows else 0.0

    def add(self, line: int, reason: str, value: str | None = None) -> None:
        """Count a malformed row.

        Args:
            line: where it begins.
            reason: what is wrong with it.
            value: what it has instead, for the examples.
        """
        self.count += 1
        self.reasons[reason] += 1
        if len(self.examples) < _EXAMPLES:
            shown = "" if value is None else f": {value[:_LONGEST_VALUE]!r}"
            self.examples.append(Reject(line, reason + shown))

    def words(self) -> str:
        """Say how many there are, and the first of them with their lines."""
        some = "; ".join(f"{self.unit} {r.line}: {r.reason}" for r in self.examples[:_SHOWN])
        more = "; ..." if self.count > _SHOWN else ""
        return f"{self.count:,} of {self.rows:,} rows of {self.path} are malformed ({some}{more})"

    def check(self, tolerance: float) -> None:
        """Refuse a file with too many malformed rows.

        Args:
            tolerance: the share of rows that may be malformed, in [0, 1].

        Raises:
            DataError: more are.
        """
        if self.share > tolerance:
            raise DataError(
                f"{self.words()}: {self.share:.2%}, and at most {tolerance:.2%} is tolerated; "
                "correct them, or tolerate more"
            )
