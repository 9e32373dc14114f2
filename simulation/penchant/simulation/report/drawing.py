"""How figures are drawn: SVG to put into HTML, readable in black and white and in the dark.

Lines differ by dashes and markers, not by colour alone. Colours become CSS variables, so the page
decides on them; text stays text. Nothing depends on the time or on a random number.
"""

import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from penchant.simulation.report.summary import Scores

__all__ = [
    "FIRST",
    "INCHES",
    "INK",
    "LINES",
    "SECOND",
    "STYLE",
    "Picture",
    "hit_dots",
    "label_ends",
    "svg_of",
]

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

# Dashes and markers tell lines apart in black and white; colour helps where there is any.
LINES: Sequence[tuple[str, Any, str]] = (
    (FIRST, "-", "o"),
    (SECOND, "--", "s"),
    (INK, "-.", "^"),
    (SECOND, ":", "D"),
    (INK, (0, (8, 3)), "v"),
    (FIRST, (0, (5, 1, 1, 1, 1, 1)), "P"),
)
# The same markers as text, so that a label at a line's end says which line it is.
_GLYPHS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚"}
_LABEL_HEIGHT = 0.075  # of the axes', between the middles of two labels


@dataclass(frozen=True)
class Picture:
    """An SVG element and what it says, for those who do not see it.

    Attributes:
        svg: the element.
        alt: what it shows, beginning with its title and a colon or full stop.
    """

    svg: str
    alt: str

    @property
    def element(self) -> str:
        """The SVG as an image that is named and described to a screen reader."""
        title, description = re.split(r"[.:] ", self.alt, maxsplit=1)
        name = f"figure-{zlib.crc32(self.svg.encode()):08x}"
        head, _, rest = self.svg.partition(">")
        return (
            f'{head} role="img" aria-labelledby="{name}" aria-describedby="{name}-says">\n'
            f' <title id="{name}">{escape(title)}</title>\n'
            f' <desc id="{name}-says">{escape(description)}</desc>{rest}'
        )


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


def label_ends(axes: Axes, labels: Sequence[str]) -> None:
    """Write beside the end of each of the axes' first lines what it is, apart from each other.

    Args:
        axes: whose limits are final.
        labels: one a line, in the order in which lines were drawn.
    """
    lines = axes.get_lines()[: len(labels)]
    low, high = axes.get_ylim()
    ends = [(float(np.asarray(line.get_ydata())[-1]) - low) / (high - low) for line in lines]
    order = np.argsort(ends, kind="stable")
    places = np.asarray(ends)[order]
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + _LABEL_HEIGHT)
    places -= max(0.0, places[-1] - 1.0)  # all move down if the highest would leave the axes
    for row, place in zip(order.tolist(), places.tolist(), strict=True):
        line = lines[row]
        axes.annotate(
            f"{_GLYPHS[str(line.get_marker())]} {labels[row]}",
            xy=(float(np.asarray(line.get_xdata())[-1]), low + ends[row] * (high - low)),
            xytext=(1.06, place),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            color=line.get_color(),
            arrowprops={"arrowstyle": "-", "color": RULE, "linewidth": 0.8},
            annotation_clip=False,
        )


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
