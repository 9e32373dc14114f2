"""The figures of a run's page: learning curves, and the test beside the controls."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from penchant.simulation.report.drawing import (
    FIRST,
    INCHES,
    SECOND,
    STYLE,
    Picture,
    hit_dots,
    svg_of,
)
from penchant.simulation.report.models import models_of
from penchant.simulation.report.rounds import RoundRecord
from penchant.simulation.report.summary import Scores, Summary

__all__ = ["Picture", "comparison", "learning_curves"]

_LINES = ((FIRST, "-", "o"), (SECOND, "--", "s"))
_MARKERS_AT_MOST = 25


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
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(INCHES[0], height), layout="constrained")
        for axes, title, scores in zip(
            figure.subplots(2, 1),
            ("Full ranking", "99 negatives"),
            ([r.full for r in rows.values()], [r.sampled99 for r in rows.values()]),
            strict=True,
        ):
            hit_dots(axes, title, list(rows), scores)
            values = ", ".join(f"{name} {s.hr:.3f}" for name, s in zip(rows, scores, strict=True))
            said.append(f"{title}: {values}")
        return Picture(svg=svg_of(figure, "test"), alt=f"HR@10 at test: {'. '.join(said)}.")


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
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=INCHES, layout="constrained")
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
        return Picture(svg=svg_of(figure, name), alt=f"{title} over rounds: {said}.")
