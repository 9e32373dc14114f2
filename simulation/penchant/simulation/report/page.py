"""``report.html``: the run for people, in one file that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from penchant.shared.files import write_atomically
from penchant.simulation.report.headline import verdict
from penchant.simulation.report.models import models_of
from penchant.simulation.report.rounds import RoundRecord, read_rounds
from penchant.simulation.report.sections import Section
from penchant.simulation.report.summary import Summary, read_summary
from penchant.simulation.report.templates import rendered

__all__ = ["REPORT_FILE", "write_report"]

REPORT_FILE = "report.html"


def write_report(folder: Path, *, sections: Sequence[Section] = ()) -> Path:
    """Write ``report.html`` from a run's ``summary.json`` and ``metrics.jsonl``.

    Args:
        folder: the run's output folder.
        sections: what else is known of the run, in the order of the page.

    Returns:
        The page's path.

    Raises:
        DataError: a file is missing or not valid; nothing is written then.
    """
    page = _render(read_summary(folder), read_rounds(folder), sections)
    path = folder / REPORT_FILE
    write_atomically(path, page.encode())
    return path


def _render(summary: Summary, rounds: list[RoundRecord], sections: Sequence[Section]) -> str:
    # matplotlib takes a moment to load, and only the page needs it.
    from penchant.simulation.report.figures import comparison, learning_curves

    return rendered(
        "report.html.j2",
        summary=summary,
        verdict=verdict,
        models=models_of(summary),
        metrics={"hr": "HR@10", "ndcg": "NDCG@10", "mrr": "MRR"},
        keys={"hr": "hr@10", "ndcg": "ndcg@10", "mrr": "mrr"},
        protocols={"full": "Full ranking", "sampled99": "99 negatives"},
        shown={"auc": "AUC", "mrr": "MRR", "ndcg5": "NDCG@5", "ndcg10": "NDCG@10"},
        qualities={
            "coverage": "Coverage",
            "diversity": "Diversity",
            "novelty": "Novelty",
            "popularity_bias": "Popularity bias",
        },
        pictures=[comparison(summary), *learning_curves(summary, rounds)],
        sections=sections,
        evaluated=[record for record in rounds if record.validation is not None],
        minutes=(summary.finished - summary.started).total_seconds() / 60,
    )
