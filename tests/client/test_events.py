"""Behaviour events."""

import time as clock
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from penchant.client import Event, EventKind
from penchant.shared.errors import DataError
from penchant.shared.ranker import DISLIKE, EVENT_KINDS


def test_kinds_number_the_rankers_weights() -> None:
    """Every kind has a weight of its own in the ranker, numbered from 0 in the wire's order."""
    assert [kind.number for kind in EventKind] == list(range(EVENT_KINDS))
    assert EventKind.VIEW.number == 0
    assert EventKind.CUSTOM.number == EVENT_KINDS - 1
    assert EventKind.DISLIKE.number == DISLIKE


def test_kinds_weigh_what_they_say() -> None:
    """A purchase says most, a like more than a view, and a dislike says the opposite."""
    assert EventKind.PURCHASE.weight > EventKind.LIKE.weight > EventKind.VIEW.weight > 0
    assert [kind for kind in EventKind if kind.weight < 0] == [EventKind.DISLIKE]


def test_parse_reads_a_record() -> None:
    """A record of plain values becomes an event."""
    event = Event.parse({"kind": "search", "text": "cold war thrillers", "time": 893286638})
    assert event == Event(kind=EventKind.SEARCH, text="cold war thrillers", time=893286638)


def test_time_is_now_if_not_given() -> None:
    """An event without a time happened now, in this century's seconds and not milliseconds."""
    assert 1_700_000_000 < Event(kind=EventKind.VIEW, item="a").time < 5_000_000_000


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kind": "view"}, "item id, a text, or both"),
        ({"kind": "glance", "item": "a"}, "kind"),
        ({"item": "a"}, "kind"),
        ({"kind": "view", "item": ""}, "item"),
        ({"kind": "search", "text": ""}, "text"),
        ({"kind": "search", "text": "a lone surrogate \ud800"}, "text"),
        ({"kind": "view", "item": "a", "time": -1}, "time"),
        ({"kind": "view", "item": "a", "time": float("nan")}, "time"),
        ({"kind": "view", "item": "a", "time": 893286638_000}, "time"),
        ({"kind": "view", "item": "a", "time": 10**30}, "time"),
        ({"kind": "view", "item": "a", "time": 5.5}, "time"),
        ({"kind": "view", "item": "a", "time": True}, "time"),
        ({"kind": "view", "item": "a", "time": "noon"}, "time"),
        ({"kind": ["view"], "item": "a"}, "kind"),
        ({"kind": "view", "item": 7}, "item"),
        ({"kind": "view", "item": "a", "rating": 5}, "rating"),
    ],
)
def test_parse_names_what_is_wrong(fields: dict[str, Any], named: str) -> None:
    """What is no event is a DataError that names the field; milliseconds are no seconds."""
    with pytest.raises(DataError, match=named):
        Event.parse(fields)


def test_events_do_not_change() -> None:
    """An event is what happened: it cannot be edited."""
    event = Event(kind=EventKind.VIEW, item="a")
    with pytest.raises(FrozenInstanceError):
        event.item = "b"  # type: ignore[misc]


def test_a_missing_time_is_now() -> None:
    """An event without a time, or with None for one, happened now."""
    before = int(clock.time())
    for fields in ({}, {"time": None}):
        event = Event.parse({"kind": "view", "item": "a", **fields})
        assert before <= event.time <= int(clock.time())


@pytest.mark.parametrize("language", ["en", "zh-Hant", "de-CH-1996", "fil"])
def test_a_language_is_a_tag(language: str) -> None:
    """A BCP 47 tag is kept as it is."""
    assert Event(kind="view", text="a", language=language).language == language


@pytest.mark.parametrize("language", ["", "e", "en_US", "english!", "-en"])
def test_another_language_is_refused(language: str) -> None:
    """What is no language tag is a DataError."""
    with pytest.raises(DataError, match="language"):
        Event.parse({"kind": "view", "text": "a", "language": language})


def test_whole_numbers_are_times() -> None:
    """Seconds may come as text or as a float that is whole, as tables and JSON have them."""
    for time in ("893286638", 893286638.0, 893286638):
        assert Event.parse({"kind": "view", "item": "a", "time": time}).time == 893286638


def test_an_event_is_checked_however_it_is_made() -> None:
    """The constructor and a changed copy refuse what ``parse`` refuses."""
    with pytest.raises(DataError, match="kind is 'glance'"):
        Event(kind="glance", item="a")
    event = Event(kind="view", item="a", text="b", time=5, language="en")
    assert replace(event, text=None) == Event(kind="view", item="a", time=5, language="en")
    with pytest.raises(DataError, match="item id, a text, or both"):
        replace(event, item=None, text=None)
