"""Where a round's work is done: in this process, on a pool of processes, or on a Ray cluster.

Nothing here knows what the work is. Results, and their order, are the same wherever it is done.
"""

from penchant.simulation.workers.choice import choose_workers
from penchant.simulation.workers.interface import Work, Workers
from penchant.simulation.workers.processes import ProcessPool
from penchant.simulation.workers.serial import InProcess

__all__ = ["InProcess", "ProcessPool", "Work", "Workers", "choose_workers"]
