"""The laws of the interest state."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.client import HalfLives, InterestState
from penchant.shared.errors import ConfigurationError, StoreError

DIMENSION = 3
DAY = 86_400
HALF_LIVES = HalfLives(short_days=2.0, long_days=60.0)
Happening = tuple[NDArray[np.float32], int, float]


def happening(direction: tuple[float, float, float], time: int, weight: float) -> Happening:
    """An embedded event, its direction made unit norm."""
    vector = np.array(direction)
    return (vector / np.linalg.norm(vector)).astype(np.float32), time, weight


coordinate = st.floats(0.1, 1.0) | st.floats(-1.0, -0.1)
happenings = st.lists(
    st.builds(
        happening,
        st.tuples(coordinate, coordinate, coordinate),
        st.integers(0, 400 * DAY),
        st.sampled_from([1.0, 2.0, 3.0, -1.0]),
    ),
    min_size=1,
    max_size=12,
)


def state_of(events: list[Happening]) -> InterestState:
    """The state after ``events``, one at a time."""
    return InterestState.empty(DIMENSION).updated_many(events, half_lives=HALF_LIVES)


def closed_form(events: list[Happening], half_life_days: float) -> NDArray[np.float64]:
    """The module's formula over all events at once, at the time of the latest."""
    latest = max(time for _, time, _ in events)
    decay = [2.0 ** (-(latest - time) / (half_life_days * DAY)) for _, time, _ in events]
    weighted = sum(
        d * weight * embedding.astype(np.float64)
        for d, (embedding, _, weight) in zip(decay, events, strict=True)
    )
    total = sum(d * abs(weight) for d, (_, _, weight) in zip(decay, events, strict=True))
    return np.asarray(weighted / total)


@given(events=happenings, order=st.randoms(use_true_random=False))
def test_order_does_not_matter(events: list[Happening], order: Random) -> None:
    """The same events in any order give the same state, to 1e-9: late arrivals do no harm."""
    shuffled = list(events)
    order.shuffle(shuffled)
    one, other = state_of(events), state_of(shuffled)
    np.testing.assert_allclose(one.sums, other.sums, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.weights, other.weights, rtol=0, atol=1e-9)
    assert one.latest == other.latest


@given(events=happenings)
def test_update_equals_the_closed_form(events: list[Happening]) -> None:
    """Updating event by event gives the formula over all events, at both half-lives."""
    short, long = state_of(events).means()
    np.testing.assert_allclose(short, closed_form(events, HALF_LIVES.short_days), atol=1e-6)
    np.testing.assert_allclose(long, closed_form(events, HALF_LIVES.long_days), atol=1e-6)


@given(events=happenings)
def test_the_state_grows_with_the_dimension_alone(events: list[Happening]) -> None:
    """The state has 3 + 2m numbers, however many events it has seen."""
    assert len(state_of(events).to_bytes()) == 8 * (3 + 2 * DIMENSION)


@given(events=happenings)
def test_bytes_round_trip(events: list[Happening]) -> None:
    """A state read back from its bytes is the state, to the bit, and goes on in the same way."""
    state = state_of(events)
    back = InterestState.from_bytes(state.to_bytes(), dimension=DIMENSION)
    assert back.latest == state.latest
    np.testing.assert_array_equal(back.sums, state.sums)
    np.testing.assert_array_equal(back.weights, state.weights)
    again = back.updated_many(events, half_lives=HALF_LIVES)
    assert again.to_bytes() == state.updated_many(events, half_lives=HALF_LIVES).to_bytes()


@given(events=happenings)
def test_means_stay_within_the_events(events: list[Happening]) -> None:
    """Means of unit vectors are never longer than 1, dislikes and old events included."""
    lengths = np.linalg.norm(state_of(events).means(), axis=1)
    assert (lengths <= 1 + 1e-6).all()


def test_an_update_leaves_the_state_it_came_from() -> None:
    """An update returns the next state; the one before is still what it was."""
    before = state_of([happening((1, 0, 0), 0, 1.0)])
    kept = before.to_bytes()
    after = before.updated(np.eye(3, dtype=np.float32)[1], time=DAY, half_lives=HALF_LIVES)
    assert before.to_bytes() == kept
    assert after.to_bytes() != kept


def test_the_short_half_life_follows_a_switch_sooner() -> None:
    """After a switch of interest the short mean turns to the new one first, then the long one."""
    old, new = np.eye(3, dtype=np.float32)[:2]
    state = InterestState.empty(DIMENSION)
    for day in range(60):
        state = state.updated(old, time=day * DAY, half_lives=HALF_LIVES)
    turned: dict[str, int] = {}
    for day in range(60, 200):
        state = state.updated(new, time=day * DAY, half_lives=HALF_LIVES)
        for name, mean in zip(("short", "long"), state.means(), strict=True):
            if mean @ new > mean @ old:
                turned.setdefault(name, day - 59)
    # With half-life h and daily events the new interest leads once 2^(-t/h) < 1/2: after h days
    # for the short one (steady state), and later than that for the long one.
    assert turned["short"] == pytest.approx(HALF_LIVES.short_days, abs=1)
    assert 10 * turned["short"] < turned["long"] < 60


def test_a_half_life_halves() -> None:
    """An event one half-life old weighs half as much as one now."""
    old, new = np.eye(3, dtype=np.float32)[:2]
    state = InterestState.empty(DIMENSION)
    state = state.updated(old, time=0, half_lives=HALF_LIVES)
    state = state.updated(new, time=2 * DAY, half_lives=HALF_LIVES)
    np.testing.assert_allclose(state.means()[0], [1 / 3, 2 / 3, 0], atol=1e-7)


def test_a_dislike_turns_interest_away() -> None:
    """A negative weight moves the mean away from the event, and does not cancel its share."""
    state = state_of([happening((1, 0, 0), 0, 1.0), happening((0, 1, 0), 0, -1.0)])
    np.testing.assert_allclose(state.means()[1], [0.5, -0.5, 0], atol=1e-7)


def test_an_empty_state_has_no_interest() -> None:
    """Before the first event both means are zero, not NaN."""
    np.testing.assert_array_equal(InterestState.empty(DIMENSION).means(), np.zeros((2, DIMENSION)))


def test_bytes_of_another_dimension_are_refused() -> None:
    """A state of another encoder is a StoreError that names both sizes."""
    data = InterestState.empty(DIMENSION).to_bytes()
    with pytest.raises(StoreError, match=r"72 bytes; 88 were expected .* dimension 4"):
        InterestState.from_bytes(data, dimension=DIMENSION + 1)
    with pytest.raises(StoreError, match="71 bytes"):
        InterestState.from_bytes(data[:-1], dimension=DIMENSION)


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan")])
def test_half_lives_are_above_zero(days: float) -> None:
    """A half-life that would divide by zero or make old events grow is refused."""
    with pytest.raises(ConfigurationError, match="above 0"):
        HalfLives(short_days=days)
    with pytest.raises(ConfigurationError, match="above 0"):
        HalfLives(long_days=days)
