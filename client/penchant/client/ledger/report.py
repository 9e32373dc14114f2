"""What has been spent and what is left, in numbers and in plain words."""

import math
from dataclasses import dataclass
from functools import lru_cache

from penchant.client.ledger.rules import Standing, day_of, waiting
from penchant.client.ledger.settings import BudgetSettings
from penchant.shared.gaussian import gaussian_epsilon, gaussian_rho

__all__ = ["PrivacyReport", "Spending", "report_of"]


@dataclass(frozen=True)
class Spending:
    """What was spent against one adversary in the window.

    Attributes:
        rho: zCDP.
        epsilon: exact, at the report's delta.
        left: rho that may still be spent.
        warning: epsilon is above what the app warns at.
    """

    rho: float
    epsilon: float
    left: float
    warning: bool


@dataclass(frozen=True)
class PrivacyReport:
    """Where a device's privacy budget stands; ``str()`` says it in plain words.

    Attributes:
        settings: the budget.
        contributions: updates sent, or cleared to be sent, in the window.
        contributions_ever: since the ledger began.
        contributions_left: how many more the window has room for, at the least noise allowed and
            without measures, which go along only where there is room for both.
        unprotected: those in the window that carried no noise of the device's own.
        measures: contributions in the window that told how well the ranker had served.
        released: everything the person did, against whoever receives released rankers and sees
            the means of measures.
        server: one event, against the server, over the updates that the device noised.
        waits_until: nothing leaves before, unix seconds; None if something may leave now.
        waits_because: why, in words.
        agreed: whether the person agrees to take part.
    """

    settings: BudgetSettings
    contributions: int
    contributions_ever: int
    contributions_left: int
    unprotected: int
    measures: int
    released: Spending
    server: Spending
    waits_until: int | None
    waits_because: str
    agreed: bool

    def __str__(self) -> str:
        """Return the report in plain words, one sentence a line."""
        settings = self.settings
        days, delta = f"{settings.window_days:g} days", f"{settings.delta:g}"
        lines = []
        if settings.counts_only:
            lines.append(
                "LAB SETTINGS: this ledger counts and refuses nothing; not for a person's data."
            )
        if not self.agreed:
            lines.append("Nothing leaves this device: nobody has agreed to it.")
        lines.append(
            f"In the last {days} this device sent {_updates(self.contributions)} of at most "
            f"{settings.contributions}; there is room for {self.contributions_left} more."
        )
        if self.measures:
            lines.append(
                f"With {_updates(self.measures)} went a measure of how well the recommendations "
                "you were given foretold what you did; what follows counts it in."
            )
        if self.waits_until is not None:
            lines.append(f"Nothing leaves before {day_of(self.waits_until)}: {self.waits_because}.")
        lines.append(
            "Whoever receives the shared models that were released: whether you took part at all, "
            f"with everything you did here, is hidden to within epsilon {_number(self.released)} "
            f"at delta {delta}, if the server adds the noise it states; at most "
            f"{settings.refuse_epsilon:g} is allowed."
        )
        lines.append(self._server_sentence(delta))
        lines.extend(
            f"WARNING: epsilon against {whom} is above {settings.warn_epsilon:g}."
            for whom, spent in (
                ("whoever receives released models", self.released),
                ("the server", self.server),
            )
            if spent.warning
        )
        return "\n".join(lines)

    def _server_sentence(self, delta: str) -> str:
        own = self.contributions - self.unprotected
        parts = []
        if self.unprotected:
            carried = "1 update" if self.unprotected == 1 else f"{self.unprotected} updates"
            parts.append(
                f"{carried} carried no noise of this device, so against a server that looks "
                "nothing is promised and only its honesty hides what you did"
            )
        if own or not self.unprotected:
            others = "the others hide" if self.unprotected else "what was sent hides"
            parts.append(
                f"{others} any single thing you did to within epsilon {_number(self.server)} at "
                f"delta {delta}, even if the server looks and lies"
            )
        return f"The server itself: {'; '.join(parts)}."


def report_of(
    standing: Standing, settings: BudgetSettings, *, ever: int, agreed: bool
) -> PrivacyReport:
    """Return the report on where a purpose stands.

    Args:
        standing: where it stands.
        settings: the budget.
        ever: contributions since the ledger began.
        agreed: whether the person agrees to it.
    """
    released = _spending(standing.released_rho, settings)
    each = gaussian_rho(noise_multiplier=settings.least_noise_multiplier)
    # A hair more than is left must not count as one contribution fewer.
    fitting = math.floor(released.left / each + 1e-6)
    room = min(settings.contributions - len(standing.contributions), fitting)
    held = waiting(standing, settings)
    return PrivacyReport(
        settings=settings,
        contributions=len(standing.contributions),
        contributions_ever=ever,
        contributions_left=max(0, room),
        unprotected=standing.unprotected,
        measures=len(standing.measures),
        released=released,
        server=_spending(standing.server_rho, settings),
        waits_until=None if held is None else held[0],
        waits_because="" if held is None else held[1],
        agreed=agreed,
    )


def _spending(rho: float, settings: BudgetSettings) -> Spending:
    epsilon = gaussian_epsilon(rho, delta=settings.delta)
    left = max(0.0, _allowed_rho(settings) - rho)
    return Spending(rho, epsilon, left, warning=epsilon > settings.warn_epsilon)


@lru_cache(maxsize=16)
def _allowed_rho(settings: BudgetSettings) -> float:
    """Return the rho at which epsilon reaches what is refused."""
    low, high = 0.0, settings.refuse_epsilon  # epsilon is above rho
    while high - low > 1e-9 * high:
        middle = (low + high) / 2.0
        if gaussian_epsilon(middle, delta=settings.delta) <= settings.refuse_epsilon:
            low = middle
        else:
            high = middle
    return low


def _number(spent: Spending) -> str:
    return f"{spent.epsilon:.2f}" if math.isfinite(spent.epsilon) else "infinity (nothing)"


def _updates(count: int) -> str:
    return "1 update" if count == 1 else f"{count} updates"
