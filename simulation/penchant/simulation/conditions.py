"""Under which conditions a run was made: who took part in a round, and what was promised."""

from penchant.server.aggregations import AggregationName
from penchant.shared.accounting import ACCOUNTANT
from penchant.simulation.plan import Plan
from penchant.simulation.report.summary import (
    BothUnits,
    Cohort,
    EventPrivacy,
    Guarantee,
    NoPrivacy,
    Privacy,
    UserPrivacy,
)

__all__ = ["EVENT_ADVERSARY", "USER_ADVERSARY", "cohort_of", "privacy_of"]

USER_ADVERSARY = "whoever gets the released rankers, other participants included"
EVENT_ADVERSARY = "whoever sees a device's updates, the server included"


def cohort_of(plan: Plan) -> Cohort:
    """Return how the devices of a round are drawn, and how their updates become one."""
    rounds, name = plan.rounds, plan.rounds.aggregation
    return Cohort(
        mean_size=rounds.expected_cohort,
        sampling_probability=rounds.sampling_probability,
        cap=rounds.cohort_cap,
        dropout=plan.dropout,
        over_selection=rounds.over_selection,
        aggregation=name.value,
        trimmed_share=rounds.trimmed_share if name is AggregationName.TRIMMED_MEAN else None,
        assumed_malicious=rounds.assumed_malicious if name is AggregationName.KRUM else None,
    )


def privacy_of(plan: Plan) -> Privacy:
    """Return what a whole run promises, and to whom."""
    user, event = _user_guarantee(plan), _event_guarantee(plan)
    if user is not None and event is not None:
        return BothUnits(event=event, user=user)
    if user is not None:
        return UserPrivacy(**dict(user))
    if event is not None:
        return EventPrivacy(**dict(event))
    return NoPrivacy(clipping_norm=plan.rounds.training.clipping_norm)


def _user_guarantee(plan: Plan) -> Guarantee | None:
    epsilon, norm = plan.user_epsilon(plan.rounds.rounds), plan.rounds.training.clipping_norm
    if epsilon is None or norm is None:
        return None
    return Guarantee(
        epsilon=epsilon,
        delta=plan.delta,
        noise_multiplier=plan.rounds.noise_multiplier,
        clipping_norm=norm,
        accountant=ACCOUNTANT,
        adversary=USER_ADVERSARY,
    )


def _event_guarantee(plan: Plan) -> Guarantee | None:
    epsilon, privacy = plan.event_epsilon(plan.rounds.rounds), plan.rounds.training.event_privacy
    if epsilon is None or privacy is None:
        return None
    return Guarantee(
        epsilon=epsilon,
        delta=plan.delta,
        noise_multiplier=privacy.noise_multiplier,
        clipping_norm=privacy.clipping_norm,
        accountant=ACCOUNTANT,
        adversary=EVENT_ADVERSARY,
    )
