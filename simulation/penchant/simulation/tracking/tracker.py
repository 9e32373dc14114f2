"""What a tracker of runs is, and what it is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from penchant.simulation.report.rounds import ROUNDS_FILE, RoundRecord
from penchant.simulation.report.summary import SUMMARY_FILE, Results, Summary
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.workspace import SETTINGS_FILE

if TYPE_CHECKING:
    from penchant.simulation.plan import Plan

__all__ = ["ARTIFACTS", "Start", "Tracker", "metrics_of_end", "metrics_of_round"]

ARTIFACTS = ("report.html", SUMMARY_FILE, SETTINGS_FILE, ROUNDS_FILE)


@dataclass(frozen=True)
class Start:
    """What a run starts with.

    Attributes:
        folder: the run's.
        settings: what was asked.
        plan: what settings, recipe and budget together fix.
        shared_numbers: how many numbers leave a device in a round.
        command: how to run it again.
    """

    folder: Path
    settings: SimulationSettings
    plan: "Plan"
    shared_numbers: int
    command: str

    def parameters(self) -> dict[str, str]:
        """Return every setting that has a value, and what came of them, by name."""
        asked = self.settings.model_dump(mode="json")
        rounds, event = self.plan.rounds, self.plan.rounds.training.event_privacy
        private = self.settings.epsilon is not None
        reckoned: Mapping[str, object] = {
            "rounds": rounds.rounds,
            "population": rounds.population,
            "expected_cohort": rounds.expected_cohort,
            "shared_numbers": self.shared_numbers,
            "clipping_norm": rounds.training.clipping_norm,
            "delta": self.plan.delta if private else None,
            "noise_multiplier": rounds.noise_multiplier or None,
            "event_noise_multiplier": None if event is None else event.noise_multiplier,
            "event_clipping_norm": None if event is None else event.clipping_norm,
        }
        every = {**asked, **reckoned}
        return {name: str(value) for name, value in every.items() if value is not None}


class Tracker(Protocol):
    """Keeps one run. An interrupted run that is begun again is the same run."""

    def begin(self, start: Start) -> None:
        """Begin, before the first round, or where an interrupted run goes on.

        Raises:
            ConfigurationError: what keeps runs cannot be reached.
        """

    def round_finished(self, record: RoundRecord) -> None:
        """Keep a round. One that is kept already may come again, and is kept once."""

    def end(self, summary: Summary, folder: Path) -> None:
        """Keep what came out, and close."""

    def stop(self, *, interrupted: bool) -> None:
        """Close a run that did not end: interrupted, or failed."""


def metrics_of_round(record: RoundRecord) -> dict[str, float]:
    """Return what a round measured, by name; what it did not is left out."""
    found: dict[str, float | None] = {
        "loss": record.loss,
        "devices": record.devices,
        "rejected": record.rejected,
        "epsilon": record.epsilon,
        "event_epsilon": record.event_epsilon,
        "seconds": record.seconds,
    }
    measured = {name: float(value) for name, value in found.items() if value is not None}
    return measured | dict(_named("validation", record.validation))


def metrics_of_end(summary: Summary) -> dict[str, float]:
    """Return the test's metrics with their intervals, and popularity's, by name."""
    return dict(_named("test", summary.test)) | dict(
        _named("popularity", summary.controls.popularity)
    )


def _named(what: str, results: Results | None) -> Iterator[tuple[str, float]]:
    # No @, which MLflow refuses in a name.
    if results is None:
        return
    for protocol, scores in (("full", results.full), ("sampled99", results.sampled99)):
        for name, value in (("hr_at_10", scores.hr), ("ndcg_at_10", scores.ndcg)):
            yield f"{what}/{protocol}/{name}", value
            bounds = (scores.interval or {}).get("hr@10" if name == "hr_at_10" else "ndcg@10", ())
            for end, bound in zip(("low", "high"), bounds, strict=False):
                yield f"{what}/{protocol}/{name}_{end}", bound
