"""One person's interests as a part of a page: who, by which rule, and a figure."""

import matplotlib as mpl
from matplotlib.figure import Figure

from penchant.simulation.portrait.choice import LEAST_EVENTS
from penchant.simulation.portrait.record import Portrait
from penchant.simulation.report.drawing import INCHES, LINES, STYLE, Picture, label_ends, svg_of
from penchant.simulation.report.sections import Cell, Plot, Section, Table

__all__ = ["portrait_section"]

_MARKERS_AT_MOST = 12


def portrait_section(portrait: Portrait) -> Section:
    """Return the person's interests over time, for people."""
    shown = (
        f"Person {portrait.person} with {portrait.count:,} events: of {portrait.looked_at:,} "
        f"people in the middle fifth by activity (of those with {LEAST_EVENTS} events or more) the "
        "one whose shares of tags differ most between the first and the last third of their "
        f"events: {portrait.change:.0%} of what they did has moved to other tags."
    )
    private = (
        "Only a simulation can show this, because its data are the team's own: in the field events "
        "and interests stay on a person's device, and no report has them. If the data are of real "
        "people, pass this page on to nobody who may not see the data."
    )
    return Section(
        name="portrait",
        heading="One person's interests over time",
        words=(shown, private),
        plots=[Plot(_picture(portrait), _table(portrait))],
        notes=(
            f"The share of a tag among the latest {portrait.window} events; an event counts once, "
            f"shared between its tags. Tags are {portrait.source}; shown are the "
            f"{len(portrait.tags)} with the largest shares at any time.",
        ),
    )


def _picture(portrait: Portrait) -> Picture:
    title = f"Shares of the latest {portrait.window} events"
    said = []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(INCHES[0], 3.2), layout="constrained")
        axes = figure.subplots()
        for tag, shares, (colour, dashes, marker) in zip(
            portrait.tags, portrait.shares, LINES, strict=False
        ):
            axes.plot(
                portrait.events,
                shares,
                color=colour,
                linestyle=dashes,
                marker=marker,
                markersize=5,
                markevery=max(1, len(shares) // _MARKERS_AT_MOST),
            )
            said.append(f"{tag} {shares[0]:.0%} at first, {shares[-1]:.0%} at the end")
        axes.set_title(title)
        axes.set_xlabel("events of the person")
        axes.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.set_ylim(bottom=0)
        label_ends(axes, portrait.tags)
        svg = svg_of(figure, "portrait")
    return Picture(svg=svg, alt=f"{title}: {'; '.join(said)}.")


def _table(portrait: Portrait) -> Table:
    rows = [
        [Cell(f"{event:,}"), *(Cell(f"{shares[place]:.0%}") for shares in portrait.shares)]
        for place, event in enumerate(portrait.events)
    ]
    title = f"Shares among the {portrait.window} events up to each"
    return Table(title, ("Event", *portrait.tags), rows)
