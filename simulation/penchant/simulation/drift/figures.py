"""A metric by event since the switch, a line for each profile."""

import matplotlib as mpl
from matplotlib.figure import Figure

from penchant.simulation.drift.table import STEP, Drift, Mean
from penchant.simulation.report.drawing import (
    INCHES,
    INK,
    LINES,
    STYLE,
    Picture,
    label_ends,
    svg_of,
)

__all__ = ["around_the_switch"]


def around_the_switch(drift: Drift, metric: str, *, title: str) -> Picture:
    """Draw a metric of every profile before and after the switch.

    Args:
        drift: what was measured.
        metric: ``hr`` or ``ndcg``.
        title: names the figure for people.
    """
    said, names = [], [profile.name for profile in drift.profiles]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(INCHES[0], 3.2), layout="constrained")
        axes = figure.subplots()
        middles = [start + STEP / 2 for start in drift.steps]
        for profile, (colour, dashes, marker) in zip(drift.profiles, LINES, strict=False):
            means: list[Mean] = getattr(profile, metric)
            axes.plot(
                middles,
                [value.mean for value in means],
                color=colour,
                linestyle=dashes,
                marker=marker,
                markersize=5,
            )
            first = drift.steps.index(0)
            said.append(
                f"{profile.name} {means[first - 1].mean:.3f} before, {means[first].mean:.3f} right "
                f"after and {means[-1].mean:.3f} at the end"
            )
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_title(title)
        axes.set_xlabel("events since the switch")
        axes.set_ylim(bottom=0)
        label_ends(axes, names)
        svg = svg_of(figure, f"drift-{metric}")
    return Picture(svg=svg, alt=f"{title}: {'; '.join(said)}.")
