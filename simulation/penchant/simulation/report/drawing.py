"""How figures are drawn: SVG to put into HTML, readable in black and white and in the dark.

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

from penchant.simulation.report.summary import Scores

__all__ = ["FIRST", "INCHES", "INK", "SECOND", "STYLE", "Picture", "hit_dots", "svg_of"]

# Stand-ins that matplotlib draws with, and what they become in the page.
INK, RULE, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404"
_VARIABLES = {
    INK: "var(--ink)",
    RULE: "var(--rule)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
}
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
}
INCHES = (4.6, 2.9)


@dataclass(frozen=True)
class Picture:
    """An SVG element and what it says, for those who do not see it."""

    svg: str
    alt: str


def hit_dots(axes: Axes, title: str, names: Sequence[str], scores: Sequence[Scores]) -> None:
    """Draw HR@10 of each name, the first in another colour, with its interval if it has one."""
    for row, score in enumerate(scores):
        low, high = (score.interval or {}).get("hr@10", [score.hr, score.hr])
        colour = FIRST if row == 0 else INK
        axes.plot([low, high], [row, row], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot(score.hr, row, color=colour, marker="s" if row else "o", markersize=7)
    axes.set_title(f"HR@10, {title[0].lower()}{title[1:]}")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")


def svg_of(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element; ``name`` is its own in the page."""
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
