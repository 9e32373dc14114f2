"""Contestants as processes of their own, each on the same work, taking turns."""

import json
import statistics
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peers.worker import Work
from rich.table import Table

__all__ = ["Contestant", "contest", "table_of"]

PEERS = Path(__file__).parent / "peers"
LARGEST_DIFFERENCE = 1e-4  # of the largest change; more is another algorithm


@dataclass(frozen=True)
class Contestant:
    """One that does the work.

    Args:
        name: for tables and figures.
        script: in the folder of peers.
        python: the interpreter of its environment.
    """

    name: str
    script: str
    python: Path


class _Process:
    """A contestant at its place, waiting for requests."""

    def __init__(self, contestant: Contestant, *, form: str, scratch: Path) -> None:
        self.name = contestant.name
        self.outcome = scratch / f"{contestant.name}.npz"
        command = [contestant.python, PEERS / contestant.script, scratch / "work.npz"]
        self._process = subprocess.Popen(
            [*map(str, command), str(self.outcome), form],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.versions: dict[str, str] = self._answer()

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def turn(
        self, *, rounds: int, noise: float, seconds: float, save: bool = False
    ) -> dict[str, float]:
        """Have the rounds trained, and return what that took."""
        request = {"rounds": rounds, "noise": noise, "seconds": seconds, "save": save}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with exit code {self._process.wait()}; see above")
        return json.loads(line)


def _changes(process: _Process, work: Work) -> list[np.ndarray]:
    """Return how the shared numbers and the private vectors changed."""
    with np.load(process.outcome) as found:
        shared = np.vstack([found["weights"], found["bias"]])
        vectors = found["vectors"]
    return [
        shared - np.vstack([work.weights, work.bias]),
        vectors - work.vectors[: len(vectors)],
    ]


def _difference(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Return the largest difference over the largest change, of shared and private numbers."""
    pairs = zip(found, expected, strict=True)
    return max(float(np.abs(f - e).max() / np.abs(e).max()) for f, e in pairs)


def contest(
    contestants: Sequence[Contestant],
    work: Work,
    *,
    form: str,
    noise: float,
    rounds: int,
    repeats: int,
    seconds: float,
    scratch: Path,
) -> tuple[dict[str, float], dict[str, str]]:
    """Time the contestants, and check that without noise they compute what the first does.

    The check is everybody's warm-up. Then they take turns.

    Returns:
        Figures by name, and the versions of what the contestants run on.

    Raises:
        SystemExit: one failed, or computed something else.
    """
    work.save(scratch / "work.npz")
    figures: dict[str, float] = {}
    with ExitStack() as stack:
        processes = [
            stack.enter_context(_Process(contestant, form=form, scratch=scratch))
            for contestant in contestants
        ]
        for process in processes:
            process.turn(rounds=rounds, noise=0.0, seconds=0.0, save=True)
            process.turn(rounds=rounds, noise=noise, seconds=0.0)
        expected = _changes(processes[0], work)
        for process in processes:
            difference = _difference(_changes(process, work), expected)
            if not difference <= LARGEST_DIFFERENCE:
                raise SystemExit(
                    f"{process.name} differs from {processes[0].name} by {difference:.1e} of the "
                    f"largest change, more than {LARGEST_DIFFERENCE}: they did not do the same work"
                )
            figures[f"{form}_{process.name}_relative_difference"] = difference
        answers: dict[str, list[dict[str, float]]] = {process.name: [] for process in processes}
        for _ in range(repeats):
            for process in processes:
                answers[process.name].append(
                    process.turn(rounds=rounds, noise=noise, seconds=seconds)
                )
        versions = {k: v for process in processes for k, v in process.versions.items()}
    speeds = {
        name: rounds * work.cohort / statistics.median(turn["seconds"] for turn in turns)
        for name, turns in answers.items()
    }
    ours = next(iter(speeds.values()))
    for name, turns in answers.items():
        figures[f"{form}_{name}_devices_per_second"] = speeds[name]
        figures[f"{form}_ours_over_{name}"] = ours / speeds[name]
        figures[f"{form}_{name}_peak_rss_mb"] = max(turn["rss_mb"] for turn in turns)
    return figures, versions


def table_of(
    figures: dict[str, float], contestants: Sequence[Contestant], *, form: str, title: str
) -> Table:
    """Return a contest's figures as a table for people."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for heading in ("devices/s", "ours is faster by", "peak RSS, MB", "differs by"):
        table.add_column(heading, justify="right")
    for name in (contestant.name for contestant in contestants):
        table.add_row(
            name,
            f"{figures[f'{form}_{name}_devices_per_second']:,.0f}",
            f"{figures[f'{form}_ours_over_{name}']:,.1f} x",
            f"{figures[f'{form}_{name}_peak_rss_mb']:,.0f}",
            f"{figures[f'{form}_{name}_relative_difference']:.1e}",
        )
    return table
