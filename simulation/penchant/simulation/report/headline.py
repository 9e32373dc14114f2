"""The page's headline: how a run stands, and no more than its figures can carry."""

from penchant.simulation.report.summary import Results, Scores, Summary

__all__ = ["verdict"]


def verdict(summary: Summary) -> str:
    """Say how the run stands against popularity, and whether a tuned control is ahead of it.

    Above popularity means by HR@10 and NDCG@10 alike; where the 95% intervals of either overlap,
    that is said. A suspected leak comes before everything else.
    """
    if summary.leak_check is not None and summary.leak_check.suspected:
        return "A leak is suspected: these results cannot be trusted"
    ours, theirs = summary.test, summary.controls.popularity
    sampled = f"with {summary.negatives} negatives"
    above = {
        name: (mine, its)
        for name, mine, its in (
            ("by full ranking", ours.full, theirs.full),
            (sampled, ours.sampled99, theirs.sampled99),
        )
        if mine.hr > its.hr and mine.ndcg > its.ndcg
    }
    if len(above) == 2:
        told = f"Above popularity, {' and '.join(above)}"
    elif above:
        told = f"Above popularity {next(iter(above))} only"
    else:
        told = "Not above popularity by either protocol"
    if any(_overlap(mine, its) for mine, its in above.values()):
        told += ", though intervals overlap"
    return told + _ahead(summary, sampled)


def _overlap(ours: Scores, theirs: Scores) -> bool:
    """Return whether intervals of HR@10 or NDCG@10 overlap, where there are any."""
    mine, its = ours.interval or {}, theirs.interval or {}
    return any(
        mine[name][0] <= its[name][1]
        for name in ("hr@10", "ndcg@10")
        if name in mine and name in its
    )


def _ahead(summary: Summary, sampled: str) -> str:
    """Name the tuned control that is furthest ahead by NDCG@10, if one is."""
    ours = summary.test

    def lead(test: Results) -> tuple[float, float]:
        return test.full.ndcg - ours.full.ndcg, test.sampled99.ndcg - ours.sampled99.ndcg

    leads = {control.title: lead(control.test) for control in summary.controls.tuned.values()}
    ahead = {title: found for title, found in leads.items() if max(found) > 0}
    if not ahead:
        return ""
    best = max(ahead, key=lambda title: ahead[title])
    by_full, by_sampled = (value > 0 for value in ahead[best])
    where = "by both" if by_full and by_sampled else "by full ranking" if by_full else sampled
    return f"; {best} is ahead, {where}"
