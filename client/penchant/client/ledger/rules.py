"""The rules of a budget: whether one more contribution fits, and what is left."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penchant.client.ledger.costs import Cost, cost_of, measure_cost_of
from penchant.client.ledger.settings import BudgetSettings
from penchant.shared.gaussian import gaussian_epsilon

if TYPE_CHECKING:
    from penchant.shared.contract import TrainingTask

__all__ = ["Contribution", "Standing", "day_of", "held_back", "refusal", "waiting"]


@dataclass(frozen=True)
class Contribution:
    """An update or a measure that has left the device, or was cleared to leave.

    Attributes:
        time: unix seconds.
        cost: what it cost.
    """

    time: int
    cost: Cost


@dataclass(frozen=True)
class Standing:
    """Where a purpose stands.

    Attributes:
        now: unix seconds.
        contributions: those of the window, oldest first.
        last: unix seconds of the latest contribution ever, or None.
        measures: of rankers that were given, in the window, oldest first; each left with an update.
        frozen_until: nothing leaves before this time, unix seconds; 0 if nothing holds it.
        frozen_because: why.
    """

    now: int
    contributions: Sequence[Contribution]
    last: int | None
    measures: Sequence[Contribution] = ()
    frozen_until: int = 0
    frozen_because: str = ""

    @property
    def frozen(self) -> bool:
        """Whether the ledger waits."""
        return self.now < self.frozen_until

    @property
    def released_rho(self) -> float:
        """Spent against whoever sees what is released: rankers, and means of measures."""
        return math.fsum(one.cost.released for one in (*self.contributions, *self.measures))

    @property
    def server_rho(self) -> float:
        """Spent against the server by updates that the device noised itself."""
        return math.fsum(
            one.cost.server for one in self.contributions if math.isfinite(one.cost.server)
        )

    @property
    def unprotected(self) -> int:
        """How many updates left without noise of the device's own."""
        return sum(math.isinf(one.cost.server) for one in self.contributions)


def day_of(time: int) -> str:
    """Return unix seconds as a date and time in UTC, for people."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return f"{time} s after 1970"


def waiting(standing: Standing, settings: BudgetSettings) -> tuple[int, str] | None:
    """Return until when nothing may leave, whatever is asked, and why; None if something may."""
    if settings.counts_only:
        return None
    if standing.frozen:
        return (
            standing.frozen_until,
            f"the ledger waits for a whole window: {standing.frozen_because}",
        )
    ends = []
    if standing.last is not None:
        ends.append(
            (
                standing.last + settings.separation,
                f"contributions are {settings.separation_days:g} days apart",
            )
        )
    if len(standing.contributions) >= settings.contributions:
        oldest = standing.contributions[-settings.contributions].time
        ends.append(
            (
                oldest + settings.window,
                f"{settings.contributions} contributions in {settings.window_days:g} days are all "
                "that may be",
            )
        )
    until, why = max(ends, default=(0, ""))
    return (until, why) if until > standing.now else None


def held_back(until: int, why: str) -> str:
    """Return what ``waiting`` found in words."""
    return f"{why}; nothing leaves before {day_of(until)}"


def refusal(
    task: "TrainingTask",
    standing: Standing,
    settings: BudgetSettings,
    *,
    trusts_server: bool,
    measured: bool = False,
) -> str | None:
    """Return why ``task`` is refused, or None if its answer may leave.

    Args:
        task: what is asked; its own words about privacy are only ever held against it.
        standing: where its purpose stands.
        settings: the budget.
        trusts_server: the person lets the server see updates before noise, so that what the device
            adds itself is not what protects it from the server.
        measured: the answer holds a measure of the ranker too.
    """
    if settings.counts_only:
        return None
    held = waiting(standing, settings)
    if held is not None:
        return held_back(*held)
    clipping_norm = task.training.clipping_norm
    if clipping_norm is None or clipping_norm > settings.largest_clipping_norm:
        return (
            f"the task clips updates to {clipping_norm}; this device allows a norm of at most "
            f"{settings.largest_clipping_norm:g}"
        )
    if task.noise_multiplier < settings.least_noise_multiplier:
        return (
            f"the task's server adds noise of multiplier {task.noise_multiplier:g}; this device "
            f"wants at least {settings.least_noise_multiplier:g}"
        )
    measure_noise = task.measure_noise_multiplier
    if measured and (measure_noise or 0.0) < settings.least_noise_multiplier:
        return (
            f"the task's server adds noise of multiplier {measure_noise} to measures; this device "
            f"wants at least {settings.least_noise_multiplier:g}"
        )
    cost = _whole_cost(task, measured=measured)
    reasons = [(standing.released_rho + cost.released, "whoever receives released rankers")]
    if not trusts_server:
        reasons.append((standing.server_rho + cost.server, "the server"))
    for rho, whom in reasons:
        epsilon = gaussian_epsilon(rho, delta=settings.delta)
        if epsilon > settings.refuse_epsilon:
            return (
                f"epsilon against {whom} would be {epsilon:.2f} in {settings.window_days:g} days "
                f"at delta {settings.delta:g}; this device allows {settings.refuse_epsilon:g}"
            )
    return None


def _whole_cost(task: "TrainingTask", *, measured: bool) -> Cost:
    update = cost_of(task)
    if not measured:
        return update
    measure = measure_cost_of(task)
    return Cost(update.released + measure.released, update.server + measure.server)
