"""The page's sentences: what was run, what it achieved, what was promised and to whom."""

from collections.abc import Mapping, Sequence

from penchant.simulation.report.summary import (
    BothUnits,
    Cohort,
    Group,
    Guarantee,
    NoPrivacy,
    Privacy,
    Results,
    Summary,
)

__all__ = [
    "achieved",
    "held_out",
    "interval",
    "note_on_intervals",
    "number",
    "of_the_ranker",
    "promises",
    "setting",
    "what_was_run",
    "with_ours",
]

WEAK_EPSILON = 4.0

_UNITS = {
    "event": "whether any single event of a person was there or not",
    "user": "whether any one person took part or not, with all that they ever did",
}


def number(value: float) -> str:
    """Write a number for people: no more digits than it deserves.

    >>> [number(v) for v in (8.0, 0.4137, 1.2e-06, 25000, 0.0)]
    ['8', '0.414', '1.2e-6', '25,000', '0']
    """
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2g}".replace("e-0", "e-")


def interval(bounds: Sequence[float]) -> str:
    r"""Write an interval of numbers in [0, 1] in little room.

    >>> interval([0.09, 0.1294]) == ".090\N{EN DASH}.129"
    True
    """
    return "\N{EN DASH}".join(f"{bound:.3f}".removeprefix("0") for bound in bounds)


def what_was_run(summary: Summary) -> str:
    """Say how many devices trained what, on what."""
    data = summary.dataset
    return (
        f"{summary.devices:,} simulated devices trained the ranker “{summary.preset}” together for "
        f"{summary.rounds:,} rounds, each with about {summary.cohort.mean_size:,.0f} of them, "
        f"on {data.name}: {data.events:,} events of {data.people:,} people with {data.items:,} "
        f"items. {summary.shared_numbers:,} numbers leave a device in a round; its events and its "
        f"interest vector do not.{_answers(summary.cohort)}{_aggregated(summary.cohort)}"
        f"{_without_text(summary)}{_kept(summary)}"
    )


def _answers(cohort: Cohort) -> str:
    """Say how many devices answered, if that is not all that were asked."""
    told = ""
    if cohort.dropout:
        told += f" Of the devices asked, {cohort.dropout:.0%} did not answer, by chance."
    if cohort.over_selection > 1:
        told += f" For each update that was wanted {number(cohort.over_selection)} were asked."
    return told


def _aggregated(cohort: Cohort) -> str:
    """Say how updates became one, if not by their sum."""
    if cohort.trimmed_share is not None:
        return (
            " Updates were aggregated by the trimmed mean of each number, without the "
            f"{cohort.trimmed_share:.0%} largest and the {cohort.trimmed_share:.0%} smallest."
        )
    if cohort.assumed_malicious is not None:
        return (
            " Updates were aggregated by Krum: each round the one that is nearest to its "
            f"neighbours, with {cohort.assumed_malicious} assumed malicious."
        )
    return ""


def _kept(summary: Summary) -> str:
    """Say which round's ranker was tested, if not the last one's."""
    if summary.kept_round is None:
        return ""
    return (
        f" The ranker of round {summary.kept_round} was kept and tested: by validation the last "
        "one had lost more than a tenth, by learning its people by heart."
    )


def _without_text(summary: Summary) -> str:
    """Say how many items have no text, and what follows; nothing if all have one."""
    missing, items = summary.dataset.items_without_text, summary.dataset.items
    if not missing:
        return ""
    what = "No item has a text" if missing == items else f"{missing:,} items have no text"
    return (
        f" {what}: the language model was given identifiers instead, which mean nothing to it, so "
        "what is learnt of such items is learnt from behaviour alone."
    )


def achieved(summary: Summary) -> str:
    """Say what share of people find their next item in the first ten, beside the controls."""
    ours, controls = summary.test, summary.controls
    others = {"Recommending what is popular": controls.popularity}
    if controls.no_federation is not None:
        others["the same ranker without federation"] = controls.no_federation
    full = ", ".join(f"{what} gives {other.full.hr:.1%}" for what, other in others.items())
    sampled = " and ".join(f"{other.sampled99.hr:.1%}" for other in others.values())
    return (
        f"For {ours.full.hr:.1%} of the people tested, what they chose next is among the first "
        f"ten of everything that was new to them. {full}. Among {summary.negatives} random others: "
        f"{ours.sampled99.hr:.1%}, against {sampled}; "
        f"chance is {min(1.0, 10 / (summary.negatives + 1)):.0%}.{_best(summary)}"
    )


def _best(summary: Summary) -> str:
    """Name the best of the tuned controls, and how it stands to penchant."""
    tuned = summary.controls.tuned.values()
    if not tuned:
        return ""
    best = max(tuned, key=lambda control: control.test.full.ndcg)
    return (
        f" Of the controls that were tuned the best, by NDCG@10 of full ranking, is {best.title}: "
        f"{best.test.full.ndcg:.3f}, against penchant's {summary.test.full.ndcg:.3f}."
    )


def held_out(protocol: str, targets: str | None = None) -> str:
    """Say what is ranked, by which protocol; with ``targets``, only events of these kinds."""
    only = "" if targets is None else f" An event is here one of kind {targets.replace(',', ', ')}."
    return {
        "leave-one-out": "Each person's last event is ranked, once, after every choice was made on "
        "the event before it.",
        "time": "At one moment training ends for everybody. Each person's first event with a new "
        "item after it is ranked, once, after every choice was made on their last event before "
        "it.",
        "cold-start": "The last event with a known item of each person who trained is ranked, "
        "once, after every choice was made on the one before it.",
    }[protocol] + only


def setting(values: Mapping[str, float | int | str]) -> str:
    """Write a control's setting.

    >>> setting({"neighbours": 20, "shrinkage": 0.5})
    'neighbours 20, shrinkage 0.5'
    """
    return ", ".join(f"{name} {value}" for name, value in values.items())


def with_ours(group: Group) -> dict[str, Results]:
    """Return a group's results of all models, penchant's first."""
    return {"penchant": group.test, **group.controls}


def promises(privacy: Privacy) -> list[str]:
    """Say what was promised: one sentence for each unit, with its adversary, epsilon and delta."""
    if isinstance(privacy, NoPrivacy):
        return [
            "No differential privacy was asked for: the trained ranker may reveal events of the "
            "people who took part to anybody who gets it, and an update those of its device to the "
            "server."
        ]
    if isinstance(privacy, BothUnits):
        return [_promise("user", privacy.user), _promise("event", privacy.event)]
    return [_promise(privacy.unit, privacy)]


def of_the_ranker(privacy: Privacy) -> str:
    """Say that a promise is of the ranker, where there is one: figures are counted, not noised."""
    if isinstance(privacy, NoPrivacy):
        return ""
    return (
        "That is promised of the training. This page is not covered: its figures are counted from "
        "the data, without noise."
    )


def note_on_intervals(summary: Summary) -> str:
    """Say what the small figures are, and which are wider because fewer people are in them."""
    told = (
        "Small figures are 95% intervals over people; they say nothing of the seed, and another "
        "gives other figures."
    )
    check = summary.leak_check
    tested = summary.evaluated_people or summary.devices - summary.dataset.training_only_people
    if summary.controls.no_federation is not None and check is not None and check.people < tested:
        told += (
            f" Those of no federation are wider, since only {check.people} people's devices are "
            "trained alone."
        )
    return told


def _promise(unit: str, guarantee: Guarantee) -> str:
    epsilon = guarantee.epsilon
    weak = " That is a weak promise; 4 or less is better." if epsilon > WEAK_EPSILON else ""
    return (
        f"Per {unit}, ε = {number(epsilon)} with δ = {number(guarantee.delta)}, against "
        f"{guarantee.adversary}: {_UNITS[unit]} changes the chance of anything they may get by at "
        f"most a factor of e^{number(epsilon)}, but for δ.{weak} Noise multiplier "
        f"{number(guarantee.noise_multiplier)}, clipping norm {number(guarantee.clipping_norm)}, "
        f"accounted with {guarantee.accountant} over the whole run."
    )
