"""What holds of workers of every kind, wherever they do their work."""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulation.workers import work
from tests.simulation.workers.work import Errand

from penchant.shared.errors import MissingExtraError, WorkerError
from penchant.simulation.workers import InProcess, ProcessPool, Workers

CONSTANTS = np.random.default_rng(0).normal(size=(300, 200))
COMMON = np.random.default_rng(1).normal(size=(200, 100))
ATTEMPTS = 3

AnyWorkers = Workers[work.Floats, Errand, Any]
KINDS = ["in process", "1 process", "2 processes", "3 processes", "Ray"]
may_be_lost = pytest.mark.parametrize("workers", ["1 process", "2 processes", "Ray"], indirect=True)


@pytest.fixture(scope="module", params=KINDS)
def workers(request: pytest.FixtureRequest) -> Iterator[AnyWorkers]:
    """Give workers of each kind, the same to all tests."""
    kind: str = request.param
    made: AnyWorkers
    if kind == "Ray":
        address = request.getfixturevalue("ray_address")
        from penchant.simulation.workers.cluster import RayCluster

        made = RayCluster(work.run_errand, CONSTANTS, address=address, attempts=ATTEMPTS)
    elif kind == "in process":
        made = InProcess(work.run_errand, CONSTANTS)
    else:
        made = ProcessPool(
            work.run_errand, CONSTANTS, workers=int(kind.split()[0]), attempts=ATTEMPTS
        )
    with made:
        yield made
        made.close()  # and again at the end of the block, which is harmless


def test_results_are_those_of_the_work_in_the_order_of_tasks(workers: AnyWorkers) -> None:
    """Number and kind of workers change neither the results nor their order, bit for bit."""
    tasks = [5, 3, 11, 0, 7, 2, 9, 4, 1]
    results = list(workers.run(COMMON, [Errand("draw", task) for task in tasks]))
    assert len(results) == len(tasks)
    for task, result in zip(tasks, results, strict=True):
        np.testing.assert_array_equal(result, work.draw(CONSTANTS, COMMON, task))


def test_each_run_has_its_own_common_part(workers: AnyWorkers) -> None:
    """Tasks of a run never meet what the tasks of another have in common, not even by turns."""
    scales = (1.0, 2.0, 3.0)
    runs = [
        workers.run(scale * COMMON, [Errand("draw", task) for task in range(5)]) for scale in scales
    ]
    for task in range(5):
        for scale, run in zip(scales, runs, strict=True):
            expected = work.draw(CONSTANTS, scale * COMMON, task)
            np.testing.assert_array_equal(next(run), expected)


def test_no_tasks_give_no_results(workers: AnyWorkers) -> None:
    """A run may be empty."""
    assert list(workers.run(COMMON, [])) == []


def test_tasks_are_taken_as_results_are_asked_for(workers: AnyWorkers) -> None:
    """No more tasks are taken than the window holds, and none before a result is wanted."""
    taken = 0

    def tasks() -> Iterator[Errand]:
        nonlocal taken
        for taken in range(1, 41):
            yield Errand("draw", taken)

    results = workers.run(COMMON, tasks())
    assert taken == 0
    for yielded, _ in enumerate(results):
        assert taken - yielded <= workers.window
    assert taken == 40


def test_run_may_be_abandoned(workers: AnyWorkers) -> None:
    """A run that is not read to its end is in no later run's way."""
    abandoned = workers.run(COMMON, [Errand("draw", task) for task in range(10)])
    next(abandoned)
    (result,) = workers.run(COMMON, [Errand("draw", 12)])
    np.testing.assert_array_equal(result, work.draw(CONSTANTS, COMMON, 12))


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [(3, MissingExtraError, "number 3 needs the 'an extra' extra"), (4, KeyError, "number 4")],
)
def test_errors_of_the_work_are_raised_as_they_are(
    workers: AnyWorkers, tmp_path: Path, number: int, kind: type[Exception], words: str
) -> None:
    """An error comes in its task's place, tried once, of its own type, and tells where it arose."""
    names = ["draw", "draw", "fail", "draw"]
    results: list[work.Floats] = []
    run = workers.run(COMMON, [Errand(name, number, tmp_path) for name in names])
    with pytest.raises(kind, match=words) as caught:
        results.extend(run)
    assert len(results) == 2
    assert type(caught.value) is kind
    assert "in fail" in "".join(traceback.format_exception(caught.value))
    assert len(work.noted(tmp_path, f"{number}")) == 1
    assert len(list(workers.run(COMMON, [Errand("draw", 0)]))) == 1


@may_be_lost
def test_killed_workers_change_nothing(workers: AnyWorkers, tmp_path: Path) -> None:
    """A task whose worker is killed is done again, and each result is yielded once, in order."""
    deaths = [0, 1, 0, 2]
    tasks = [Errand("die", number, tmp_path / str(place)) for place, number in enumerate(deaths)]
    for task in tasks:
        task.journal.mkdir()
    assert list(workers.run(COMMON, tasks)) == [1, 2, 1, 3]


@may_be_lost
def test_task_that_keeps_losing_workers_is_given_up(workers: AnyWorkers, tmp_path: Path) -> None:
    """After the stated number of attempts the error tells so, and there are workers as before."""
    results = workers.run(COMMON, [Errand("draw", 0), Errand("die", 10, tmp_path)])
    next(results)
    with pytest.raises(WorkerError, match=rf"given up.*{ATTEMPTS}.*memory"):
        next(results)
    assert len(work.noted(tmp_path, "10")) == ATTEMPTS
    assert len(list(workers.run(COMMON, [Errand("draw", 0)]))) == 1


@may_be_lost
def test_result_that_cannot_be_sent_is_an_error(workers: AnyWorkers, tmp_path: Path) -> None:
    """Work that returns what cannot be pickled is told of, and not tried again."""
    with pytest.raises((TypeError, WorkerError), match="cannot pickle"):
        list(workers.run(COMMON, [Errand("give_lock", 0, tmp_path)]))
    assert len(work.noted(tmp_path, "0")) == 1
