"""What a data set is like: counts, histories, times, texts, and what is wrong with it."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from pydantic import BaseModel, ConfigDict

from penchant.client.events import EventKind
from penchant.shared.tables.rejects import Rejects
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.scripts import scripts

__all__ = ["Description", "FileState", "MalformedRow", "describe"]

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
HELD_OUT_EVENTS = 3
_CHECKED_TEXTS = 50_000


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MalformedRow(_Model):
    """A row that could not be used."""

    line: int
    reason: str


class FileState(_Model):
    """What of a file could not be used.

    Attributes:
        path: the file.
        rows: how many rows were read, malformed ones included.
        malformed: how many were malformed.
        reasons: how many for each reason.
        examples: the first of them; ``line`` is a row's number in a Parquet file.
    """

    path: str
    rows: int
    malformed: int
    reasons: dict[str, int]
    examples: list[MalformedRow]

    @classmethod
    def of(cls, rejects: Rejects) -> "FileState":
        """Return the state of a file that has been read."""
        return cls(
            path=str(rejects.path),
            rows=rejects.rows,
            malformed=rejects.count,
            reasons=dict(rejects.reasons.most_common()),
            examples=[MalformedRow(line=r.line, reason=r.reason) for r in rejects.examples],
        )


class Description(_Model):
    """What a data set is like.

    Attributes:
        name: of the data set.
        people: how many there are.
        items: how many the catalogue has.
        events: how many there are.
        density: share of all pairs of person and item that met, in [0, 1].
        events_a_person: quantiles of the length of histories, by name, such as ``50%``.
        events_an_item: the same of how often an item was met.
        top_tenth: share of the events that are on the most popular tenth of the items.
        unmet_items: items that nobody met.
        too_short: people with too few different items to hold one out: they only train.
        first: ISO 8601 time of the first event; None if times only tell an order.
        last: of the last event.
        same_time: share of a person's neighbouring events that are at one time.
        scripts: how many items have a text in each script, of 50,000 at most.
        items_without_text: items whose text is empty.
        repeated_texts: items whose text another item has too.
        duplicates: events that are another's twin: person, item and time.
        repeats: events on an item that the person had met before, twins included.
        impressions: lists shown at once; None if the source has none.
        kinds: how many events there are of each kind; None if the source tells none.
        files: what of the files could not be used.
        notes: what was decided or left out in reading, in words.
        problems: why a simulation cannot use it; empty if it can.
        warnings: what makes its results worse or harder to read.
    """

    name: str
    people: int
    items: int
    events: int
    density: float
    events_a_person: dict[str, float]
    events_an_item: dict[str, float]
    top_tenth: float
    unmet_items: int
    too_short: int
    first: str | None
    last: str | None
    same_time: float
    scripts: dict[str, int]
    items_without_text: int
    repeated_texts: int
    duplicates: int
    repeats: int
    impressions: int | None
    kinds: dict[str, int] | None = None
    files: list[FileState]
    notes: list[str]
    problems: list[str]
    warnings: list[str]

    @property
    def valid(self) -> bool:
        """Whether a simulation can use it."""
        return not self.problems


def describe(loaded: Loaded, *, tolerance: float) -> Description:
    """Describe a data set.

    Args:
        loaded: the data set as it was read.
        tolerance: share of each file's rows that may be malformed, in [0, 1].
    """
    dataset = loaded.dataset
    lengths = np.diff(dataset.offsets)
    met = np.bincount(dataset.items, minlength=dataset.n_items)
    pairs = np.sort(dataset.people * dataset.n_items + dataset.items)
    distinct = np.flatnonzero(np.diff(pairs, prepend=-1))
    different = np.bincount(pairs[distinct] // dataset.n_items, minlength=dataset.n_people)
    texts = [" ".join(text.split()) for text in dataset.item_texts]
    empty = texts.count("")
    tenth = max(1, dataset.n_items // 10)
    step = -(-dataset.n_items // _CHECKED_TEXTS)
    within = np.repeat(np.arange(dataset.n_people), lengths)
    neighbours = np.diff(within) == 0
    same = neighbours & (np.diff(dataset.times) == 0)
    description = Description(
        name=dataset.name,
        people=dataset.n_people,
        items=dataset.n_items,
        events=dataset.n_events,
        density=len(distinct) / (dataset.n_people * dataset.n_items),
        events_a_person=_quantiles(lengths),
        events_an_item=_quantiles(met),
        top_tenth=float(np.sort(met)[-tenth:].sum() / max(1, dataset.n_events)),
        unmet_items=int(np.count_nonzero(met == 0)),
        too_short=int(np.count_nonzero(different < HELD_OUT_EVENTS)),
        first=_moment(dataset, int(dataset.times.min(initial=2**62))),
        last=_moment(dataset, int(dataset.times.max(initial=0))),
        same_time=float(same.sum() / max(1, neighbours.sum())),
        scripts=scripts(texts[::step]),
        items_without_text=empty,
        repeated_texts=len(texts) - empty - len(set(texts) - {""}),
        duplicates=_duplicates(dataset),
        repeats=dataset.n_events - len(distinct),
        impressions=None if dataset.impressions is None else len(dataset.impressions),
        kinds=_kinds(dataset),
        files=[FileState.of(file) for file in loaded.files],
        notes=list(loaded.notes),
        problems=[],
        warnings=[],
    )
    tested = different[different >= HELD_OUT_EVENTS]
    problems = _problems(
        description,
        loaded.files,
        tolerance=tolerance,
        texts=texts,
        met_all=int(np.count_nonzero(tested == dataset.n_items)),
    )
    return description.model_copy(
        update={"problems": problems, "warnings": _warnings(description, loaded.files)}
    )


def _problems(
    found: Description,
    files: Sequence[Rejects],
    *,
    tolerance: float,
    texts: Sequence[str],
    met_all: int,
) -> list[str]:
    problems = [
        f"{file.words()}: {file.share:.2%}, and at most {tolerance:.2%} is tolerated"
        for file in files
        if file.share > tolerance
    ]
    if found.people == found.too_short:
        problems.append(
            f"nobody has {HELD_OUT_EVENTS} different items, so nothing can be held out to test"
        )
    if met_all and met_all == found.people - found.too_short:
        problems.append(
            f"everybody has met all {found.items} items, so there is no other to rank the last one "
            "against"
        )
    if len(set(texts)) < 2 and any(texts):
        problems.append("all items have one text, so a language model cannot tell them apart")
    return problems


def _warnings(found: Description, files: Sequence[Rejects]) -> list[str]:
    counted = [
        (
            found.items_without_text,
            "{:,} items have no text: the language model tells them apart by their identifiers, "
            "which mean nothing to it",
        ),
        (found.repeated_texts, "{:,} items have the text of another item"),
        (found.duplicates, "{:,} events are twins: same person, item and time"),
        (
            found.too_short,
            f"{{:,}} people have fewer than {HELD_OUT_EVENTS} items: they only train",
        ),
    ]
    warnings = [words.format(count) for count, words in counted if count]
    if found.same_time > 0.5:
        warnings.append(
            f"{found.same_time:.0%} of neighbouring events are at one time: their order is the "
            "file's"
        )
    return warnings + [file.words() for file in files if file.count]


def _quantiles(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> dict[str, float]:
    values = np.quantile(counts, QUANTILES) if counts.size else np.zeros(len(QUANTILES))
    return {f"{share:.0%}": float(value) for share, value in zip(QUANTILES, values, strict=True)}


def _kinds(dataset: Dataset) -> dict[str, int] | None:
    if dataset.kinds is None:
        return None
    counts = np.bincount(dataset.kinds, minlength=len(EventKind))
    return {kind.value: int(counts[kind.number]) for kind in EventKind if counts[kind.number]}


def _moment(dataset: Dataset, seconds: int) -> str | None:
    if not dataset.has_times or not dataset.n_events:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _duplicates(dataset: Dataset) -> int:
    order = np.lexsort((dataset.items, dataset.times, dataset.people))
    same = [
        np.diff(values[order]) == 0 for values in (dataset.people, dataset.times, dataset.items)
    ]
    return int(np.count_nonzero(np.logical_and.reduce(same)))
