"""``compare.html``: runs side by side for people, in one file that needs nothing else."""

from pathlib import Path

from penchant.shared.files import write_atomically
from penchant.simulation.report import words
from penchant.simulation.report.summary import Results
from penchant.simulation.report.templates import rendered
from penchant.simulation.sidebyside.table import SideBySide, Value

__all__ = ["METRICS", "PROTOCOLS", "models_by_run", "value_told", "write_page"]

METRICS = {"hr": "HR@10", "ndcg": "NDCG@10", "mrr": "MRR"}
PROTOCOLS = {"full": "Full ranking", "sampled99": "99 negatives"}


def write_page(found: SideBySide, path: Path) -> None:
    """Write the page, whole or not at all."""
    # matplotlib takes a moment to load.
    from penchant.simulation.sidebyside.figures import tests

    page = rendered(
        "compare.html.j2",
        found=found,
        picture=tests(found),
        metrics=METRICS,
        protocols=PROTOCOLS,
        held_out=words.held_out(found.protocol, found.targets),
        controls=models_by_run(found),
        told=value_told,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page.encode())


def models_by_run(found: SideBySide) -> dict[str, list[Results | None]]:
    """Return each control's test in each run, None where a run has no such control."""
    titles = dict.fromkeys(title for run in found.runs for title in run.controls)
    return {title: [run.controls.get(title) for run in found.runs] for title in titles}


def value_told(value: Value) -> str:
    """Write a setting for people.

    >>> [value_told(value) for value in (None, 0.4137, 60, "compact")]
    ['-', '0.414', '60', 'compact']
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return words.number(value)
    return f"{value:,}" if isinstance(value, int) else value
