"""The part of the page that says how many devices a budget needs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penchant.simulation.report.drawing import Picture
from penchant.simulation.sweep.records import Extrapolation, Need, Point, Sweep

__all__ = [
    "Section",
    "about",
    "needed",
    "percent",
    "population_sections",
    "populations_of",
    "verdict",
]

_TELLING = 0.05  # the share of a metric that the heading speaks of


@dataclass(frozen=True)
class Section:
    """One extrapolation, with what it was fitted to: points in order of devices, by epsilon."""

    title: str
    extrapolation: Extrapolation
    measured: Mapping[float, list[Point]]
    picture: Picture

    @property
    def needs(self) -> dict[float, list[Need]]:
        """How many devices a budget needs, by epsilon, in order of the share that is lost."""
        found: dict[float, list[Need]] = {}
        for need in self.extrapolation.needs:
            found.setdefault(need.epsilon, []).append(need)
        return found


def populations_of(sweep: Sweep) -> list[int]:
    """Return the different numbers of devices, in order."""
    return sorted({point.devices for point in sweep.points})


def population_sections(sweep: Sweep, *, titles: Mapping[str, str]) -> Iterator[Section]:
    """Return a section for each extrapolation.

    Args:
        sweep: what was run.
        titles: of the metrics.
    """
    from penchant.simulation.sweep.figures import loss_curve

    lines = {(e.preset, e.cohort, e.clip) for e in sweep.extrapolations}
    for number, extrapolation in enumerate(sweep.extrapolations, start=1):
        title = f"Loss of {titles[extrapolation.metric]}"
        if len(lines) > 1:
            title += f" ({_setting(extrapolation)})"
        measured = _measured(sweep, extrapolation)
        picture = loss_curve(extrapolation, measured, title=title, name=f"loss-{number}")
        yield Section(title, extrapolation, measured, picture)


def verdict(sweep: Sweep, *, metric: str) -> str | None:
    """Say how many devices the least budget needs to cost little; None, if nothing is known.

    Args:
        sweep: what was run.
        metric: that is spoken of.
    """
    found = [
        need
        for extrapolation in sweep.extrapolations
        if extrapolation.metric == metric
        for need in extrapolation.needs
        if need.loss == _TELLING and need.devices is not None
    ]
    if not found:
        return None
    least = min(found, key=lambda need: (need.epsilon, need.devices))
    told = {
        "below": f"With {least.devices:,} devices or fewer",
        "within": f"From {about(least.devices)} devices on",
        "beyond": f"From {about(least.devices)} devices on, by extrapolation,",
        "never": "",
    }[least.place]
    return f"{told} ε = {least.epsilon:g} costs at most {_TELLING:.0%} of NDCG@10"


def needed(need: Need) -> str:
    """Write how many devices it takes, no more exactly than it is known.

    >>> need = Need(epsilon=1, loss=0.05, devices=4275, low=2936, high=None, place="beyond")
    >>> needed(need)
    '4,300'
    """
    if need.devices is None:
        return "over 100 million"
    return (
        f"\N{LESS-THAN OR EQUAL TO} {need.devices:,}"
        if need.place == "below"
        else about(need.devices)
    )


def about(devices: int | None) -> str:
    r"""Write a number of devices with two digits, rounded up.

    >>> about(4212), about(987), about(1_000_000), about(None) == "\N{INFINITY}"
    ('4,300', '990', '1,000,000', True)
    """
    if devices is None:
        return "\N{INFINITY}"
    unit = 10 ** max(0, len(str(devices)) - 2)
    return f"{-(-devices // unit) * unit:,}"


def percent(value: float) -> str:
    r"""Write a share.

    >>> percent(0.0512), percent(-0.01) == "\N{MINUS SIGN}1.0%", percent(-0.0001)
    ('5.1%', True, '0.0%')
    """
    return f"{100 * value:z.1f}%".replace("-", "\N{MINUS SIGN}")


def _measured(sweep: Sweep, extrapolation: Extrapolation) -> dict[float, list[Point]]:
    line = _key(extrapolation)
    points = [p for p in sweep.points if p.epsilon is not None and _key(p) == line]
    found: dict[float, list[Point]] = {}
    for point in sorted(points, key=lambda p: (p.epsilon, p.devices)):
        if point.epsilon is not None and extrapolation.metric in point.loss:
            found.setdefault(point.epsilon, []).append(point)
    return found


def _key(of: Point | Extrapolation) -> tuple[object, ...]:
    return (of.preset, of.privacy, of.cohort, of.clip)


def _setting(extrapolation: Extrapolation) -> str:
    parts = [
        extrapolation.preset,
        "" if extrapolation.cohort is None else f"cohort {extrapolation.cohort:,}",
        "" if extrapolation.clip is None else f"clip {extrapolation.clip:g}",
    ]
    return ", ".join(part for part in parts if part)
