"""From what a run measured to its summary."""

import platform
import resource
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from penchant.shared.accounting import ACCOUNTANT
from penchant.simulation.evaluation import Evaluation, chance, leak_suspected, leak_threshold
from penchant.simulation.plan import Plan
from penchant.simulation.report import Results, RoundRecord, Summary
from penchant.simulation.report.summary import (
    BothUnits,
    Cohort,
    Controls,
    DatasetSize,
    EventPrivacy,
    Guarantee,
    LeakCheck,
    NoPrivacy,
    Privacy,
    Throughput,
    UserPrivacy,
)
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.world import World

__all__ = ["Tested", "results", "summarise"]

K = 10
SAMPLED = "sampled99"
BOOTSTRAP_STREAM = 3
PACKAGES = ("penchant", "flwr", "numpy", "onnxruntime", "opacus", "torch", "dp-accounting")
USER_ADVERSARY = "whoever gets the released rankers, other participants included"
EVENT_ADVERSARY = "whoever sees a device's updates, the server included"


@dataclass(frozen=True, eq=False)
class Tested:
    """What the end of a run measured.

    Attributes:
        validation: the trained ranker on the validation items.
        test: the trained ranker on the test items.
        popularity: the popularity control on the test items.
        content_similarity: the content similarity control on the test items.
        no_federation: devices trained alone, on the test items of a sample of people.
        no_federation_shuffled_texts: the same, with item texts that tell nothing.
    """

    validation: Evaluation
    test: Evaluation
    popularity: Evaluation
    content_similarity: Evaluation
    no_federation: Evaluation
    no_federation_shuffled_texts: Evaluation


def summarise(
    world: World,
    settings: SimulationSettings,
    rounds: list[RoundRecord],
    tested: Tested,
    *,
    command: str,
    started: datetime,
) -> Summary:
    """Return the summary of a run whose rounds are ``rounds``.

    Args:
        world: what it started from.
        settings: what was asked.
        rounds: what happened in each round.
        tested: what the end of the run measured.
        command: how to run it again.
        started: when it began.
    """
    plan, split = world.plan, world.split
    evaluated = len(split.people)
    seed = settings.seed
    return Summary(
        dataset=DatasetSize(
            name=world.dataset.name,
            people=world.dataset.n_people,
            items=world.dataset.n_items,
            events=world.dataset.n_events,
            training_only_people=split.n_training_only,
            repeats_dropped=split.n_repeats,
        ),
        devices=world.dataset.n_people,
        evaluated_people=None if evaluated == world.dataset.n_people else evaluated,
        preset=settings.preset.value,
        fidelity=settings.fidelity.value,
        rounds=plan.rounds.rounds,
        cohort=Cohort(
            mean_size=plan.rounds.expected_cohort,
            sampling_probability=plan.rounds.sampling_probability,
            cap=plan.rounds.cohort_cap,
        ),
        shared_numbers=world.scorer.ranker.settings.size,
        privacy=_privacy(plan),
        validation=results(tested.validation, seed=seed),
        test=results(tested.test, seed=seed),
        controls=Controls(
            popularity=results(tested.popularity, seed=seed),
            no_federation=results(tested.no_federation, seed=seed),
            no_federation_shuffled_texts=results(tested.no_federation_shuffled_texts, seed=seed),
            content_similarity=results(tested.content_similarity, seed=seed),
        ),
        leak_check=_leak_check(tested.no_federation_shuffled_texts),
        encoder=world.encoder,
        throughput=_throughput(rounds),
        versions={
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        seed=seed,
        command=command,
        started=started,
        finished=datetime.now(UTC),
    )


def results(evaluation: Evaluation, *, seed: int | None = None) -> Results:
    """Return an evaluation's metrics, with bootstrap intervals if a seed for them is given."""
    rng = None if seed is None else np.random.default_rng([seed, BOOTSTRAP_STREAM])
    return Results.model_validate(evaluation.as_dict(bootstrap_rng=rng))


def _privacy(plan: Plan) -> Privacy:
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


def _leak_check(control: Evaluation) -> LeakCheck:
    hits, people = control.hits(SAMPLED), len(control.people)
    at_chance = chance(k=K, candidates=int(control.ranks[SAMPLED].candidates[0]))
    return LeakCheck(
        suspected=leak_suspected(hits, people, chance=at_chance),
        hits=hits,
        people=people,
        threshold=leak_threshold(people=people, chance=at_chance),
    )


def _throughput(rounds: list[RoundRecord]) -> Throughput:
    seconds = sum(record.seconds for record in rounds)
    devices = sum(record.devices + record.rejected for record in rounds)
    # Linux counts in kilobytes, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return Throughput(
        devices_per_second=devices / seconds,
        seconds_per_round=seconds / len(rounds),
        peak_rss_mb=peak / 1e6,
    )
