"""What a trained ranker is tested with: judges, and what the controls beside it learn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from penchant.shared.newitems import extended
from penchant.shared.scoring import Scorer
from penchant.simulation.controls import Material
from penchant.simulation.evaluation import evaluated_sample
from penchant.simulation.judge import Judge
from penchant.simulation.ranking import VectorTable, WithNewPeople
from penchant.simulation.split import LeaveOneOut, Stage
from penchant.simulation.world import Cold, World

__all__ = ["MAIN", "Judges", "Trial"]

NEGATIVES_STREAM = 2
MAIN = "test"


@dataclass(frozen=True, eq=False)
class Judges:
    """Makes a run's judges.

    Attributes:
        world: what the run starts from.
        seed: of the negatives.
    """

    world: World
    seed: int

    def of(
        self,
        stage: Stage,
        number: int,
        *,
        split: LeaveOneOut | None = None,
        unseen_from: int | None = None,
    ) -> Judge:
        """Return a judge of one stage.

        Args:
            stage: which held-out items are ranked.
            number: of the stream that its negatives come from.
            split: the world's, if not given.
            unseen_from: see ``Judge``.
        """
        return Judge.of(
            self.world.split if split is None else split,
            stage,
            history_length=self.world.plan.recipe.history_length,
            rng=np.random.default_rng([self.seed, NEGATIVES_STREAM, number]),
            unseen_from=unseen_from,
        )


@dataclass(frozen=True, eq=False)
class Trial:
    """What a trained ranker is tested with.

    Attributes:
        scorer: the ranker over all items.
        vectors: private vectors of all people.
        material: what controls learn from.
        validation: by which controls are tuned.
        tests: judges by name, the main one first.
    """

    scorer: Scorer
    vectors: VectorTable
    material: Material
    validation: Judge
    tests: Mapping[str, Judge]

    @classmethod
    def of(
        cls,
        trained: Scorer,
        vectors: VectorTable,
        judges: Judges,
        *,
        validation: Judge,
        test: Judge,
    ) -> "Trial":
        """Return the trial of a run's ranker.

        Args:
            trained: the ranker.
            vectors: private vectors of those who trained.
            judges: the run's.
            validation: its judge at validation.
            test: its judge at test.
        """
        world = judges.world
        if world.cold is not None:
            return cls._cold(trained, vectors, judges, world.cold)
        material = Material.of(
            world.split.training,
            trained.catalogue.embeddings,
            seed=judges.seed,
            evaluated=world.split.people,
        )
        return cls(trained, vectors, material, validation, MappingProxyType({MAIN: test}))

    @classmethod
    def _cold(cls, trained: Scorer, vectors: VectorTable, judges: Judges, cold: Cold) -> "Trial":
        start, split = cold.start, cold.start.learnt_from
        material = Material.of(
            split.training,
            cold.catalogue.embeddings,
            seed=judges.seed,
            evaluated=split.people,
            known_items=start.known_items,
        )
        tests = {
            name: judges.of(
                "test",
                2 + number,
                split=evaluated_sample(group),
                unseen_from=start.known_items if is_unseen else None,
            )
            for number, (name, group, is_unseen) in enumerate(start.tests)
        }
        return cls(
            extended(trained, cold.catalogue),
            WithNewPeople(vectors, split.training.n_people),
            material,
            judges.of("validation", 0, split=evaluated_sample(split)),
            MappingProxyType(tests),
        )
