"""Which observed events are kept."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.client import Event, QualityRules
from penchant.client.quality import Cleaning, Happening, Inspected, Refusal, Tally, inspect
from penchant.shared.errors import ConfigurationError, StoreError

NOW = 1_000_000
KeptBetween = Callable[[int, int], Sequence[Happening]]


def kept_events(*events: Event) -> KeptBetween:
    """A store of ``events``."""
    happenings = sorted(map(Happening.of, events), key=lambda happening: happening.time)
    return lambda first, last: [h for h in happenings if first <= h.time <= last]


def inspected(*events: Event, kept: Sequence[Event] = (), **rules: int) -> Inspected:
    """An inspection by the default rules but those given."""
    return inspect(events, QualityRules(**rules), kept=kept_events(*kept), now=NOW)


def view(item: str, time: int) -> Event:
    """A view."""
    return Event(kind="view", item=item, time=time)


def test_good_events_are_as_they_were() -> None:
    """Events without fault are the very same, in the order they came in."""
    events = (
        view("b", 9),
        view("a", 5),
        Event(kind="search", text="cold war thrillers", time=5, language="en"),
    )
    assert inspected(*events) == Inspected(events)


def test_duplicates_are_refused() -> None:
    """The same thing in the same second is kept once, against the store and within a batch."""
    first, again = view("a", 5), view("a", 5)
    like = Event(kind="like", item="a", time=5)
    found = inspected(first, again, like, view("a", 6), kept=[view("b", 5)])
    assert found.events == (first, Refusal.DUPLICATE, like, view("a", 6))
    found = inspected(view("a", 6), view("b", 5), kept=[view("a", 5), view("b", 5)])
    assert found.events == (view("a", 6), Refusal.DUPLICATE)
    wide = inspected(view("a", 9), view("a", 20), kept=[view("a", 5)], duplicate_seconds=5)
    assert wide.events == (Refusal.DUPLICATE, view("a", 20))
    assert inspected(first, again, duplicate_seconds=0).events == (first, again)


def test_texts_that_clean_to_the_same_are_duplicates() -> None:
    """What is compared is what would be kept."""
    one = Event(kind="search", text="jazz", time=5)
    other = Event(kind="search", text="<b>jazz</b>\u200b", time=5)
    assert inspected(one, other).events == (one, Refusal.DUPLICATE)


def test_a_burst_is_refused_past_its_limit() -> None:
    """More events than a person can do in a while are refused beyond the limit, then kept again."""
    events = [view(str(number), number // 10) for number in range(40)]  # ten a second
    found = inspected(*events, burst_events=15, burst_seconds=3)
    kept = [event.time for event in found.events if isinstance(event, Event)]
    assert kept == [0] * 10 + [1] * 5 + [3] * 10
    assert found.events[15] is Refusal.BURST
    slow = [view(str(number), 3 * number) for number in range(40)]
    assert inspected(*slow, burst_events=1, burst_seconds=3).events == tuple(slow)
    assert inspected(*events, burst_seconds=0).events == tuple(events)


def test_a_burst_counts_what_is_kept() -> None:
    """Events one at a time are refused as a batch of them would be."""
    events = [view(str(number), number // 10) for number in range(40)]
    kept: list[Event] = []
    for event in events:
        (found,) = inspected(event, kept=kept, burst_events=15, burst_seconds=3).events
        if isinstance(found, Event):
            kept.append(found)
    at_once = inspected(*events, burst_events=15, burst_seconds=3)
    assert [event for event in at_once.events if isinstance(event, Event)] == kept


@given(
    times=st.lists(st.integers(0, 30), max_size=40),
    most=st.integers(1, 5),
    seconds=st.integers(1, 6),
)
def test_no_window_holds_more_than_the_limit(times: list[int], most: int, seconds: int) -> None:
    """In any ``burst_seconds`` on end there are at most ``burst_events`` kept."""
    events = [view(str(number), time) for number, time in enumerate(times)]
    found = inspected(*events, burst_events=most, burst_seconds=seconds)
    kept = [event.time for event in found.events if isinstance(event, Event)]
    for start in range(-seconds, 31):
        assert sum(start < time <= start + seconds for time in kept) <= most
    assert len(kept) >= min(most, len(times))


def test_times_are_put_right_or_refused() -> None:
    """A time ahead of the clock becomes now; one before the earliest is refused."""
    ahead = view("a", NOW + 86_401)
    found = inspected(ahead, view("b", NOW + 86_400))
    assert found.events == (view("a", NOW), view("b", NOW + 86_400))
    assert found.cleaned == {Cleaning.FUTURE_TIME: 1}
    assert inspected(view("a", 0), earliest_time=1).events == (Refusal.TOO_EARLY,)
    assert inspected(view("a", 0)).events == (view("a", 0),)


def test_texts_are_put_right_or_refused() -> None:
    """Empty and huge texts alone are refused; beside an item an empty one is dropped."""
    empty = Event(kind="search", text="<p>\u200b</p>", time=5)
    beside = Event(kind="view", item="a", text=" \x00", time=5)
    huge = Event(kind="search", text="x" * 101, time=5)
    long = Event(kind="search", text="word " * 10, time=5)
    found = inspected(empty, beside, huge, long, long_text=20, huge_text=100)
    assert found.events == (
        Refusal.EMPTY_TEXT,
        Event(kind="view", item="a", time=5),
        Refusal.HUGE_TEXT,
        Event(kind="search", text="word word word word", time=5),
    )
    assert found.cleaned == {
        Cleaning.EMPTY_TEXT: 1,
        Cleaning.CONTROL_CHARACTERS: 1,
        Cleaning.NORMALISED: 2,
        Cleaning.LONG_TEXT: 1,
    }


def test_what_is_refused_is_not_counted_as_put_right() -> None:
    """A cleaned search that repeats another, or comes in a burst, is refused and that alone."""
    searches = [Event(kind="search", text=f"<b>{text}</b>", time=5) for text in "aab"]
    found = inspected(*searches, burst_events=1, burst_seconds=3)
    assert found.events[1:] == (Refusal.DUPLICATE, Refusal.BURST)
    assert found.cleaned == {Cleaning.MARKUP: 1, Cleaning.NORMALISED: 1}


@pytest.mark.parametrize(
    ("rule", "value"),
    [("duplicate_seconds", -1), ("burst_events", 0), ("long_text", 0), ("huge_text", 5)],
)
def test_rules_out_of_range_are_refused(rule: str, value: int) -> None:
    """A rule that means nothing is refused by name."""
    with pytest.raises(ConfigurationError, match=f"{rule} is {value}; it must be at least"):
        QualityRules(**{rule: value})


def test_counts_add_up_and_round_trip() -> None:
    """Counts grow with each inspection, keep the last refusals, and hold nothing that was said."""
    tally = Tally()
    assert tally.with_inspected(inspected(view("a", 5)), now=1) is tally
    for number in range(30):
        tally = tally.with_inspected(
            inspected(
                view("secret item", 5),
                view("secret item", 5),
                Event(kind="search", text=f"<b>secret text {number}</b>", time=7),
                Event(kind="search", text="\x00", time=5),
            ),
            now=number,
        )
    assert tally.refused == {Refusal.DUPLICATE: 30, Refusal.EMPTY_TEXT: 30}
    assert len(tally.last_refused) == 20
    assert tally.last_refused[-1].time == 29
    assert {refused.reason for refused in tally.last_refused} == set(tally.refused)
    assert Tally.from_bytes(tally.to_bytes()) == tally
    assert b"secret" not in tally.to_bytes()
    assert Tally.from_bytes(None) == Tally()
    endless = b'{"refused": {"burst": 1e999}, "last_refused": []}'
    unknown = b'{"refused": {"x": 1}, "last_refused": []}'
    for damaged in (b"", b"[]", b"{}", unknown, endless, b"[" * 100_000):
        with pytest.raises(StoreError, match="counts cannot be read"):
            Tally.from_bytes(damaged)
