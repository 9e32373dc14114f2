"""What a device may spend; the app chooses it, and no server can change it."""

import math
from dataclasses import dataclass

from penchant.shared.errors import ConfigurationError
from penchant.shared.gaussian import default_delta

__all__ = ["LAB_BUDGET", "BudgetSettings", "require_within"]

DAY = 86_400


def require_within(
    name: str, value: object, *, low: float, high: float = math.inf, above: bool = False
) -> None:
    """Refuse a setting that is not a finite number from ``low`` to ``high``.

    Args:
        name: of the setting.
        value: of the setting.
        low: the least it may be.
        high: the most it may be.
        above: it must be more than ``low``.

    Raises:
        ConfigurationError: it is not.
    """
    number = isinstance(value, int | float) and math.isfinite(value)
    if not number or not low <= value <= high or (above and value == low):  # type: ignore[operator]
        least = "above" if above else "at least"
        most = f" and at most {high:g}" if math.isfinite(high) else ""
        raise ConfigurationError(f"{name} is {value!r}; it must be {least} {low:g}{most}")


@dataclass(frozen=True, kw_only=True)
class BudgetSettings:
    """The budget of each purpose over a rolling window.

    Attributes:
        window_days: length of the window.
        contributions: how many updates may leave in any window.
        separation_days: least time between two of them.
        largest_clipping_norm: tasks that clip the whole update less tightly are refused.
        least_noise_multiplier: tasks whose server says it adds less noise are refused.
        warn_epsilon: the report warns above it.
        refuse_epsilon: a task that would lead above it is refused.
        population: how many people a cohort is drawn from, as the app knows it, for delta; no
            server is asked.
        clock_tolerance_hours: how far back the clock may go without being noticed; a system that
            keeps local time in its clock may be 14 hours off.
        counts_only: write everything down and refuse nothing but for want of consent. For trials
            with made-up people on one machine, never for a person.

    Raises:
        ConfigurationError: a number is out of range, or the warning would come after the refusal.
    """

    window_days: float = 90.0
    contributions: int = 10
    separation_days: float = 7.0
    largest_clipping_norm: float = 1.0
    least_noise_multiplier: float = 4.0
    warn_epsilon: float = 4.0
    refuse_epsilon: float = 8.0
    population: int | None = None
    clock_tolerance_hours: float = 24.0
    counts_only: bool = False

    def __post_init__(self) -> None:
        for name in ("separation_days", "clock_tolerance_hours"):
            require_within(name, getattr(self, name), low=0.0)
        for name in (
            "window_days",
            "largest_clipping_norm",
            "least_noise_multiplier",
            "warn_epsilon",
            "refuse_epsilon",
        ):
            require_within(name, getattr(self, name), low=0.0, above=True)
        for name in ("contributions", "population"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigurationError(f"{name} is {value!r}; it must be a whole number above 0")
        if self.warn_epsilon > self.refuse_epsilon:
            raise ConfigurationError(
                f"warn_epsilon is {self.warn_epsilon} and refuse_epsilon {self.refuse_epsilon}; "
                "a warning after the refusal helps nobody, so set it lower"
            )

    @property
    def delta(self) -> float:
        """Delta of every epsilon: min(1e-6, N^-1.1)."""
        return default_delta(self.population or 1)

    @property
    def window(self) -> int:
        """Length of the window in seconds."""
        return round(self.window_days * DAY)

    @property
    def separation(self) -> int:
        """Least time between two contributions in seconds."""
        return round(self.separation_days * DAY)

    @property
    def clock_tolerance(self) -> int:
        """How far back the clock may go, in seconds."""
        return round(self.clock_tolerance_hours * 3600)


# Counts and refuses nothing: for simulations and trials on one machine. NOT FOR A PERSON.
LAB_BUDGET = BudgetSettings(counts_only=True)
