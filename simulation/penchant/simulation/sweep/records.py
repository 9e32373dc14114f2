"""``sweep.json``: every run of a sweep, what they come to, and what is read beyond them."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from penchant.simulation.report.record import Record

__all__ = [
    "METRICS",
    "Check",
    "Estimate",
    "Extrapolation",
    "Forecast",
    "Need",
    "Place",
    "Point",
    "Run",
    "Sweep",
]

# Name to protocol, field and the key of its interval.
METRICS = {
    "full hr@10": ("full", "hr", "hr@10"),
    "full ndcg@10": ("full", "ndcg", "ndcg@10"),
    "sampled99 hr@10": ("sampled99", "hr", "hr@10"),
    "sampled99 ndcg@10": ("sampled99", "ndcg", "ndcg@10"),
}

Count = Annotated[int, Field(ge=1)]
# Of a number of devices: fewer than in any run, among them, more than in any, or more than 10^8.
Place: TypeAlias = Literal["below", "within", "beyond", "never"]


class Run(Record):
    """One run.

    ``epsilon``, ``cohort`` and ``clip`` are what was asked for: None for no privacy and for the
    recipe's own; ``spent``, ``expected_cohort`` and ``clipping_norm`` are what came of it. Metrics
    are means over ``evaluated`` of the people on whose ``devices`` was trained.
    """

    name: str
    preset: str
    privacy: str
    epsilon: float | None
    spent: float | None
    delta: float | None
    noise_multiplier: float | None
    devices: Count
    evaluated: Count
    cohort: int | None
    expected_cohort: float
    clip: float | None
    clipping_norm: float | None
    seed: int
    test: dict[str, float]
    popularity: dict[str, float]


class Estimate(Record):
    """A value and its 95% interval.

    It is over ``seeds``; over ``people``, where there is one seed; or over ``people and seeds``.
    """

    mean: float
    low: float
    high: float
    over: str


class Point(Record):
    """Runs that differ by their seeds alone.

    ``loss`` is the share of each metric that is lost against the runs without privacy that are
    otherwise alike; empty, where there are none.
    """

    preset: str
    privacy: str
    epsilon: float | None
    devices: Count
    cohort: int | None
    clip: float | None
    seeds: list[int]
    test: dict[str, Estimate]
    loss: dict[str, Estimate] = Field(default_factory=dict)


class Forecast(Record):
    """The share of a metric that a budget would cost a population, read from a fitted curve."""

    epsilon: float
    devices: Count
    noise: float  # in the mean update, in clipping norms
    loss: Estimate


class Check(Record):
    """A population that was left out of the fit: what the curve says of it, and what it was."""

    epsilon: float
    devices: Count
    forecast: Estimate
    measured: Estimate


class Need(Record):
    """How many devices it takes for a budget to cost no more than a share of a metric.

    ``devices`` is None where 10^8 are not enough, and so are the ends of its 95% interval.
    """

    epsilon: float
    loss: float
    devices: Count | None
    low: Count | None
    high: Count | None
    place: Place


class Extrapolation(Record):
    """What runs over several populations say of others: a curve, checked, and read.

    ``half``, ``slope`` and ``most`` are those of ``NoiseCurve``, fitted to all ``populations``;
    ``checks`` come from a fit without the largest of them.
    """

    preset: str
    privacy: str
    cohort: int | None
    clip: float | None
    metric: str
    half: float
    slope: float
    most: float
    populations: list[int]
    checks: list[Check]
    forecasts: list[Forecast]
    needs: list[Need]


class Sweep(Record):
    """A sweep; ``failures`` says why some runs could not be run, by name.

    ``devices`` is the largest population of a run. ``left`` is how many runs have neither ended nor
    failed, because the sweep was stopped.
    """

    dataset: str
    devices: int
    command: str
    points: list[Point]
    runs: list[Run]
    popularity: dict[str, float]  # means over runs
    failures: dict[str, str]
    left: Annotated[int, Field(ge=0)] = 0
    extrapolations: list[Extrapolation] = Field(default_factory=list)
    not_extrapolated: str | None = None  # why not, where several populations were run

    @property
    def planned(self) -> int:
        """How many runs it has, ended or not."""
        return len(self.runs) + len(self.failures) + self.left
