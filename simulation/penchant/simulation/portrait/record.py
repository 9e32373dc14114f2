"""``portrait.json``: one person's interests over time."""

from pathlib import Path

import numpy as np

from penchant.shared.files import write_atomically
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.portrait.choice import choose
from penchant.simulation.portrait.tags import ItemTags
from penchant.simulation.report.record import Record, read_if_there

__all__ = ["Portrait", "portrait_of", "read_portrait", "write_portrait"]

PORTRAIT_FILE = "portrait.json"
WINDOW = 10
TAGS = 5
POINTS = 40


class Portrait(Record):
    """Shares of tags among one person's latest events.

    ``shares[t][p]`` is the share of tag t among the ``window`` latest events after event
    ``events[p]``, from 1. The tags are those with the largest shares at any time.
    """

    dataset: str
    person: str
    count: int  # events of the person
    looked_at: int  # people among whom this one changed most
    change: float  # total variation distance of the first and the last third of the events
    source: str
    window: int
    tags: list[str]
    events: list[int]
    shares: list[list[float]]


def portrait_of(dataset: Dataset, tags: ItemTags) -> Portrait | None:
    """Return the interests of the person that ``choose`` gives; None if there is nobody.

    Args:
        dataset: people and events.
        tags: of its items.
    """
    chosen = choose(dataset, tags)
    if chosen is None:
        return None
    items = np.asarray(dataset.history(chosen.person)[0], dtype=np.int64)
    whole = tags.shares(items)
    summed = np.cumsum(np.vstack([np.zeros(whole.shape[1]), whole]), axis=0)
    count = min(POINTS, len(items) - WINDOW + 1)
    ends = np.linspace(WINDOW, len(items), count).round().astype(np.int64)
    shares = (summed[ends] - summed[ends - WINDOW]) / WINDOW
    largest = np.argsort(-shares.max(axis=0), kind="stable")[:TAGS]
    shown = [tag for tag in largest.tolist() if shares[:, tag].max() > 0]
    return Portrait(
        dataset=dataset.name,
        person=str(dataset.person_ids[chosen.person]),
        count=len(items),
        looked_at=chosen.looked_at,
        change=chosen.change,
        source=tags.source,
        window=WINDOW,
        tags=[tags.names[tag] for tag in shown],
        events=ends.tolist(),
        # Sums that are taken from sums may miss 0 by a rounding.
        shares=[np.clip(shares[:, tag], 0.0, 1.0).tolist() for tag in shown],
    )


def write_portrait(portrait: Portrait, folder: Path) -> Path:
    """Write ``portrait.json``, whole or not at all, and return its path."""
    path = folder / PORTRAIT_FILE
    write_atomically(path, portrait.model_dump_json(indent=2).encode() + b"\n")
    return path


def read_portrait(folder: Path) -> Portrait | None:
    """Read ``portrait.json``; None if there is none.

    Raises:
        DataError: it cannot be read, or is not valid; the error names the fields.
    """
    return read_if_there(Portrait, folder / PORTRAIT_FILE)
