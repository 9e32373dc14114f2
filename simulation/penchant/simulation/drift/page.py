"""``drift.html``: how profiles follow a switch, for people."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from penchant.shared.files import write_atomically
from penchant.simulation.drift.table import RECOVERED, STEP, Drift, Followed, Mean
from penchant.simulation.report.drawing import FIRST, INCHES, INK, SECOND, STYLE, Picture, svg_of
from penchant.simulation.report.templates import rendered

__all__ = ["recovery_told", "write_page"]

_LINES = (
    (FIRST, "-", "o"),
    (SECOND, "--", "s"),
    (INK, "-.", "^"),
    (SECOND, ":", "D"),
    (INK, (0, (8, 3)), "v"),
    (FIRST, (0, (5, 1, 1, 1, 1, 1)), "P"),
)
_TITLES = {"ndcg": "NDCG@10 around the switch", "hr": "HR@10 around the switch"}


def write_page(drift: Drift, folder: Path) -> Path:
    """Write the page, whole or not at all, and return its path."""
    page = rendered(
        "drift.html.j2",
        drift=drift,
        plots=[(metric, title, _picture(drift, metric)) for metric, title in _TITLES.items()],
        step=STEP,
        share=RECOVERED,
        recovery_told=recovery_told,
    )
    path = folder / "drift.html"
    write_atomically(path, page.encode())
    return path


def recovery_told(profile: Followed, *, after: int) -> str:
    """Say how many events recovery takes, with its interval over people."""
    if profile.recovery is None:
        return f"not within {after}"
    low, high = (
        f"over {after}" if events is None else str(events) for events in profile.recovery_range
    )
    return f"{profile.recovery} ({low} to {high})"


def _picture(drift: Drift, metric: str) -> Picture:
    said = []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(INCHES[0], 3.4), layout="constrained")
        axes = figure.subplots()
        middles = [start + STEP / 2 for start in drift.steps]
        for profile, (colour, dashes, marker) in zip(drift.profiles, _LINES, strict=True):
            means: list[Mean] = getattr(profile, metric)
            axes.plot(
                middles,
                [value.mean for value in means],
                color=colour,
                linestyle=dashes,
                marker=marker,
                markersize=5,
                label=profile.name,
            )
            first = drift.steps.index(0)
            said.append(
                f"{profile.name} {means[first - 1].mean:.3f} before, {means[first].mean:.3f} right "
                f"after and {means[-1].mean:.3f} at the end"
            )
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_title(_TITLES[metric])
        axes.set_xlabel("events since the switch")
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside lower left", ncols=3, fontsize=8)
        svg = svg_of(figure, f"drift-{metric}")
    return Picture(svg=svg, alt=f"{_TITLES[metric]}: {'; '.join(said)}.")
