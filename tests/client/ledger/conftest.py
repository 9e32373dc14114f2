"""A ledger on a real encrypted database, with a clock that can be set and two witnesses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.client.ledger import (
    MIGRATIONS,
    Answer,
    BudgetSettings,
    FileWitness,
    Ledger,
    Purpose,
    StoreWitness,
)
from penchant.client.storage import DeviceFolder, Durability, RawKey
from penchant.shared.contract import EventPrivacy, LearningRates, LocalTraining, TrainingTask

DAY = 86_400
START = 1_700_000_000
RATES = LearningRates(**dict.fromkeys(LearningRates.model_fields, 0.1))


def task_of(
    round_number: int = 1,
    *,
    noise_multiplier: float = 4.0,
    clipping_norm: float | None = 1.0,
    event_noise: float | None = None,
    steps: int = 1,
    measure_noise: float | None = None,
) -> TrainingTask:
    """A task of a small ranker."""
    event_privacy = None
    if event_noise is not None:
        event_privacy = EventPrivacy(
            sampling_probability=0.5,
            expected_batch_size=4.0,
            clipping_norm=1.0,
            noise_multiplier=event_noise,
        )
    training = LocalTraining(
        steps=steps,
        examples=8,
        negatives=8,
        rates=RATES,
        clipping_norm=clipping_norm,
        event_privacy=event_privacy,
    )
    vector = np.zeros(3, dtype=np.float32)
    return TrainingTask(
        "0" * 16,
        round_number,
        training,
        vector,
        noise_multiplier=noise_multiplier,
        measure_noise_multiplier=measure_noise,
    )


class Desk:
    """A device's ledger as its surroundings know it.

    Attributes:
        folder: the device's folder.
        witness: the file outside it.
        store: what the behaviour store keeps of the ledger.
        time: what the clock shows, unix seconds.
        made: how many answers were made.
        durability: of the ledger's database.
    """

    def __init__(self, place: Path, settings: BudgetSettings) -> None:
        self.folder = place / "device"
        self.witness = place / "elsewhere" / "mark.json"
        self.store: dict[str, bytes] = {}
        self.settings = settings
        self.time: float = START
        self.made = 0
        self.durability = Durability.KILL

    @contextmanager
    def open(self, settings: BudgetSettings | None = None) -> Iterator[Ledger]:
        """Open the ledger."""
        folder = DeviceFolder(self.folder, RawKey(bytes(32)))
        try:
            database = folder.database("ledger", migrations=MIGRATIONS, durability=self.durability)
            yield Ledger(
                database,
                settings=settings or self.settings,
                witnesses=(
                    FileWitness(self.witness),
                    StoreWitness(
                        lambda: self.store.get("mark"),
                        lambda content: self.store.update(mark=content),
                    ),
                ),
                clock=lambda: self.time,
            )
        finally:
            folder.close()

    def agree(self) -> None:
        """Consent to everything."""
        with self.open() as ledger:
            for purpose in Purpose:
                ledger.consent(purpose)

    def make(self) -> Answer:
        """Make an answer; each is another one."""
        self.made += 1
        return Answer(b"answer %d" % self.made, b"local %d" % self.made)

    def release(self, task: TrainingTask) -> bytes:
        """Open the ledger, release a task's answer and return its bytes."""
        with self.open() as ledger:
            return ledger.release(task, self.make).message

    def pass_days(self, days: float) -> None:
        """Let time pass."""
        self.time += days * DAY


@pytest.fixture
def make_desk(tmp_path: Path) -> Callable[..., Desk]:
    """Make a desk where nothing has been agreed to yet."""

    def make(*, name: str = "desk", **settings: Any) -> Desk:
        return Desk(tmp_path / name, BudgetSettings(**settings))

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A desk with the default budget, where everything has been agreed to."""
    made = make_desk()
    made.agree()
    return made
