"""The grid of a sweep: every combination of what is varied, as one simulation each."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.synthetic import SYNTHETIC, PopulationSettings
from penchant.simulation.flags import command_with
from penchant.simulation.recipes import recipe
from penchant.simulation.settings import SimulationSettings

__all__ = ["Grid", "cheapest_first", "command_of", "parsed", "whole"]

T = TypeVar("T")


def parsed(flag: str, text: str, of: Callable[[str], T]) -> tuple[T, ...]:
    """Read a list such as ``1,2,inf``.

    Args:
        flag: where it comes from, for the error.
        text: values between commas.
        of: reads one.

    Raises:
        ConfigurationError: a value cannot be read, or is given twice.
    """
    found: list[T] = []
    for part in (part.strip() for part in text.split(",")):
        try:
            value = of(part)
        except ValueError as error:
            raise ConfigurationError(
                f"{flag} is '{text}'; '{part}' in it is not usable: give values between commas"
            ) from error
        if value in found:
            raise ConfigurationError(f"{flag} is '{text}'; {part} is given twice: give it once")
        found.append(value)
    return tuple(found)


def whole(text: str) -> int:
    """Read a whole number, which may be written ``1e6``.

    Raises:
        ValueError: it is none.
    """
    value = float(text)
    if not value.is_integer():
        raise ValueError(f"{text} is not a whole number")
    return int(value)


@dataclass(frozen=True)
class Grid:
    """What a sweep varies, and what it leaves alone.

    Attributes:
        presets: which parts the ranker shares.
        populations: devices: so many people are generated, or are the data set's first; None for
            all of the data set.
        epsilons: budgets; infinity is no differential privacy.
        cohorts: expected devices a round; None for the recipe's share.
        clips: clipping norms of updates; None for the recipe's.
        seeds: each combination is run with each.
        privacy: the unit of the finite epsilons.
        fixed: settings that all runs have in common, by name.
    """

    presets: Sequence[str]
    populations: Sequence[int | None]
    epsilons: Sequence[float]
    cohorts: Sequence[int | None]
    clips: Sequence[float | None]
    seeds: Sequence[int]
    privacy: str
    fixed: Mapping[str, object]

    def runs(self) -> dict[str, SimulationSettings]:
        """Return the settings of every run by its name, which is that of its folder.

        Raises:
            ConfigurationError: a value is not usable.
        """
        found = {}
        for preset, population, cohort, clip, epsilon, seed in product(
            self.presets, self.populations, self.cohorts, self.clips, self.epsilons, self.seeds
        ):
            private = epsilon != math.inf
            settings = SimulationSettings.parse(
                {
                    **self.fixed,
                    **self._people(population),
                    "preset": preset,
                    "privacy": self.privacy if private else "none",
                    "epsilon": epsilon if private else None,
                    "delta": self.fixed.get("delta") if private else None,
                    "cohort": cohort,
                    "clip": clip,
                    "seed": seed,
                }
            )
            found[_name(settings, population)] = settings
        return found

    def _people(self, population: int | None) -> dict[str, object]:
        """Return the settings that make a population of so many devices."""
        if population is None:
            return {}
        if self.fixed.get("devices") is not None:
            raise ConfigurationError(
                "--devices and --population both say how many people there are; give one of them"
            )
        dataset = str(self.fixed.get("dataset") or "")
        if dataset.partition(":")[0] != SYNTHETIC:
            return {"devices": population}
        if re.search(r"[:,]\s*devices\s*=", dataset):
            raise ConfigurationError(
                f"--dataset is '{dataset}', and --population says how many devices there are; "
                "leave devices= out"
            )
        return {"dataset": PopulationSettings.parse(dataset).of_size(population).name}


def cheapest_first(runs: Mapping[str, SimulationSettings]) -> dict[str, SimulationSettings]:
    """Return the runs in order of how many devices they train in all, those without privacy first.

    So a sweep that is stopped has whole populations, each with what its losses are measured from.
    """
    return dict(sorted(runs.items(), key=lambda run: (_cost(run[1]), run[1].epsilon is not None)))


def _cost(settings: SimulationSettings) -> float:
    """Return the devices that a run trains, counting a data set of unknown size as one device."""
    chosen = recipe(settings.preset, settings.privacy)
    if settings.dataset.partition(":")[0] == SYNTHETIC:
        people = PopulationSettings.parse(settings.dataset).devices
        people = min(people, settings.devices or people)
    else:
        people = settings.devices or 1
    cohort = settings.cohort or chosen.sampling_probability * people
    return (settings.rounds or chosen.rounds) * cohort


def command_of(settings: SimulationSettings) -> str:
    """Return the command that runs a simulation with these settings."""
    return command_with(
        "penchant simulate", settings.model_dump(mode="json", exclude_defaults=True)
    )


def _name(settings: SimulationSettings, population: int | None) -> str:
    private = settings.epsilon is not None
    parts = [
        settings.preset.value,
        f"{settings.privacy.value}-eps{_exact(settings.epsilon)}" if private else "no-privacy",
        "" if population is None else f"people{population}",
        "" if settings.cohort is None else f"cohort{settings.cohort}",
        "" if settings.clip is None else f"clip{_exact(settings.clip)}",
        f"seed{settings.seed}",
    ]
    return "-".join(part for part in parts if part)


def _exact(value: float | None) -> str:
    return str(value).removesuffix(".0")
