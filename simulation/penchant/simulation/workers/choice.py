"""Which kind of workers a user asked for."""

from penchant.simulation.workers.interface import Common, Constants, Result, Task, Work, Workers
from penchant.simulation.workers.processes import ProcessPool
from penchant.simulation.workers.serial import InProcess

__all__ = ["choose_workers"]


def choose_workers(
    work: Work[Constants, Common, Task, Result],
    constants: Constants,
    *,
    processes: int = 1,
    ray: str | None = None,
) -> Workers[Common, Task, Result]:
    """Return the workers that a run uses.

    Args:
        work: what is done with a task.
        constants: what is the same for all tasks of all runs.
        processes: how many processes work; with 1, it is this one.
        ray: address of the Ray cluster that works instead: ``HOST:PORT``, ``auto`` for the one
            this machine is part of, or ``local`` for one started here.

    Raises:
        ConfigurationError: the numbers or the address cannot be used.
        MissingExtraError: Ray is not installed.
        WorkerError: the Ray cluster cannot be reached.
    """
    if ray is not None:
        # Ray is an extra, and takes half a second to import.
        from penchant.simulation.workers.cluster import RayCluster

        return RayCluster(work, constants, address=ray)
    if processes == 1:
        return InProcess(work, constants)
    return ProcessPool(work, constants, workers=processes)
