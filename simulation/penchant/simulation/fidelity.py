"""How devices are simulated: each a real one, or all of a cohort together."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penchant.shared.errors import ConfigurationError
from penchant.shared.randomness import SeededRandomness
from penchant.simulation.cohort.block import Constants
from penchant.simulation.cohort.engine import train_block
from penchant.simulation.cohort.population import CohortPopulation
from penchant.simulation.population import Population
from penchant.simulation.settings import Fidelity
from penchant.simulation.training import Devices
from penchant.simulation.workers import choose_workers
from penchant.simulation.world import World

__all__ = ["require_workers", "simulated_devices"]


def require_workers(fidelity: Fidelity, *, processes: int, ray: str | None) -> None:
    """Refuse workers that devices of this fidelity cannot have.

    Raises:
        ConfigurationError: real devices are to be trained elsewhere than here.
    """
    if fidelity is Fidelity.DEVICE and (processes, ray) != (1, None):
        raise ConfigurationError(
            "--workers and --ray are for --fidelity cohort; real devices take turns in one process"
        )


@contextmanager
def simulated_devices(
    world: World,
    fidelity: Fidelity,
    folder: Path,
    *,
    randomness: SeededRandomness,
    processes: int = 1,
    ray: str | None = None,
) -> Iterator[Devices]:
    """Give the devices of a world, and end what works for them afterwards.

    Args:
        world: people, their training events and the initial ranker.
        fidelity: how devices are simulated.
        folder: where what they keep lives.
        randomness: device i draws from the stream named i.
        processes: how many processes train; with 1, it is this one.
        ray: address of the Ray cluster that trains instead; see ``choose_workers``.

    Raises:
        ConfigurationError: real devices are to be trained elsewhere than here.
        PenchantError: the workers cannot be had.
    """
    require_workers(fidelity, processes=processes, ray=ray)
    training, scorer = world.split.training, world.scorer
    if fidelity is Fidelity.COHORT:
        constants = Constants(scorer.ranker.settings, scorer.features, randomness)
        with choose_workers(train_block, constants, processes=processes, ray=ray) as workers:
            yield CohortPopulation(folder, training, scorer, workers)
        return
    yield Population(folder, training, scorer, randomness=randomness)
