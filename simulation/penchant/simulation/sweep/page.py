"""``sweep.html``: the privacy-utility curve for people, each figure with its table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from penchant.shared.files import write_atomically
from penchant.shared.ranker import Preset
from penchant.simulation.recipes import retuned
from penchant.simulation.report import words
from penchant.simulation.report.drawing import Picture
from penchant.simulation.report.templates import rendered
from penchant.simulation.settings import PrivacyUnit
from penchant.simulation.sweep.populations import (
    about,
    needed,
    percent,
    population_sections,
    populations_of,
    verdict,
)
from penchant.simulation.sweep.records import METRICS, Point, Sweep

__all__ = ["Plot", "heading", "partial", "plots", "retrained", "write_page"]

_TITLES = {
    "full hr@10": "HR@10, full ranking",
    "full ndcg@10": "NDCG@10, full ranking",
    "sampled99 hr@10": "HR@10, 99 negatives",
    "sampled99 ndcg@10": "NDCG@10, 99 negatives",
}
_LINES_AT_MOST = 6


@dataclass(frozen=True)
class Plot:
    """A figure, and the points in it, by line."""

    metric: str
    title: str
    picture: Picture
    lines: Mapping[str, list[Point]]


def write_page(sweep: Sweep, folder: Path) -> Path:
    """Write the page, whole or not at all, and return its path."""
    from penchant.simulation.sweep.figures import epsilon_told

    page = rendered(
        "sweep.html.j2",
        sweep=sweep,
        populations=populations_of(sweep),
        sections=list(population_sections(sweep, titles=_TITLES)),
        needed=needed,
        losses=any(point.loss for point in sweep.points),
        about=about,
        percent=percent,
        plots=list(plots(sweep)),
        epsilon_told=epsilon_told,
        heading=heading(sweep),
        partial=partial(sweep),
        retrained=retrained(sweep),
        over_seeds=any(len(point.seeds) > 1 for point in sweep.points),
        over_people=any(len(point.seeds) == 1 for point in sweep.points),
    )
    path = folder / "sweep.html"
    write_atomically(path, page.encode())
    return path


def plots(sweep: Sweep, *, metrics: Iterable[str] = METRICS) -> Iterator[Plot]:
    """Draw metrics over epsilon, and give each figure with its points.

    Args:
        sweep: what was run.
        metrics: of ``METRICS``, those to draw.
    """
    from penchant.simulation.sweep.figures import curve

    lines = list(_lines(sweep).items())
    groups = [dict(lines[i : i + _LINES_AT_MOST]) for i in range(0, len(lines), _LINES_AT_MOST)]
    for metric in metrics:
        for number, group in enumerate(groups, start=1):
            part = f" ({number} of {len(groups)})" if len(groups) > 1 else ""
            title = _TITLES[metric] + part
            picture = curve(metric, group, popularity=sweep.popularity[metric], title=title)
            yield Plot(metric, title, picture, group)


def _lines(sweep: Sweep) -> dict[str, list[Point]]:
    """Return the points in order of epsilon, by what they have in common, told in words."""
    lines: dict[str, list[Point]] = {}
    several = len(populations_of(sweep)) > 1
    for point in sweep.points:
        parts = [point.preset]
        if several:
            parts.append(f"{point.devices:,} devices")
        if point.cohort is not None:
            parts.append(f"cohort {point.cohort:,}")
        if point.clip is not None:
            parts.append(f"clip {words.number(point.clip)}")
        lines.setdefault(", ".join(parts), []).append(point)
    for points in lines.values():
        points.sort(key=lambda point: (point.epsilon is None, point.epsilon))
    return lines


def partial(sweep: Sweep) -> str | None:
    """Say how much of a sweep is done, if it was stopped before all of it was; else None."""
    if not sweep.left:
        return None
    ended = f"{len(sweep.runs)} of {sweep.planned} runs have ended"
    failed = f", {len(sweep.failures)} could not be run" if sweep.failures else ""
    return (
        f"Partial: {ended}{failed}, and {sweep.left} are left. The cheapest come first, so what is "
        "missing is not like what is here."
    )


def heading(sweep: Sweep) -> str:
    """Say what the sweep has found, and first if only a part of it has been run."""
    found = _finding(sweep)
    if not sweep.left:
        return found
    return f"Partial, {len(sweep.runs)} of {sweep.planned} runs: {found[0].lower()}{found[1:]}"


def _finding(sweep: Sweep) -> str:
    """Say what is left of the best NDCG@10 without privacy, with most privacy and with least."""
    metric = "full ndcg@10"
    over_populations = verdict(sweep, metric=metric)
    if over_populations is not None:
        return over_populations
    best: dict[float | None, Point] = {}
    for point in sweep.points:
        known = best.get(point.epsilon)
        if known is None or point.test[metric].mean > known.test[metric].mean:
            best[point.epsilon] = point
    without, budgets = best.pop(None, None), sorted(e for e in best if e is not None)
    if not budgets or without is None or not without.test[metric].mean:
        return f"{len(sweep.runs)} simulations over {sweep.dataset}"
    several = len({point.preset for point in sweep.points}) > 1

    def kept(epsilon: float) -> str:
        point = best[epsilon]
        share = point.test[metric].mean / without.test[metric].mean
        return f"ε\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{epsilon:g} keeps {share:.0%}" + (
            f" ({point.preset})" if several else ""
        )

    told = " and ".join(kept(epsilon) for epsilon in sorted({budgets[0], budgets[-1]}))
    if several:
        return f"Of the best NDCG@10 without privacy ({without.preset}), {told}"
    return f"Of the NDCG@10 without privacy, {told}"


def retrained(sweep: Sweep) -> list[str]:
    """Return the presets that are trained by another recipe with privacy than without."""
    return [
        preset
        for preset in dict.fromkeys(point.preset for point in sweep.points)
        if any(
            retuned(Preset(preset), PrivacyUnit(point.privacy))
            for point in sweep.points
            if point.preset == preset
        )
    ]
