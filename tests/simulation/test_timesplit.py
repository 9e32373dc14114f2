"""The global time split: nothing that is trained on happened after anything that is tested."""

from hypothesis import assume, given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.simulation.datasets import Dataset
from penchant.simulation.split import NOTHING
from penchant.simulation.timesplit import SHARE, time_split

EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(0, 40)), min_size=12, max_size=60
)


def dataset_of(events: list[tuple[int, int, int]]) -> Dataset:
    """Return events as a data set of five people and eight items."""
    people, items, times = zip(*events, strict=True)
    return Dataset.from_events(
        "small",
        item_ids=[str(i) for i in range(8)],
        item_texts=[f"item {i}" for i in range(8)],
        person_ids=[str(i) for i in range(5)],
        people=people,
        items=items,
        times=times,
    )


@given(EVENTS)
def test_the_future_is_never_trained_on(events: list[tuple[int, int, int]]) -> None:
    """Training and validation of everybody lie before every test, and each stage is in order."""
    dataset = dataset_of(events)
    try:
        split = time_split(dataset)
    except DataError:
        assume(False)  # nobody has events both before and after the moment
    held = split.people
    assert (split.test_items[held] != NOTHING).all()
    first = split.test_times[held].min()
    assert (split.training.times < first).all()
    assert (split.validation_times[held] < first).all()
    for person in held:
        items, times = split.training.history(int(person))
        assert len(items) >= 1
        assert times.max() <= split.validation_times[person]
        known = [*items.tolist(), split.validation_items[person]]
        assert split.test_items[person] not in known
        assert len(set(known)) == len(known)


def test_a_tenth_of_the_events_is_the_future() -> None:
    """The moment is the time of the event at the quantile, so an order will do for a time."""
    dataset = dataset_of([(i % 5, i // 5, i) for i in range(40)])
    split = time_split(dataset)
    moment = int(SHARE * 39)
    assert split.test_times[split.people].min() == moment
    assert split.training.n_events + 5 == moment
