"""Figures of what privacy costs: a metric over epsilon, and what is lost over devices."""

import re
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from penchant.simulation.report.drawing import (
    FIRST,
    INCHES,
    INK,
    RULE,
    SECOND,
    STYLE,
    Picture,
    svg_of,
)
from penchant.simulation.sweep.records import Estimate, Extrapolation, Point

__all__ = ["curve", "epsilon_told", "loss_curve"]

# Dashes and markers tell lines apart in black and white; colour helps where there is any.
_LINES = (
    (FIRST, "-", "o"),
    (SECOND, "--", "s"),
    (INK, "-.", "^"),
    (FIRST, ":", "D"),
    (SECOND, (0, (5, 1, 1, 1, 1, 1)), "v"),
    (INK, (0, (8, 3)), "P"),
)
_APART = 0.07  # so that intervals of one epsilon do not hide each other
_SHORT = 24  # characters of labels that fit side by side


def curve(
    metric: str, lines: Mapping[str, Sequence[Point]], *, popularity: float, title: str
) -> Picture:
    """Draw a metric over epsilon, with its intervals, and popularity for comparison.

    Args:
        metric: one of ``METRICS``.
        lines: points in order of epsilon, by what they have in common.
        popularity: the metric of recommending what is popular.
        title: names the figure for people.
    """
    epsilons = sorted({_position(p.epsilon) for points in lines.values() for p in points})
    said = []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(INCHES[0], 3.4), layout="constrained")
        axes = figure.subplots()
        for number, (label, points) in enumerate(lines.items()):
            colour, dashes, marker = _LINES[number % len(_LINES)]
            shift = (number - (len(lines) - 1) / 2) * _APART
            places = [epsilons.index(_position(p.epsilon)) + shift for p in points]
            values = [p.test[metric] for p in points]
            axes.errorbar(
                places,
                [v.mean for v in values],
                yerr=[[v.mean - v.low for v in values], [v.high - v.mean for v in values]],
                color=colour,
                linestyle=dashes,
                marker=marker,
                markersize=5,
                capsize=3,
                label=label,
            )
            said.append(f"{label}: {_said(points, values)}")
        axes.axhline(popularity, color=INK, linewidth=1, linestyle=(0, (1, 2)), label="popularity")
        axes.set_title(title)
        axes.set_xlabel("ε of the whole run")
        names = [epsilon_told(None if e == float("inf") else e) for e in epsilons]
        axes.set_xticks(range(len(epsilons)), names)
        axes.set_xlim(-0.5, len(epsilons) - 0.5)
        axes.set_ylim(bottom=0)
        longest = max(len(label) for label in axes.get_legend_handles_labels()[1])
        columns = 2 if longest <= _SHORT else 1
        figure.legend(loc="outside lower left", ncols=columns, fontsize=8)
        svg = svg_of(figure, re.sub(r"\W+", "-", title.lower()))
    return Picture(
        svg=svg, alt=f"{title} over epsilon. {'; '.join(said)}; popularity {popularity:.3f}."
    )


def loss_curve(
    extrapolation: Extrapolation,
    measured: Mapping[float, Sequence[Point]],
    *,
    title: str,
    name: str,
) -> Picture:
    """Draw the share of a metric that is lost over the number of devices, a line for each epsilon.

    Args:
        extrapolation: the fitted curve, which is drawn as lines.
        measured: points in order of devices, by epsilon; they are drawn as markers.
        title: names the figure for people.
        name: its own in the page.
    """
    metric, largest = extrapolation.metric, extrapolation.populations[-1]
    said = []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(INCHES[0], 3.6), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        for number, (epsilon, points) in enumerate(measured.items()):
            colour, dashes, marker = _LINES[number % len(_LINES)]
            read = [f for f in extrapolation.forecasts if f.epsilon == epsilon]
            axes.plot(
                [f.devices for f in read],
                [f.loss.mean for f in read],
                color=colour,
                linestyle=dashes,
                linewidth=1,
            )
            losses = [p.loss[metric] for p in points]
            apart = 1 + (number - (len(measured) - 1) / 2) * _APART
            axes.errorbar(
                [p.devices * apart for p in points],
                [v.mean for v in losses],
                yerr=[[v.mean - v.low for v in losses], [v.high - v.mean for v in losses]],
                color=colour,
                linestyle="none",
                marker=marker,
                markersize=5,
                capsize=3,
            )
            axes.plot(
                [], [], color=colour, linestyle=dashes, marker=marker, label=f"ε = {epsilon:g}"
            )
            told = ", ".join(
                f"{v.mean:.1%} with {p.devices:,} devices"
                for v, p in zip(losses, points, strict=True)
            )
            said.append(f"ε = {epsilon:g}: {told}; the curve says {_last(extrapolation, epsilon)}")
        left, right = axes.get_xlim()
        axes.axvspan(largest, right, facecolor="none", edgecolor=RULE, hatch="//")
        axes.set_xlim(left, right)
        axes.axvline(largest, color=INK, linewidth=1, linestyle=(0, (1, 2)))
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.xaxis.set_major_formatter(FuncFormatter(_devices_told))
        axes.set_title(title)
        axes.set_xlabel("devices; hatched: more than in any run, extrapolated")
        figure.legend(loc="outside lower left", ncols=3, fontsize=8)
        svg = svg_of(figure, name)
    return Picture(svg=svg, alt=f"{title}, over devices. {'. '.join(said)}.")


def _last(extrapolation: Extrapolation, epsilon: float) -> str:
    last = [f for f in extrapolation.forecasts if f.epsilon == epsilon][-1]
    return f"{last.loss.mean:.1%} with {last.devices:,}"


def _devices_told(devices: float, _: int) -> str:
    return f"{devices:,.0f}"


def epsilon_told(epsilon: float | None) -> str:
    r"""Write an epsilon.

    >>> epsilon_told(8.0), epsilon_told(None) == "\N{INFINITY}"
    ('8', True)
    """
    return "\N{INFINITY}" if epsilon is None else f"{epsilon:g}"


def _position(epsilon: float | None) -> float:
    return float("inf") if epsilon is None else epsilon


def _said(points: Sequence[Point], values: Sequence[Estimate]) -> str:
    return ", ".join(
        f"{value.mean:.3f} at {epsilon_told(point.epsilon)}"
        for point, value in zip(points, values, strict=True)
    )
