"""Drift of a run's trained ranker: on a few people as the run ends, or on all afterwards."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.newitems import extended
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer
from penchant.simulation import datasets
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.synthetic import SYNTHETIC
from penchant.simulation.drift.evaluation import switched_people
from penchant.simulation.drift.ranked import follow_ranker, meanings
from penchant.simulation.drift.switches import Switched
from penchant.simulation.drift.table import Drift, summed_up
from penchant.simulation.drift.vectors import VectorTraining
from penchant.simulation.flags import command_with
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.workspace import Workspace
from penchant.simulation.world import World, prepare

__all__ = ["EVERY", "RunDrift", "evaluate_run"]

EVERY = 20
DRIFT_STREAM = 7

# What a run spends on it by itself: about two seconds on MovieLens-100K.
FEW = 40
ITEMS_AT_MOST = 100_000
WINDOWS = ((20, 40), (10, 20), (5, 10))  # events before and after, the longest that people have
LEAST = 10


@dataclass(frozen=True, eq=False)
class RunDrift:
    """A run's trained ranker, and whom to follow with it.

    Attributes:
        world: what the run started from.
        settings: what was asked.
        scorer: the trained ranker over all items.
        dataset: the people, over the scorer's catalogue; perhaps more than trained.
    """

    world: World
    settings: SimulationSettings
    scorer: Scorer
    dataset: Dataset

    @classmethod
    def of(
        cls,
        world: World,
        settings: SimulationSettings,
        trained: Scorer,
        dataset: Dataset | None = None,
    ) -> Self:
        """Return the drift of a run.

        Args:
            world: what it started from.
            settings: what was asked.
            trained: its ranker, over the catalogue that was trained on.
            dataset: all people, if the run had only the first.
        """
        people = world.dataset if dataset is None else dataset
        if world.cold is None:
            return cls(world, settings, trained, people)
        catalogue = world.cold.catalogue
        rows = catalogue.known_positions(people.item_ids)
        texts = np.array(people.item_texts, dtype=object)[np.argsort(rows)].tolist()
        moved = replace(
            people,
            item_ids=tuple(catalogue.items),
            item_texts=tuple(texts),
            items=rows[people.items].astype(np.int32),
            impressions=None,
        )
        return cls(world, settings, extended(trained, catalogue), moved)

    def in_brief(self, folder: Path) -> Drift | None:
        """Return what a few people show; None if there are too few, or too many items.

        Args:
            folder: the run's, for the command that measures the same again.
        """
        if len(self.scorer.catalogue) > ITEMS_AT_MOST:
            return None
        for before, after in WINDOWS:
            with suppress(DataError):
                found = self.measured(
                    folder, people=FEW, before=before, after=after, every=EVERY, seed=0
                )
                if found.people >= LEAST:
                    return found
        return None

    def measured(
        self, folder: Path, *, people: int, before: int, after: int, every: int, seed: int
    ) -> Drift:
        """Follow people with the ranker around their switches.

        People that the ranker has not learnt from are followed, if there are any with events
        enough; else those that it has.

        Args:
            folder: the run's, for the command that measures the same again.
            people: how many at most.
            before: events before each switch, a multiple of 5.
            after: events after it, a multiple of 5.
            every: how many events lie between two trainings of a private vector.
            seed: of the private vectors' training and the bootstrap.

        Raises:
            DataError: nobody has a switch with events enough.
        """
        followed, planted, trained_on = self._people(count=people, before=before, after=after)
        randomness = SeededRandomness(seed).spawn(DRIFT_STREAM)
        training = VectorTraining.of(self.world.plan, randomness=randomness)
        return summed_up(
            follow_ranker(followed, self.scorer, training, every=every, before=before, after=after),
            meanings=meanings(every=every),
            trained_on=trained_on,
            dataset=self.dataset.name,
            switches="planted" if planted else "joined",
            command=_command(
                folder, people=people, before=before, after=after, every=every, seed=seed
            ),
            rng=np.random.default_rng([seed, DRIFT_STREAM]),
        )

    def _people(self, *, count: int, before: int, after: int) -> tuple[list[Switched], bool, bool]:
        """Return whom to follow, whether their switches are planted, and whether they trained."""
        reason = DataError(f"nobody in '{self.dataset.name}' can be followed")
        for among, known in self._choices():
            try:
                found = switched_people(
                    self.dataset,
                    self.scorer.catalogue.embeddings,
                    among=among,
                    count=count,
                    before=before,
                    after=after,
                    generated=known,
                )
            except DataError as error:
                reason = error
                continue
            if among is None or len(found) >= LEAST:
                return found, known, among is None
        raise reason

    def _choices(self) -> Iterator[tuple[NDArray[np.int64] | None, bool]]:
        """Give groups of people and whether their switches are known, the best first."""
        newcomers = self.newcomers()
        generated = self.settings.dataset.startswith(f"{SYNTHETIC}:")
        for known in (True, False) if generated else (False,):
            if len(newcomers) >= LEAST:
                yield newcomers, known
            yield None, known

    def newcomers(self) -> NDArray[np.int64]:
        """Return the people that the ranker has not learnt from, int64."""
        training = self.world.split.training
        if self.world.cold is None:
            return np.arange(training.n_people, self.dataset.n_people)
        known = set(training.person_ids)
        return np.array([i for i, p in enumerate(self.dataset.person_ids) if p not in known])


def evaluate_run(
    folder: Path,
    *,
    people: int,
    before: int,
    after: int,
    every: int,
    seed: int,
    tell: Callable[[str], None],
) -> Drift:
    """Return the drift of a run that has ended.

    Args:
        folder: the run's.
        people: how many are followed at most.
        before: events before each switch, a multiple of 5.
        after: events after it, a multiple of 5.
        every: how many events lie between two trainings of a private vector.
        seed: of the private vectors' training and the bootstrap.
        tell: told what is being done, for people.

    Raises:
        ConfigurationError: the folder holds no run that has ended, or its data or language model
            are not what they were.
        DataError: nobody has a switch with events enough.
        PenchantError: data or model cannot be had.
    """
    workspace = Workspace(folder)
    settings, ranker = workspace.settings(), Ranker.load(workspace.ranker)
    world = prepare(settings, tell=tell)
    if ranker.model_id != world.scorer.ranker.model_id:
        raise ConfigurationError(
            f"the ranker in {folder} is {ranker.model_id}; {settings.dataset} with "
            f"{settings.encoder} gives {world.scorer.ranker.model_id}: data or language model have "
            "changed since; "
            "run the simulation again"
        )
    everybody = None if settings.devices is None else datasets.load(settings.dataset)
    found = RunDrift.of(world, settings, world.scorer.with_vector(ranker.vector), everybody)
    tell("people whose interests switch are followed with the trained ranker")
    return found.measured(folder, people=people, before=before, after=after, every=every, seed=seed)


def _command(folder: Path, **flags: int) -> str:
    return command_with("penchant evaluate drift", {"run": folder, **flags})
