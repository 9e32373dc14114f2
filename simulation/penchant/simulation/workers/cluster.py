"""Work done as tasks of a Ray cluster; needs the ``ray`` extra."""

import logging
import os
import socket
from collections.abc import Iterable, Iterator
from typing import Any, Generic

from penchant.shared.errors import ConfigurationError, MissingExtraError, WorkerError
from penchant.simulation.workers.interface import (
    ATTEMPTS,
    Common,
    Constants,
    Result,
    Task,
    Work,
    Workers,
)
from penchant.simulation.workers.order import in_order
from penchant.simulation.workers.outcomes import attempt, settle

# Ray reads these when it is imported: no telemetry, and no advice about GPUs.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

try:
    import ray
    from ray.exceptions import RayError, RayTaskError
except ImportError:
    raise MissingExtraError("ray", "work on a Ray cluster") from None

__all__ = ["RayCluster"]

TASKS_PER_CPU = 2
SECONDS_TO_CONNECT = 10.0
SECONDS_BETWEEN_LOOKS = 30.0
NAMED_ADDRESSES = ("auto", "local")


class RayCluster(Workers[Common, Task, Result], Generic[Constants, Common, Task, Result]):
    """Ray tasks of one CPU each, spread over the nodes; connected from construction to ``close``.

    Every node needs the same versions of Python, Ray and penchant. The constants, and what a
    run's tasks have in common, are sent to a node once and shared there by its workers, whose
    arrays are therefore read-only.

    Args:
        work: what is done with a task.
        constants: what is the same for all tasks of all runs.
        address: ``HOST:PORT`` of a cluster that this machine is a node of, ``auto`` for the one it
            is a node of, or ``local`` for one that is started here and stopped at the end.
        attempts: how often a task is tried when its workers are lost; at least 1.

    Raises:
        ConfigurationError: the address or a number cannot be used.
        WorkerError: the cluster cannot be reached or used.
    """

    def __init__(
        self,
        work: Work[Constants, Common, Task, Result],
        constants: Constants,
        *,
        address: str,
        attempts: int = ATTEMPTS,
    ) -> None:
        if attempts < 1:
            raise ConfigurationError(f"a task needs at least 1 attempt, got {attempts}")
        self._attempts = attempts
        self._connected = False
        _connect(address)
        self._connected = True
        try:
            self._setup = ray.put((work, constants))
            self._perform = ray.remote(
                num_cpus=1, max_retries=attempts - 1, scheduling_strategy="SPREAD"
            )(_perform)
            if not _cpus():
                raise WorkerError(f"the Ray cluster at {address} has no CPUs; add a node to it")
        except BaseException:
            self.close()
            raise

    @property
    def window(self) -> int:
        """Two tasks for each of the cluster's CPUs, as many as there are now."""
        return TASKS_PER_CPU * max(_cpus(), 1)

    def run(self, common: Common, tasks: Iterable[Task]) -> Iterator[Result]:
        """Yield the result of each task; see ``Workers.run``."""
        if not self._connected:  # Ray would start a cluster of its own
            raise WorkerError("these workers are closed; make new ones")
        shared = ray.put(common)
        return in_order(
            tasks,
            submit=lambda task: self._perform.remote(self._setup, shared, task),
            wait=self._wait,
            cancel=_leave,
            window=self.window,
        )

    def close(self) -> None:
        """Drop what the cluster is doing for us and leave it; may be called again."""
        if self._connected:
            self._connected = False
            ray.shutdown()

    def _wait(self, reference: Any) -> Result:
        """Return the result behind ``reference``, or raise why there is none."""
        try:
            while not ray.wait([reference], timeout=SECONDS_BETWEEN_LOOKS)[0]:
                if not _cpus():
                    raise WorkerError(
                        "the Ray cluster has no CPUs left; start nodes again and resume the run"
                    )
            outcome: Result = ray.get(reference)
        except RayError as error:
            if isinstance(error, RayTaskError) and not isinstance(error.cause, RayError):
                raise WorkerError(
                    f"a Ray worker could not load the work or send its result: {error.cause!r}; "
                    "every node needs the same versions of Python, Ray and penchant"
                ) from error
            raise WorkerError(
                f"a task was given up: it may be tried {self._attempts} times, and each time its "
                f"worker, node or data was lost ({type(error).__name__}: {error}); if memory ran "
                "out, make the tasks smaller or give the nodes more"
            ) from error
        return settle(outcome)


def _leave(reference: object) -> None:
    """Let a task that is no longer wanted end by itself.

    Ray 2.60 ends the calling process if a task is cancelled just as it finishes.
    """


def _perform(setup: tuple[Any, Any], common: Any, task: Any) -> Any:
    """Return the outcome of a task; runs in a Ray worker."""
    work, constants = setup
    return attempt(work, constants, common, task)


def _cpus() -> int:
    """Return how many CPUs the cluster's living nodes have together."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("CPU", 0))


def _connect(address: str) -> None:
    """Connect this process to the cluster at ``address``."""
    if ray.is_initialized():
        raise WorkerError(
            "this process is connected to a Ray cluster already; close that connection first"
        )
    if address not in NAMED_ADDRESSES:
        _require_listener(address)
    try:
        ray.init(
            address=address,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    # Ray ends the process by SystemExit when what listens does not answer as a cluster does.
    except (Exception, SystemExit) as error:
        raise WorkerError(
            f"the Ray cluster at {address} cannot be joined: {error}; start one with "
            "'ray start --head', and 'ray start --address HOST:PORT' on each further machine, "
            "this one included, all with the same versions of Python and Ray"
        ) from error


def _require_listener(address: str) -> None:
    """Refuse an address where nothing listens, which takes Ray itself two minutes to tell."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in host:
        raise ConfigurationError(
            f"a Ray address is HOST:PORT or one of {', '.join(NAMED_ADDRESSES)}, got {address!r}"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise WorkerError(
            f"no Ray cluster listens at {address} ({error}); see 'ray status' on its head node"
        ) from error
