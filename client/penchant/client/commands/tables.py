"""What a device tells, as tables for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penchant.client.commands.output import moment
from penchant.client.forgetting import Forgotten
from penchant.client.interests import Interest, InterestEdit
from penchant.client.learnt import Relearning
from penchant.client.ledger import PrivacyReport, Receipt
from penchant.client.quality import Health
from penchant.client.ranking import Recommendation

__all__ = [
    "edits",
    "forgotten",
    "health",
    "interests",
    "plain_recommendations",
    "privacy",
    "receipts",
    "recommendations",
]

BAR_WIDTH = 20

_RELEARNT = {
    Relearning.UNTOUCHED: "training had not seen them",
    Relearning.REPLAYED: "what training learnt of you was learnt again without them",
    Relearning.RESET: "what training learnt of you is gone with them",
}


def recommendations(found: Sequence[Recommendation]) -> RenderableType:
    """Return items with their scores and the largest reasons."""
    if not found:
        return Text("nothing to recommend: you have seen it all")
    table = _table("item", "score", "why")
    for one in found:
        table.add_row(one.text or one.item, f"{one.score:+.2f}", Text(str(one.why), style="dim"))
    return table


def plain_recommendations(found: Sequence[Recommendation]) -> list[dict[str, Any]]:
    """Return the same as plain values, with every reason."""
    return [
        {
            "item": one.item,
            "text": one.text,
            "score": one.score,
            "why": [
                {"kind": reason.source.kind, "label": reason.source.label, "amount": reason.amount}
                for reason in one.why
            ],
        }
        for one in found
    ]


def interests(found: Sequence[Interest], changed: Sequence[InterestEdit]) -> RenderableType:
    """Return tags with bars, and the events that speak for each."""
    if not found and not changed:
        return Text("nothing is known yet; tell the device what you do")
    table = _table("interest", "share", "", "because of")
    largest = max((interest.share for interest in found), default=0.0)
    for interest in found:
        bar = "█" * max(1, round(BAR_WIDTH * interest.share / largest))
        because = ", ".join(str(event.text or event.item) for event in interest.evidence)
        table.add_row(interest.tag, f"{interest.share:.1%}", bar, Text(because, style="dim"))
    return Group(table, "", edits(changed)) if changed else table


def edits(changed: Sequence[InterestEdit]) -> RenderableType:
    """Return what the person changed."""
    table = _table("you said", "weight", "muted")
    for edit in changed:
        table.add_row(edit.tag, f"{edit.weight:+g}", "yes" if edit.mute else "no")
    return table


def privacy(report: PrivacyReport, agreed: Sequence[Receipt]) -> RenderableType:
    """Return the report in words, and what was agreed to."""
    lines: list[RenderableType] = [Text(line) for line in str(report).splitlines()]
    return Group(*lines, "", receipts(agreed)) if agreed else Group(*lines)


def receipts(agreed: Sequence[Receipt]) -> RenderableType:
    """Return what was agreed to, and whether it was taken back."""
    if not agreed:
        return Text("you have agreed to nothing; nothing leaves this device")
    table = _table("agreed to", "given", "taken back")
    for receipt in agreed:
        back = "" if receipt.revoked is None else moment(receipt.revoked)
        table.add_row(receipt.purpose, moment(receipt.given), back)
    return table


def health(found: Health) -> RenderableType:
    """Return counts of what was kept, cleaned and refused."""
    table = _table("events", "")
    table.add_row("kept", f"{found.events:,}")
    for what, counts in (("cleaned", found.cleaned), ("refused", found.refused)):
        for reason, count in counts.items():
            table.add_row(f"{what}: {reason}", f"{count:,}")
    return table


def forgotten(gone: Forgotten) -> RenderableType:
    """Return what was forgotten."""
    count = "1 event" if gone.events == 1 else f"{gone.events:,} events"
    return Text(f"{count} forgotten; {_RELEARNT[gone.private_vector]}")


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        right = heading in {"score", "share", "weight"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=right)
    return table
