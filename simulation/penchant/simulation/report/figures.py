"""The page's figures: SVG to put into HTML, readable in black and white and in the dark.

Lines differ by dashes and markers, not by colour alone. Colours become CSS variables, so the page
decides on them; text stays text. Nothing depends on the time or on a random number.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from penchant.simulation.report.models import models_of
from penchant.simulation.report.rounds import RoundRecord
from penchant.simulation.report.summary import Scores, Summary

__all__ = ["Picture", "comparison", "learning_curves"]

# Stand-ins that matplotlib draws with, and what they become in the page.
_INK, _RULE, _FIRST, _SECOND = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {
    _INK: "var(--ink)",
    _RULE: "var(--rule)",
    _FIRST: "var(--first)",
    _SECOND: "var(--second)",
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "grid.color": _RULE,
    "grid.linewidth": 0.5,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
}
_LINES = ((_FIRST, "-", "o"), (_SECOND, "--", "s"))
_INCHES = (4.6, 2.9)
_MARKERS_AT_MOST = 25


@dataclass(frozen=True)
class Picture:
    """An SVG element and what it says, for those who do not see it."""

    svg: str
    alt: str


@dataclass(frozen=True)
class _Line:
    label: str
    rounds: Sequence[int]
    values: Sequence[float]

    def describe(self) -> str:
        first, last = self.values[0], self.values[-1]
        return (
            f"{self.label} goes from {first:.3g} in round {self.rounds[0]} "
            f"to {last:.3g} in round {self.rounds[-1]}"
        )


def learning_curves(summary: Summary, rounds: Sequence[RoundRecord]) -> list[Picture]:
    """Draw validation metrics, loss and epsilon over rounds, each if the run has any."""
    evaluated = [(r.round, r.validation) for r in rounds if r.validation is not None]
    losses = [(r.round, r.loss) for r in rounds if r.loss is not None]
    user = [(r.round, r.epsilon) for r in rounds if r.epsilon is not None]
    event = [(r.round, r.event_epsilon) for r in rounds if r.event_epsilon is not None]
    unit = "user" if summary.privacy.unit == "both" else summary.privacy.unit
    full = _metric_lines([(r, v.full) for r, v in evaluated])
    sampled = _metric_lines([(r, v.sampled99) for r, v in evaluated])
    spent = _lines((f"per {unit}", user), ("per event", event))
    charts = (
        ("Validation, full ranking", full, True),
        ("Validation, 99 negatives", sampled, True),
        ("Validation loss, in nats", _lines(("loss", losses)), False),
        ("Epsilon spent", spent, True),
    )
    return [_chart(title, lines, from_zero=zero) for title, lines, zero in charts if lines]


def comparison(summary: Summary) -> Picture:
    """Draw HR@10 at test for penchant and the controls, with intervals, by both protocols."""
    rows = models_of(summary)
    height = 1.1 + 0.4 * len(rows) * 2
    said = []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_INCHES[0], height), layout="constrained")
        for axes, title, scores in zip(
            figure.subplots(2, 1),
            ("Full ranking", "99 negatives"),
            ([r.full for r in rows.values()], [r.sampled99 for r in rows.values()]),
            strict=True,
        ):
            _dots(axes, title, list(rows), scores)
            values = ", ".join(f"{name} {s.hr:.3f}" for name, s in zip(rows, scores, strict=True))
            said.append(f"{title}: {values}")
        return Picture(svg=_svg(figure, "test"), alt=f"HR@10 at test. {'. '.join(said)}.")


def _metric_lines(scores: Sequence[tuple[int, Scores]]) -> list[_Line]:
    return _lines(
        ("HR@10", [(r, s.hr) for r, s in scores]), ("NDCG@10", [(r, s.ndcg) for r, s in scores])
    )


def _lines(*series: tuple[str, Sequence[tuple[int, float]]]) -> list[_Line]:
    return [
        _Line(label, [r for r, _ in points], [v for _, v in points])
        for label, points in series
        if points
    ]


def _chart(title: str, lines: Sequence[_Line], *, from_zero: bool) -> Picture:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.subplots()
        for line, (colour, dashes, marker) in zip(lines, _LINES, strict=False):
            axes.plot(
                line.rounds,
                line.values,
                color=colour,
                linestyle=dashes,
                marker=marker,
                markersize=4,
                markevery=max(1, len(line.rounds) // _MARKERS_AT_MOST),
                label=line.label,
            )
        axes.set_title(title)
        axes.set_xlabel("round")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if from_zero:
            axes.set_ylim(bottom=0)
        if len(lines) > 1:
            axes.legend()
        name = re.sub(r"\W+", "-", title.lower())
        said = "; ".join(line.describe() for line in lines)
        return Picture(svg=_svg(figure, name), alt=f"{title} over rounds: {said}.")


def _dots(axes: Axes, title: str, names: Sequence[str], scores: Sequence[Scores]) -> None:
    for row, score in enumerate(scores):
        low, high = (score.interval or {}).get("hr@10", [score.hr, score.hr])
        colour = _FIRST if row == 0 else _INK
        axes.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot(score.hr, row, color=colour, marker="s" if row else "o", markersize=7)
    axes.set_title(f"HR@10, {title[0].lower()}{title[1:]}")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")


def _svg(figure: Figure, name: str) -> str:
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # Identifiers must be distinct in the whole page; a reference is to one of the same figure.
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, variable)
    return svg
