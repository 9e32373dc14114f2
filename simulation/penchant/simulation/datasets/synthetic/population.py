"""A generated population in a folder of mapped arrays: the data set, and the truth behind it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from penchant.shared.errors import DataError
from penchant.shared.files import cache_folder
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.numbered import Numbered
from penchant.simulation.datasets.storage import ArrayFiles, kept, mapped
from penchant.simulation.datasets.synthetic.choices import ItemChoices
from penchant.simulation.datasets.synthetic.items import Items
from penchant.simulation.datasets.synthetic.people import CHUNK, generate_people
from penchant.simulation.datasets.synthetic.settings import PopulationSettings

__all__ = ["Truth", "generate"]


def generate(settings: PopulationSettings, *, folder: Path | None = None) -> Dataset:
    """Return a population; the first time, this generates its histories.

    Args:
        settings: of the population.
        folder: keeps populations, each in a folder named by its fingerprint; by default a part of
            penchant's cache folder.

    Raises:
        ConfigurationError: there are not so many generated item texts.
        DataError: the folder cannot be written, or what it keeps cannot be read.
        AssetError: the titles of MovieLens-100K are asked for and cannot be fetched.
    """
    items = Items.of(settings)
    home = (folder or cache_folder() / "populations") / settings.fingerprint
    kept(home, partial(_write, settings, items))
    return Dataset(
        name=settings.name,
        item_ids=tuple(str(item) for item in range(settings.items)),
        item_texts=items.texts,
        person_ids=Numbered(settings.devices),
        offsets=mapped(home, "offsets"),
        items=mapped(home, "items"),
        times=mapped(home, "times"),
        folder=home,
    )


@dataclass(frozen=True, eq=False)
class Truth:
    """What made the histories of a population; ``People`` tells what the arrays are.

    They are mapped from files and read-only. Events are those of the data set, in its order.
    """

    event_topics: NDArray[np.int16]
    switch_offsets: NDArray[np.int64]
    switch_events: NDArray[np.int32]
    switch_topics: NDArray[np.int16]
    first_topics: NDArray[np.int16]
    first_weights: NDArray[np.float32]
    last_topics: NDArray[np.int16]
    last_weights: NDArray[np.float32]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Return the truth behind a generated data set.

        Raises:
            DataError: the data set was not generated, or its files cannot be read.
        """
        if dataset.folder is None or not (dataset.folder / "event_topics.npy").exists():
            raise DataError(
                f"nobody knows the true interests behind '{dataset.name}'; "
                "only generated populations have them"
            )
        return cls(**{name: mapped(dataset.folder, name) for name in cls.__dataclass_fields__})

    def switches(self, person: int) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        """Return a person's switches in order of time.

        Args:
            person: index of a person.

        Returns:
            The first event after each switch, from 0, int32 (W,); and the topics that it took
            away and brought, int16 (W, 2).
        """
        own = slice(self.switch_offsets[person], self.switch_offsets[person + 1])
        return self.switch_events[own], self.switch_topics[own]


def _write(settings: PopulationSettings, items: Items, folder: Path) -> None:
    interests = (settings.interests,)
    rows: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
        "offsets": (np.int64, ()),
        "items": (np.int32, ()),
        "times": (np.int64, ()),
        "event_topics": (np.int16, ()),
        "switch_offsets": (np.int64, ()),
        "switch_events": (np.int32, ()),
        "switch_topics": (np.int16, (2,)),
        "first_topics": (np.int16, interests),
        "first_weights": (np.float32, interests),
        "last_topics": (np.int16, interests),
        "last_weights": (np.float32, interests),
    }
    choices = ItemChoices.of(items)
    events = switches = 0
    with ArrayFiles(folder, rows) as files:
        files.append(offsets=np.zeros(1, np.int64), switch_offsets=np.zeros(1, np.int64))
        for chunk, start in enumerate(range(0, settings.devices, CHUNK)):
            people = generate_people(chunk, settings=settings, items=items, choices=choices)
            people = people.head(settings.devices - start)
            files.append(
                offsets=events + np.cumsum(people.counts),
                switch_offsets=switches + np.cumsum(people.switch_counts),
                **{name: getattr(people, name) for name in rows if not name.endswith("offsets")},
            )
            events += len(people.items)
            switches += len(people.switch_events)
