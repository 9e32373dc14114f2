"""A population of simulated devices, each a real ``Device`` in a folder of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from flwr.app import Context

from penchant.client import LAB, Device, DeviceSettings, Event, EventKind, KeyFile, Purpose
from penchant.client.app import client_app
from penchant.shared.randomness import Randomness
from penchant.shared.scoring import Scorer
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.grid import DEVICE_KEY, DeviceGrid, LocalGrid

__all__ = ["Population"]

COMPLETE = "complete"
KEY_FILE = "devices.key"


class Population:
    """Devices that have observed a data set's training events.

    A device is opened for as long as it is used and no longer: a thousand of them would exhaust
    the files a process may have open.

    Args:
        folder: where the devices live.
        training: each person's training events; person i is device i.
        scorer: the initial ranker over the data set's catalogue.
        randomness: device i draws from the stream named i.

    Attributes:
        private_vectors: float32 (n, d), of all devices; only a simulation can have them, which is
            all of the devices at once.
    """

    answers_in_blocks = False

    def __init__(
        self, folder: Path, training: Dataset, scorer: Scorer, *, randomness: Randomness
    ) -> None:
        self._folder = folder
        self._keys = KeyFile(folder / KEY_FILE)
        # A run that loses power starts again; waiting for the disk would be most of its time.
        self._settings = DeviceSettings(
            durable=False, quality=None, participation=LAB, recorded_rounds=False
        )
        self._training = training
        self._scorer = scorer
        self._randomness = randomness
        self.private_vectors = np.zeros(
            (training.n_people, scorer.ranker.settings.dimension), dtype=np.float32
        )

    def __len__(self) -> int:
        """Return the number of devices."""
        return self._training.n_people

    def open(self, device: int) -> Device:
        """Return device number ``device``, open; close it after use."""
        return Device.open(
            self._folder / f"{device:06d}",
            self._scorer,
            keys=self._keys,
            settings=self._settings,
            randomness=self._randomness.spawn(device),
        )

    def grid(self, *, on_reply: Callable[[int], None]) -> LocalGrid:
        """Return the grid that asks these devices, told of each reply."""
        return DeviceGrid(client_app(self.training), devices=len(self), on_reply=on_reply)

    @contextmanager
    def training(self, context: Context) -> Iterator[Device]:
        """Open the device a message is for, and note its private vector when it is done."""
        person = int(context.node_config[DEVICE_KEY])
        with self.open(person) as device:
            yield device
            self.private_vectors[person] = device.private_vector()

    def observe_training(self) -> None:
        """Let every device observe its person's training events, unless they all have."""
        marker = self._folder / COMPLETE
        resumed = marker.exists()
        for person in range(len(self)):
            with self.open(person) as device:
                if resumed:
                    self.private_vectors[person] = device.private_vector()
                elif device.event_count() == 0:
                    # The people of a data set take part because its owner says so.
                    for purpose in Purpose:
                        device.consent(purpose)
                    device.observe(*self._training_events(person))
        marker.touch()

    def _training_events(self, person: int) -> Iterator[Event]:
        items, kinds = self._training.item_ids, list(EventKind)
        events = zip(*self._training.history(person), self._training.kinds_of(person), strict=True)
        for item, time, kind in events:
            yield Event(kind=kinds[kind], item=items[item], time=int(time))
