"""The runs of a sweep: done, continued or skipped, in as many processes as are asked for."""

import multiprocessing
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from penchant.shared.errors import ConfigurationError, PenchantError
from penchant.simulation.report.summary import has_summary
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.sweep.grid import cheapest_first, command_of
from penchant.simulation.workers.worker import end_with_parent
from penchant.simulation.workspace import SETTINGS_FILE

__all__ = ["Outcome", "Simulate", "run_grid", "simulate_quietly"]

# Runs the simulation of these settings in a folder; the last says whether to continue one there.
Simulate = Callable[[SimulationSettings, Path, bool], None]


@dataclass(frozen=True)
class Outcome:
    """How the runs of a sweep went.

    Attributes:
        failures: why some could not be run, by name.
        stopped: what stopped the sweep before all had ended, a ``KeyboardInterrupt`` or a
            ``PenchantError``; None, if nothing did.
    """

    failures: Mapping[str, str]
    stopped: KeyboardInterrupt | PenchantError | None = None


def run_grid(
    runs: Mapping[str, SimulationSettings],
    folder: Path,
    *,
    jobs: int,
    simulate: Simulate,
    tell: Callable[[str], None],
) -> Outcome:
    """Run what has not ended yet of a sweep, cheapest first, until all have or it is stopped.

    Args:
        runs: settings by name; each has the folder of its name in ``folder``.
        folder: keeps the runs.
        jobs: how many processes run simulations; with 1, this one does.
        simulate: runs one; with more than one process, it must be importable.
        tell: told about each run, for people.

    Raises:
        ConfigurationError: a folder holds a run with other settings; nothing is run then.
    """
    left = {
        name: settings
        for name, settings in cheapest_first(runs).items()
        if not _has_ended(folder / name, settings)
    }
    tell(f"{len(runs)} runs, {len(runs) - len(left)} of them done")
    failures: dict[str, str] = {}
    try:
        for name, failure in _outcomes(left, folder, jobs=jobs, simulate=simulate):
            if failure is None:
                tell(f"{name}: done")
            else:
                tell(f"{name}: could not be run: {failure}")
                failures[name] = failure
    except (KeyboardInterrupt, PenchantError) as stopped:
        return Outcome(failures, stopped)
    return Outcome(failures)


def simulate_quietly(settings: SimulationSettings, folder: Path, resume: bool) -> None:
    """Run ``penchant simulate`` without a display."""
    from penchant.simulation.progress import Silent
    from penchant.simulation.run import simulate

    simulate(
        settings,
        folder,
        command=command_of(settings),
        tell=lambda _: None,
        observer=lambda _: Silent(),
        resume=resume,
    )


def _outcomes(
    left: Mapping[str, SimulationSettings], folder: Path, *, jobs: int, simulate: Simulate
) -> Iterator[tuple[str, str | None]]:
    """Give each run's name as it ends, with why it could not be run, or None."""
    tasks = {name: partial(_attempt, simulate, s, folder / name) for name, s in left.items()}
    if jobs == 1:
        for name, task in tasks.items():
            yield name, task()
        return
    # A forked process would share what torch and ONNX Runtime have started.
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_process) as pool:
        try:
            with _ctrl_c_held_back():
                names = {pool.submit(task): name for name, task in tasks.items()}
            for future in as_completed(names):
                yield names[future], future.result()
        except BrokenProcessPool as error:
            raise PenchantError(
                "a process of the sweep died (out of memory, perhaps); repeat the command to "
                "continue, with fewer --jobs"
            ) from error
        except KeyboardInterrupt:
            # What they have begun goes on after its last finished round when it is repeated.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Block SIGINT within, and for good in the processes that are started: this one ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_process() -> None:
    """Have a process of the sweep end with it, also where the sweep was killed."""
    threading.Thread(target=end_with_parent, daemon=True).start()


def _attempt(simulate: Simulate, settings: SimulationSettings, folder: Path) -> str | None:
    resume = (folder / SETTINGS_FILE).exists()
    if not resume and folder.exists():
        # A run that was killed before it wrote its settings has nothing but an empty state.
        shutil.rmtree(folder / "state", ignore_errors=True)
    try:
        simulate(settings, folder, resume)
    except PenchantError as error:
        return str(error)
    return None


def _has_ended(folder: Path, settings: SimulationSettings) -> bool:
    """Return whether a run of these settings has ended in a folder; another one is refused."""
    kept = folder / SETTINGS_FILE
    if not kept.exists():
        return False
    try:
        found = SimulationSettings.model_validate_json(kept.read_bytes())
    except ValidationError as error:
        raise ConfigurationError(f"{kept} is not a run's settings: give another --out") from error
    if found != settings:
        raise ConfigurationError(
            f"{folder} holds a run with other settings ({command_of(found)}); give another --out, "
            "or the flags that the sweep was started with"
        )
    return has_summary(folder)
