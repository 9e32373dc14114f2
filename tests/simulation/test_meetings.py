"""Which event stands for a person's meeting of an item, and splits where events have kinds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.client import EventKind
from penchant.shared.errors import DataError
from penchant.simulation.coldstart import cold_start
from penchant.simulation.datasets import Dataset
from penchant.simulation.meetings import meetings
from penchant.simulation.split import NOTHING, LeaveOneOut, leave_one_out
from penchant.simulation.timesplit import SHARE, time_split

PEOPLE, ITEMS = 4, 6
# From what says least to what says most, as the module says it.
ORDER = ["search", "view", "dwell", "click", "custom", "share", "like", "purchase"]

Event = tuple[int, int, int, str]  # person, item, time, kind
event_lists = st.lists(
    st.tuples(
        st.integers(0, PEOPLE - 1),
        st.integers(0, ITEMS - 1),
        st.integers(0, 9),
        st.sampled_from(["view", "click", "purchase"]),
    ),
    max_size=60,
)
some_targets = st.sampled_from([(), (EventKind.PURCHASE,), (EventKind.VIEW,)])


def dataset_of(events: list[Event]) -> Dataset:
    """A few people and items with the given events."""
    people, items, times, kinds = zip(*events, strict=True) if events else ((), (), (), ())
    return Dataset.from_events(
        "shop",
        item_ids=[f"item {i}" for i in range(ITEMS)],
        item_texts=[f"text {i}" for i in range(ITEMS)],
        person_ids=[f"person {i}" for i in range(PEOPLE)],
        people=people,
        items=items,
        times=times,
        kinds=[EventKind(kind).number for kind in kinds],
    )


def kept(events: list[Event], person: int, targets: tuple[EventKind, ...]) -> list[Event]:
    """The rule in plain Python: of each item the first event of the kind that says most."""
    own = sorted((event for event in events if event[0] == person), key=lambda event: event[2])

    def says(place: int) -> tuple[bool, int]:
        return own[place][3] in targets, ORDER.index(own[place][3])

    places = [
        max((place for place, event in enumerate(own) if event[1] == item), key=says)
        for item in {event[1] for event in own}
    ]
    return [own[place] for place in sorted(places)]


def held(split: LeaveOneOut, person: int) -> tuple[list[Event], list[Event], tuple[int, int]]:
    """A person's training events, their validation event if any, and item and time of the test."""
    names = list(EventKind)
    items, times = split.training.history(person)
    kinds = split.training.kinds_of(person)
    training = [
        (person, int(i), int(t), names[k].value)
        for i, t, k in zip(items, times, kinds, strict=True)
    ]
    assert split.validation_kinds is not None
    validation = (
        person,
        int(split.validation_items[person]),
        int(split.validation_times[person]),
        names[split.validation_kinds[person]].value,
    )
    test = (int(split.test_items[person]), int(split.test_times[person]))
    return training, [validation] if validation[1] != NOTHING else [], test


@given(event_lists, some_targets)
def test_leave_one_out_holds_out_the_last_targets(
    events: list[Event], targets: tuple[EventKind, ...]
) -> None:
    """Training ends before the validation; neither held-out item is in it, at any time."""
    split = leave_one_out(dataset_of(events), targets=targets)
    for person in range(PEOPLE):
        own = kept(events, person, targets)
        chosen = [p for p, event in enumerate(own) if not targets or event[3] in targets]
        training, validation, test = held(split, person)
        if len(own) < 3 or len(chosen) < 2 or chosen[-2] == 0:
            assert (training, validation, test) == (own, [], (NOTHING, 0))
            continue
        assert (training, validation) == (own[: chosen[-2]], [own[chosen[-2]]])
        assert test == own[chosen[-1]][1:3]


@given(event_lists, some_targets)
def test_time_split_holds_out_targets_on_either_side_of_the_moment(
    events: list[Event], targets: tuple[EventKind, ...]
) -> None:
    """The last target before the moment, with something before it, and the first from it on."""
    every = [kept(events, person, targets) for person in range(PEOPLE)]
    times = sorted(event[2] for own in every for event in own)
    moment = times[int(SHARE * (len(times) - 1))] if times else 0
    expected = {}
    for person, own in enumerate(every):
        chosen = [p for p, event in enumerate(own) if not targets or event[3] in targets]
        early = [p for p in chosen if own[p][2] < moment]
        late = [p for p in chosen if own[p][2] >= moment]
        if early and early[-1] > 0 and late:
            expected[person] = (own[: early[-1]], [own[early[-1]]], own[late[0]][1:3])
    if not expected:
        if events:
            with pytest.raises(DataError, match="two events before its latest tenth"):
                time_split(dataset_of(events), targets=targets)
        return
    split = time_split(dataset_of(events), targets=targets)
    assert split.people.tolist() == list(expected)
    for person in range(PEOPLE):
        past = [event for event in every[person] if event[2] < moment]
        assert held(split, person) == expected.get(person, (past, [], (NOTHING, 0)))


def test_cold_start_keeps_kinds() -> None:
    """Whatever the order that it puts people and items in."""
    rng = np.random.default_rng(2)
    people, items = 60, 40
    who = np.repeat(np.arange(people), 12)
    what = np.concatenate([rng.choice(items, 12, replace=False) for _ in range(people)])
    kinds = rng.choice([0, 5], len(who)).astype(np.int8)
    whole = Dataset.from_events(
        "shop",
        item_ids=[str(item) for item in range(items)],
        item_texts=["text"] * items,
        person_ids=[str(person) for person in range(people)],
        people=who,
        items=what,
        times=np.arange(len(who)),
        kinds=kinds,
    )
    start = cold_start(whole, rng=np.random.default_rng(0))
    for split in (start.training, *start.groups.values()):
        for row, name in enumerate(split.training.person_ids):
            person = int(name)
            named = [split.training.item_ids[item] for item in split.training.history(row)[0]]
            told = dict(zip(named, split.training.kinds_of(row).tolist(), strict=True))
            if split.validation_items[row] != NOTHING:
                assert split.validation_kinds is not None
                last = split.training.item_ids[split.validation_items[row]]
                told[last] = int(split.validation_kinds[row])
            own = slice(whole.offsets[person], whole.offsets[person + 1])
            true = dict(zip(map(str, whole.items[own]), kinds[own].tolist(), strict=True))
            assert told.items() <= true.items()


def test_targets_need_kinds() -> None:
    """Without kinds nobody can say what a purchase was."""
    plain = Dataset.from_events(
        "plain", item_ids=["a", "b"], item_texts=["A", "B"], person_ids=["ann"],
        people=[0, 0], items=[0, 1], times=[1, 2],
    )  # fmt: skip
    for split in (leave_one_out, time_split):
        with pytest.raises(DataError, match=r"only purchase .* does not tell kinds"):
            split(plain, targets=[EventKind.PURCHASE])
    assert meetings(plain).tolist() == [0, 1]
