"""From what a run measured to its summary."""

import platform
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from penchant.simulation.comparison import Comparison
from penchant.simulation.conditions import cohort_of, privacy_of
from penchant.simulation.controls.popularity import Popularity
from penchant.simulation.evaluation import (
    Evaluation,
    chance,
    leak_suspected,
    leak_threshold,
    list_quality,
)
from penchant.simulation.fairness import served_groups
from penchant.simulation.report import Results, RoundRecord, Summary
from penchant.simulation.report.summary import (
    Controls,
    DatasetSize,
    Group,
    ImpressionScores,
    LeakCheck,
    Lists,
    Served,
    Throughput,
    TunedControl,
)
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.trial import Trial
from penchant.simulation.world import World

__all__ = ["Tested", "results", "summarise"]

K = 10
SAMPLED = "sampled99"
BOOTSTRAP_STREAM = 3
PACKAGES = ("penchant", "flwr", "numpy", "onnxruntime", "opacus", "torch", "dp-accounting")


@dataclass(frozen=True, eq=False)
class Tested:
    """What the end of a run measured.

    Attributes:
        validation: the trained ranker on the validation items.
        trial: what it was tested with.
        tests: the trained ranker at each test, by name, the main one first.
        comparison: the controls.
        no_federation: devices trained alone, on the test items of a sample of people, or None.
        no_federation_shuffled_texts: the same, with item texts that tell nothing.
    """

    validation: Evaluation
    trial: Trial
    tests: Mapping[str, Evaluation]
    comparison: Comparison
    no_federation: Evaluation | None
    no_federation_shuffled_texts: Evaluation | None

    @property
    def main(self) -> str:
        """Name of the main test."""
        return next(iter(self.tests))


def summarise(
    world: World,
    settings: SimulationSettings,
    rounds: list[RoundRecord],
    tested: Tested,
    *,
    kept_round: int,
    command: str,
    started: datetime,
) -> Summary:
    """Return the summary of a run whose rounds are ``rounds``.

    Args:
        world: what it started from.
        settings: what was asked.
        rounds: what happened in each round.
        tested: what the end of the run measured.
        kept_round: the round whose ranker was tested.
        command: how to run it again.
        started: when it began.
    """
    plan, split = world.plan, world.split
    devices, evaluated = split.training.n_people, len(split.people)
    seed = settings.seed
    return Summary(
        dataset=DatasetSize(
            name=world.dataset.name,
            people=world.dataset.n_people,
            items=world.dataset.n_items,
            events=world.dataset.n_events,
            training_only_people=split.n_training_only,
            repeats_dropped=split.n_repeats,
            items_without_text=sum(not text.strip() for text in world.dataset.item_texts),
        ),
        devices=devices,
        evaluated_people=None if evaluated == devices else evaluated,
        preset=settings.preset.value,
        fidelity=settings.fidelity.value,
        protocol=settings.protocol.value,
        targets=settings.targets,
        negatives=int(tested.tests[tested.main].ranks[SAMPLED].candidates[0]) - 1,
        rounds=plan.rounds.rounds,
        kept_round=None if kept_round == plan.rounds.rounds else kept_round,
        cohort=cohort_of(plan),
        shared_numbers=world.scorer.ranker.settings.size,
        privacy=privacy_of(plan),
        validation=results(tested.validation, seed=seed),
        test=_tested(tested, tested.tests[tested.main], seed=seed),
        controls=_controls(tested, seed=seed),
        leak_check=_leak_check(tested.no_federation_shuffled_texts),
        groups=_groups(tested, seed=seed),
        served=_served(tested, seed=seed),
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
    found = Results.model_validate(evaluation.as_dict(bootstrap_rng=rng))
    shown = evaluation.impressions
    if shown is None:
        return found
    scores: dict[str, object] = {**shown.as_dict(), "impressions": len(shown.values)}
    if rng is not None:
        scores["interval"] = shown.intervals(rng=rng)
    return found.model_copy(update={"impressions": ImpressionScores.model_validate(scores)})


def _tested(tested: Tested, evaluation: Evaluation, *, seed: int) -> Results:
    """Return a model's results at the main test, with the qualities of its lists."""
    found = results(evaluation, seed=seed)
    if evaluation.lists is None:
        return found
    material = tested.trial.material
    quality = list_quality(
        evaluation.lists,
        evaluation.people,
        tested.trial.tests[tested.main].split,
        material.embeddings,
        material.popularity,
        counted=len(material.people),
        stage="test",
    )
    return found.model_copy(update={"lists": Lists.model_validate(quality.as_dict())})


def _controls(tested: Tested, *, seed: int) -> Controls:
    found = {
        name: TunedControl(
            title=control.title,
            setting=dict(control.setting),
            tried=control.tried,
            validation=results(control.validation),
            test=_tested(tested, control.tests[tested.main], seed=seed),
        )
        for name, control in tested.comparison.controls.items()
    }
    popularity = found.pop(Popularity.name)
    alone, shuffled = tested.no_federation, tested.no_federation_shuffled_texts
    return Controls(
        popularity=popularity.test,
        no_federation=None if alone is None else results(alone, seed=seed),
        no_federation_shuffled_texts=None if shuffled is None else results(shuffled, seed=seed),
        tuned=found,
        left_out=dict(tested.comparison.left_out),
    )


def _groups(tested: Tested, *, seed: int) -> dict[str, Group]:
    """Return the tests apart from each other, where there are several."""
    if len(tested.tests) == 1:
        return {}
    return {
        name: Group(
            people=len(evaluation.people),
            test=results(evaluation, seed=seed),
            controls={
                control.title: results(control.tests[name], seed=seed)
                for control in tested.comparison.controls.values()
            },
        )
        for name, evaluation in tested.tests.items()
    }


def _served(tested: Tested, *, seed: int) -> dict[str, Served]:
    """Return the main test of some of the people, beside popularity's."""
    ours = tested.tests[tested.main]
    popularity = tested.comparison.controls[Popularity.name].tests[tested.main]
    return {
        name: Served(
            people=int(chosen.sum()),
            test=results(ours.among(chosen), seed=seed).full,
            popularity=results(popularity.among(chosen), seed=seed).full,
        )
        for name, chosen in served_groups(ours, tested.trial.tests[tested.main].split).items()
    }


def _leak_check(control: Evaluation | None) -> LeakCheck | None:
    if control is None:
        return None
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
