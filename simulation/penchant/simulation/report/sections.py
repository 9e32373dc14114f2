"""Sections that other parts of the simulation add to a run's page: words, figures, tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from penchant.simulation.report.drawing import Picture

__all__ = ["Cell", "Plot", "Section", "Table"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: a value, and small print below it, such as its interval."""

    value: str
    small: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Plot:
    """A figure, and the same numbers as a table that unfolds beneath it."""

    picture: Picture
    table: Table


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: its identifier in the page.
        heading: what it is about.
        words: paragraphs before the rest.
        table: shown as it is; None for none.
        terms: names and what they mean.
        plots: figures.
        notes: small print at the end.
        command: how to do it again; empty for none.
    """

    name: str
    heading: str
    words: Sequence[str]
    table: Table | None = None
    terms: Sequence[tuple[str, str]] = ()
    plots: Sequence[Plot] = ()
    notes: Sequence[str] = ()
    command: str = ""
