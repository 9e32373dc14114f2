"""Drift as a part of a page: who was followed, how soon profiles recover, and figures."""

from collections.abc import Sequence

from penchant.simulation.drift.table import RECOVERED, STEP, Drift
from penchant.simulation.report import words
from penchant.simulation.report.sections import Cell, Plot, Section, Table

__all__ = ["drift_section", "events_told"]

_TITLES = {"ndcg": "NDCG@10 around the switch", "hr": "HR@10 around the switch"}


def drift_section(drift: Drift) -> Section:
    """Return what was measured, for people."""
    return Section(
        name="drift",
        heading="How soon recommendations follow a switch of interest",
        words=(_followed(drift),),
        table=_recoveries(drift),
        terms=[(profile.name, profile.meaning) for profile in drift.profiles],
        plots=[_plot(drift, metric, title) for metric, title in _TITLES.items()],
        notes=(
            f"Recovers: NDCG@10 over {STEP} events is back at {RECOVERED:.0%} of the profile's own "
            "level before the switch; a low level is easily reached again. Catches up: it is at "
            f"{RECOVERED:.0%} of what told has over the same events, which is the most to ask. "
            "Both for the first time, which need not last; "
            f"{drift.after}+ is not within what was followed. Small figures are 95% intervals over "
            "people; with more of them (--people) they are narrower.",
        ),
        command=drift.command,
    )


def events_told(events: int | None, within: Sequence[int | None], *, after: int) -> tuple[str, str]:
    """Say after how many events something was so, and its interval over people.

    Args:
        events: how many, or None.
        within: the interval, whose ends may be None.
        after: how many were followed.

    >>> events_told(3, (1, None), after=40), events_told(None, (None, None), after=40)
    (('3', '1 to 40+'), ('40+', ''))
    """
    low, high, value = (f"{after}+" if n is None else str(n) for n in (*within, events))
    return value, "" if events is None else f"{low} to {high}"


def _followed(drift: Drift) -> str:
    switch = (
        "The switches are those of the generated population: each replaces a person's strongest "
        "interest."
        if drift.switches == "planted"
        else "The data do not say who changed and when, so each person goes on as another who is "
        "unlike them: events on both sides are real, the switch is planted."
    )
    ranker = {
        None: "Items are ranked by the interest state alone.",
        False: "Items are ranked by the trained ranker, which has learnt nothing from these "
        "people.",
        True: "Items are ranked by the trained ranker, which learnt from these people's events "
        "too: levels are higher than for people that it has never met.",
    }[drift.trained_on]
    return (
        f"{drift.people:,} people of {drift.dataset} change at a known event. Each event is "
        "predicted from those before it, among all items that are new to the person, and then "
        f"learnt. {switch} {ranker}"
    )


def _recoveries(drift: Drift) -> Table:
    rows = []
    for profile in drift.profiles:
        values = (profile.level, profile.fallen, profile.ndcg[-1])
        cells = [Cell(f"{v.mean:.3f}", words.interval([v.low, v.high])) for v in values]
        counts = [
            Cell(*events_told(events, within, after=drift.after))
            for events, within in (
                (profile.recovery, profile.recovery_range),
                (profile.caught_up, profile.caught_up_range),
            )
        ]
        rows.append([Cell(profile.name), *cells, *counts])
    head = ("Profile", "before", "right after", "at the end", "recovers", "catches up")
    return Table("NDCG@10 around the switch, and after how many events", head, rows)


def _plot(drift: Drift, metric: str, title: str) -> Plot:
    # matplotlib takes a moment to load, and only pages need it.
    from penchant.simulation.drift.figures import around_the_switch

    rows = [
        [
            Cell(str(start)),
            *(Cell(f"{getattr(profile, metric)[place].mean:.3f}") for profile in drift.profiles),
        ]
        for place, start in enumerate(drift.steps)
    ]
    head = ("From event", *(profile.name for profile in drift.profiles))
    table = Table(f"{title}, means of {STEP} events", head, rows)
    return Plot(around_the_switch(drift, metric, title=title), table)
