"""The figure of ``compare.html``: HR@10 at test of every run, with intervals."""

import matplotlib as mpl
from matplotlib.figure import Figure

from penchant.simulation.report.drawing import INCHES, STYLE, Picture, hit_dots, svg_of
from penchant.simulation.sidebyside.table import SideBySide

__all__ = ["tests"]

_SHOWN = 28


def tests(found: SideBySide) -> Picture:
    """Draw HR@10 at test by both protocols; popularity, the same for all, comes last."""
    popularity = found.runs[0].controls["popularity"]
    names = [_short(run.name) for run in found.runs] + ["popularity"]
    results = [run.test for run in found.runs] + [popularity]
    said = []
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(INCHES[0], 1.1 + 0.8 * len(names)), layout="constrained")
        for axes, title, scores in zip(
            figure.subplots(2, 1),
            ("Full ranking", "99 negatives"),
            ([r.full for r in results], [r.sampled99 for r in results]),
            strict=True,
        ):
            hit_dots(axes, title, names, scores)
            values = ", ".join(f"{name} {s.hr:.3f}" for name, s in zip(names, scores, strict=True))
            said.append(f"{title}: {values}")
        return Picture(svg=svg_of(figure, "runs"), alt=f"HR@10 at test. {'. '.join(said)}.")


def _short(name: str) -> str:
    # Names are folders of people's own; matplotlib would read two dollar signs as mathematics.
    plain = name.replace("$", r"\$")
    return plain if len(plain) <= _SHOWN else f"…{plain[1 - _SHOWN :]}"
