"""What a device may spend; the app chooses it, and no server can change it."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penchant.shared.gaussian import default_delta

__all__ = ["LAB_BUDGET", "BudgetSettings"]

DAY = 86_400


class BudgetSettings(BaseModel):
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
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    window_days: float = Field(default=90.0, gt=0)
    contributions: int = Field(default=10, gt=0)
    separation_days: float = Field(default=7.0, ge=0)
    largest_clipping_norm: float = Field(default=1.0, gt=0)
    least_noise_multiplier: float = Field(default=4.0, gt=0)
    warn_epsilon: float = Field(default=4.0, gt=0)
    refuse_epsilon: float = Field(default=8.0, gt=0)
    population: int | None = Field(default=None, gt=0)
    clock_tolerance_hours: float = Field(default=24.0, ge=0)
    counts_only: bool = False

    @model_validator(mode="after")
    def _warns_before_it_refuses(self) -> Self:
        if self.warn_epsilon > self.refuse_epsilon:
            raise ValueError(
                f"warn_epsilon is {self.warn_epsilon} and refuse_epsilon {self.refuse_epsilon}; "
                "a warning after the refusal helps nobody, so set it lower"
            )
        return self

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
