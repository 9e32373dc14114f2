"""The grid of a sweep: every combination of what is varied, as one simulation each."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from penchant.shared.errors import ConfigurationError
from penchant.simulation.settings import SimulationSettings

__all__ = ["Grid", "command_of", "parsed"]

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


@dataclass(frozen=True)
class Grid:
    """What a sweep varies, and what it leaves alone.

    Attributes:
        presets: which parts the ranker shares.
        epsilons: budgets; infinity is no differential privacy.
        cohorts: expected devices a round; None for the recipe's share.
        clips: clipping norms of updates; None for the recipe's.
        seeds: each combination is run with each.
        privacy: the unit of the finite epsilons.
        fixed: settings that all runs have in common, by name.
    """

    presets: Sequence[str]
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
        for preset, cohort, clip, epsilon, seed in product(
            self.presets, self.cohorts, self.clips, self.epsilons, self.seeds
        ):
            private = epsilon != math.inf
            settings = SimulationSettings.parse(
                {
                    **self.fixed,
                    "preset": preset,
                    "privacy": self.privacy if private else "none",
                    "epsilon": epsilon if private else None,
                    "delta": self.fixed.get("delta") if private else None,
                    "cohort": cohort,
                    "clip": clip,
                    "seed": seed,
                }
            )
            found[_name(settings)] = settings
        return found


def command_of(settings: SimulationSettings) -> str:
    """Return the command that runs a simulation with these settings."""
    given = settings.model_dump(mode="json", exclude_defaults=True)
    flags = [part for name, value in given.items() for part in (f"--{name}", str(value))]
    return shlex.join(["penchant", "simulate", *flags])


def _name(settings: SimulationSettings) -> str:
    private = settings.epsilon is not None
    parts = [
        settings.preset.value,
        f"{settings.privacy.value}-eps{_exact(settings.epsilon)}" if private else "no-privacy",
        "" if settings.cohort is None else f"cohort{settings.cohort}",
        "" if settings.clip is None else f"clip{_exact(settings.clip)}",
        f"seed{settings.seed}",
    ]
    return "-".join(part for part in parts if part)


def _exact(value: float | None) -> str:
    return str(value).removesuffix(".0")
