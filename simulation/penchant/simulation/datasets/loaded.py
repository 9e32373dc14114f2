"""A data set as it was read, and what was said about it on the way."""

from dataclasses import dataclass

from penchant.shared.tables.rejects import Rejects
from penchant.simulation.datasets.dataset import Dataset

__all__ = ["Loaded"]


@dataclass(frozen=True)
class Loaded:
    """A data set, and what of its source did not go into it.

    Attributes:
        dataset: the data set.
        files: the files that were read, with their malformed rows.
        notes: what was decided or left out, in words, with counts.
    """

    dataset: Dataset
    files: tuple[Rejects, ...] = ()
    notes: tuple[str, ...] = ()

    def check(self, tolerance: float) -> None:
        """Refuse a source with too many malformed rows in one of its files.

        Args:
            tolerance: the share of rows that may be malformed, in [0, 1].

        Raises:
            DataError: more are.
        """
        for file in self.files:
            file.check(tolerance)

    def told(self) -> tuple[str, ...]:
        """Return the notes, with one on each file that has malformed rows."""
        return (*self.notes, *(file.words() for file in self.files if file.count))
