"""Runs over the same data, side by side, as one record."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penchant.shared.errors import ConfigurationError
from penchant.simulation.report.models import models_of
from penchant.simulation.report.record import Record
from penchant.simulation.report.summary import DatasetSize, Results, Summary, read_summary

__all__ = ["ComparedRun", "SideBySide", "side_by_side"]

Value = str | int | float | bool | None

# What a run was set to; the rest of a summary is what came of it.
_SETTINGS = {
    "preset",
    "fidelity",
    "rounds",
    "cohort",
    "shared_numbers",
    "privacy",
    "encoder",
    "versions",
    "seed",
}
# Popularity is counted from the training events and ranked without a draw, so that its metrics by
# full ranking agree between runs wherever the same events are held out of the same data.
_TOLERANCE = 1e-6


class ComparedRun(Record):
    """One of the runs.

    ``epsilon`` has what each private unit spent; it is empty without differential privacy.
    ``controls`` are by their titles.
    """

    name: str
    epsilon: dict[str, float]
    leak_suspected: bool
    test: Results
    controls: dict[str, Results]
    command: str


class SideBySide(Record):
    """Two runs or more over the same data.

    ``different`` has each setting that is not the same in all runs, with its value in each run, in
    their order; None where a run has no such setting.
    """

    dataset: DatasetSize
    protocol: str
    targets: str | None  # kinds of events that were held out, if not all
    people: int  # evaluated
    different: dict[str, list[Value]]
    runs: list[ComparedRun]


def side_by_side(folders: Sequence[Path]) -> SideBySide:
    """Read finished runs and put them side by side.

    Args:
        folders: output folders of at least two runs.

    Raises:
        ConfigurationError: there are fewer than two, one is given twice, or they are not over the
            same data, protocol and people.
        DataError: a folder holds no finished run.
    """
    if len(folders) < 2:
        raise ConfigurationError(
            f"{len(folders)} run is given; give the folders of two or more to compare"
        )
    resolved = [folder.resolve() for folder in folders]
    for place, folder in enumerate(resolved):
        if folder in resolved[:place]:
            raise ConfigurationError(f"{folders[place]} is given twice; give each run once")
    summaries = [read_summary(folder) for folder in folders]
    for folder, summary in zip(folders[1:], summaries[1:], strict=True):
        _require_same_data(folders[0], summaries[0], folder, summary)
    first = summaries[0]
    return SideBySide(
        dataset=first.dataset,
        protocol=first.protocol,
        targets=first.targets,
        people=first.evaluated_people or first.devices - first.dataset.training_only_people,
        different=_different([_settings(summary) for summary in summaries]),
        runs=[
            _compared(name, summary)
            for name, summary in zip(_names(resolved), summaries, strict=True)
        ],
    )


def _require_same_data(first: Path, one: Summary, second: Path, other: Summary) -> None:
    """Refuse runs whose figures do not answer the same question."""
    for what in ("dataset", "protocol", "targets", "devices", "evaluated_people", "negatives"):
        ours, theirs = getattr(one, what), getattr(other, what)
        if ours != theirs:
            raise ConfigurationError(
                f"{first} and {second} cannot be compared: {what.replace('_', ' ')} is "
                f"{_told(ours)} in the first and {_told(theirs)} in the second; give runs over "
                "the same data, by the same protocol"
            )
    ours, theirs = one.controls.popularity.full, other.controls.popularity.full
    if not all(
        math.isclose(getattr(ours, name), getattr(theirs, name), abs_tol=_TOLERANCE)
        for name in ("hr", "ndcg", "mrr")
    ):
        raise ConfigurationError(
            f"{first} and {second} cannot be compared: popularity, which depends on the data "
            f"alone, has NDCG@10 {ours.ndcg:.6f} in the first and {theirs.ndcg:.6f} in the second, "
            "so other events are held out; give runs over the same data (cold-start: and one seed)"
        )


def _told(value: object) -> str:
    if isinstance(value, DatasetSize):
        return (
            f"'{value.name}' ({value.people:,} people, {value.items:,} items, "
            f"{value.events:,} events)"
        )
    return "all" if value is None else str(value)


def _settings(summary: Summary) -> dict[str, Value]:
    """Return what a run was set to, flat."""
    flat: dict[str, Value] = {}

    def add(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                add(f"{name} {key}".replace("_", " "), inner)
        else:
            flat[name.replace("_", " ")] = value

    for name, value in summary.model_dump(mode="json", include=_SETTINGS).items():
        add(name, value)
    return flat


def _different(settings: Sequence[dict[str, Value]]) -> dict[str, list[Value]]:
    names = dict.fromkeys(name for found in settings for name in found)
    values = {name: [found.get(name) for found in settings] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' names, with as many of their parents' as it takes to tell them apart."""
    for parts in range(1, max(len(folder.parts) for folder in folders) + 1):
        names = ["/".join(folder.parts[-parts:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def _compared(name: str, summary: Summary) -> ComparedRun:
    privacy = summary.privacy
    if privacy.unit == "both":
        epsilon = {"user": privacy.user.epsilon, "event": privacy.event.epsilon}
    else:
        epsilon = {} if privacy.epsilon is None else {privacy.unit: privacy.epsilon}
    models = models_of(summary)
    test = models.pop("penchant")
    return ComparedRun(
        name=name,
        epsilon=epsilon,
        leak_suspected=summary.leak_check is not None and summary.leak_check.suspected,
        test=test,
        controls=models,
        command=summary.command,
    )
