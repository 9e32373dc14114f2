"""A pool's processes: when they start, how they compute, and that none is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation.workers import work

from penchant.shared.errors import ConfigurationError
from penchant.simulation.workers import ProcessPool


def begun(journal: Path) -> list[int]:
    """Return the processes that have begun to hold a task."""
    return [int(note.split("-")[1]) for note in work.noted(journal, "begun")]


@pytest.mark.parametrize(("workers", "attempts"), [(0, 1), (1, 0), (-2, 3)])
def test_impossible_pools_are_refused(workers: int, attempts: int) -> None:
    """A pool has a worker at least, and tries once at least."""
    with pytest.raises(ConfigurationError, match="at least 1 worker and 1 attempt"):
        ProcessPool(work.threads, None, workers=workers, attempts=attempts)


def test_workers_compute_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes do not fight for cores, whatever the caller's own threads are."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with ProcessPool(work.threads, None, workers=1) as pool:
        ((process, threads),) = pool.run(None, [0])
    assert process != os.getpid()
    assert threads == 1


def test_processes_live_from_run_to_run_until_closed() -> None:
    """A pool starts no more processes than it is given tasks, keeps them, and ends them."""
    with ProcessPool(work.process, None, workers=3) as pool:
        first, second = list(pool.run(None, [0])), list(pool.run(None, [0]))
        assert first == second
        assert work.lives(first[0])
        assert len(set(pool.run(None, range(20)))) <= 3
    assert not work.lives(first[0])


def test_worker_killed_between_tasks_is_replaced() -> None:
    """A worker that is lost while it does nothing costs no task an attempt."""
    with ProcessPool(work.process, None, workers=1, attempts=1) as pool:
        (first,) = pool.run(None, [0])
        os.kill(first, signal.SIGKILL)
        work.wait_for(lambda: not work.lives(first))
        (second,) = pool.run(None, [0])
    assert second != first


def test_work_that_cannot_be_sent_is_an_error() -> None:
    """A work that is no module's function is told at its first task, at every one."""
    pool: ProcessPool[None, None, int, None] = ProcessPool(lambda *_: None, None, workers=1)
    with pool:
        for _ in range(2):
            with pytest.raises(Exception, match=r"[Pp]ickle"):
                list(pool.run(None, [0]))


@pytest.mark.parametrize("kind", ["processes", "Ray"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_caller(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, end: signal.Signals
) -> None:
    """Ctrl-C, and any other end of the caller, ends workers in their tasks, without a word."""
    argument = request.getfixturevalue("ray_address") if kind == "Ray" else kind
    # A group of its own, which gets the signal as that of a terminal does.
    caller = subprocess.Popen(
        [sys.executable, work.__file__, argument, str(tmp_path)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with caller:
        work.wait_for(lambda: caller.poll() is not None or len(begun(tmp_path)) == 2)
        workers = begun(tmp_path)
        assert all(work.lives(worker) for worker in workers)
        if end is signal.SIGINT:
            os.killpg(caller.pid, end)
        else:
            caller.send_signal(end)
        output, errors = caller.communicate(timeout=work.PATIENCE)
    work.wait_for(lambda: not any(work.lives(worker) for worker in workers))
    assert len(workers) == 2
    if kind == "Ray":  # whose own core may log a line about a task that ended
        assert "Traceback" not in errors
    else:
        assert errors == ""
    assert output == ("interrupted\n" if end is signal.SIGINT else "")
