"""The laws of the update policies and of the interest state."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.client.interests import (
    Ewma,
    HalfLives,
    InterestPolicy,
    InterestState,
    Observed,
    Window,
    empty_state,
    mean_shares,
    state_bytes,
    state_key,
    stored_state,
)
from penchant.shared.errors import ConfigurationError

DIMENSION = 3
DAY = 86_400
KEY = state_key(HalfLives(), catalogue="c")
POLICIES: list[InterestPolicy] = [
    HalfLives(short_days=2.0, long_days=60.0),
    Ewma(short_rate=0.5, long_rate=0.1),
    Ewma(short_rate=1.0, long_rate=0.3),
    Window(short_length=2, long_length=5),
]
Happening = tuple[tuple[float, float, float], int, float]

coordinate = st.floats(0.1, 1.0) | st.floats(-1.0, -0.1)
happenings = st.lists(
    st.tuples(
        st.tuples(coordinate, coordinate, coordinate),
        st.integers(0, 400 * DAY) | st.integers(0, 3),
        st.sampled_from([1.0, 2.0, 3.0, -1.0]),
    ),
    min_size=1,
    max_size=12,
)
policies = st.sampled_from(POLICIES)


def observed(events: list[Happening]) -> Observed:
    """Events as the state reads them, their directions made unit norm."""
    vectors = np.array([direction for direction, _, _ in events])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return Observed(
        unit.astype(np.float32),
        np.array([time for _, time, _ in events], dtype=np.int64),
        np.array([weight for _, _, weight in events]),
    )


def in_turn(policy: InterestPolicy, events: list[Happening]) -> InterestState:
    """The state after ``events`` in order of time, one at a time."""
    state = empty_state(policy, dimension=DIMENSION)
    for event in sorted(events, key=lambda event: event[1]):
        state = state.updated(observed([event]))
    return state


def written_out(policy: InterestPolicy, events: list[Happening]) -> NDArray[np.float64]:
    """The module's formula in plain loops, float64 (2, m)."""
    ordered = observed(sorted(events, key=lambda event: event[1]))
    n = len(ordered)
    means = []
    for which in range(2):
        top, bottom = np.zeros(DIMENSION), 0.0
        for k in range(n):
            if isinstance(policy, HalfLives):
                half_life = (policy.short_days, policy.long_days)[which] * DAY
                factor = 2.0 ** (-(int(ordered.times[-1]) - int(ordered.times[k])) / half_life)
            elif isinstance(policy, Ewma):
                rate = (policy.short_rate, policy.long_rate)[which]
                factor = rate * (1 - rate) ** (n - 1 - k)
            else:
                assert isinstance(policy, Window)
                factor = float(n - k <= (policy.short_length, policy.long_length)[which])
            top += factor * ordered.weights[k] * ordered.embeddings[k].astype(np.float64)
            bottom += factor * abs(ordered.weights[k])
        means.append(top / bottom if bottom else top)
    return np.array(means)


@given(policy=policies, events=happenings)
def test_updates_equal_the_formula(policy: InterestPolicy, events: list[Happening]) -> None:
    """Updating event by event, and all at once, gives the formula over all events."""
    expected = written_out(policy, events)
    np.testing.assert_allclose(in_turn(policy, events).means(), expected, atol=1e-6)
    at_once = empty_state(policy, dimension=DIMENSION).updated(observed(events))
    np.testing.assert_allclose(at_once.means(), expected, atol=1e-6)


@given(policy=policies, events=happenings, order=st.randoms(use_true_random=False))
def test_order_does_not_matter(
    policy: InterestPolicy, events: list[Happening], order: Random
) -> None:
    """Events in any order give the same state wherever the state takes them."""
    times = {time: event for event in events for time in [event[1]]}  # one event a time
    events = list(times.values())
    shuffled = list(events)
    order.shuffle(shuffled)
    state = empty_state(policy, dimension=DIMENSION)
    for event in shuffled:
        if not state.takes(np.array([event[1]])):
            assert isinstance(policy, Ewma)
            return
        state = state.updated(observed([event]))
    np.testing.assert_allclose(state.means(), in_turn(policy, events).means(), atol=1e-7)


def test_only_ewma_refuses_what_comes_late() -> None:
    """A late event can be added to all states but that of ewma, which has to replay."""
    for policy in POLICIES:
        state = empty_state(policy, dimension=DIMENSION).updated(observed([((1, 0, 0), 50, 1.0)]))
        assert state.takes(np.array([50, 51]))
        assert state.takes(np.array([49])) is not isinstance(policy, Ewma)


@given(events=happenings)
def test_ewma_is_the_recursion(events: list[Happening]) -> None:
    """The numerator is x' = (1 - l) x + l w e from x = 0, and the denominator that of |w|."""
    policy = Ewma(short_rate=0.3, long_rate=0.05)
    ordered = observed(sorted(events, key=lambda event: event[1]))
    for rate, mean in zip((0.3, 0.05), in_turn(policy, events).means(), strict=True):
        x, weight = np.zeros(DIMENSION), 0.0
        for embedding, w in zip(ordered.embeddings, ordered.weights, strict=True):
            x = (1 - rate) * x + rate * w * embedding
            weight = (1 - rate) * weight + rate * abs(w)
        np.testing.assert_allclose(mean, x / weight, atol=1e-6)


@given(policy=policies, events=happenings)
def test_shares_make_the_means(policy: InterestPolicy, events: list[Happening]) -> None:
    """What each event is of the means adds up to them: evidence is exact."""
    ordered = observed(sorted(events, key=lambda event: event[1]))
    shares = mean_shares(policy, ordered.times, ordered.weights)
    means = shares @ ordered.embeddings.astype(np.float64)
    np.testing.assert_allclose(means, in_turn(policy, events).means(), atol=1e-6)


@given(policy=policies, events=happenings)
def test_means_stay_within_the_events(policy: InterestPolicy, events: list[Happening]) -> None:
    """Means of unit vectors are never longer than 1, dislikes and old events included."""
    lengths = np.linalg.norm(in_turn(policy, events).means(), axis=1)
    assert (lengths <= 1 + 1e-6).all()


@given(policy=st.sampled_from(POLICIES[:3]), events=happenings)
def test_bytes_round_trip(policy: InterestPolicy, events: list[Happening]) -> None:
    """A state read back from its bytes is the state, to the bit, and goes on in the same way."""
    state = in_turn(policy, events)
    kept = state_bytes(state, key=KEY)
    assert len(kept) == 16 + 8 * (3 + 2 * DIMENSION)
    back = stored_state(kept, policy, dimension=DIMENSION, key=KEY)
    assert back is not None
    assert state_bytes(back, key=KEY) == kept
    later = observed([((0, 1, 0), 500 * DAY, 1.0)])
    assert back.updated(later).to_bytes() == state.updated(later).to_bytes()


def test_a_state_is_for_its_policy_catalogue_and_dimension() -> None:
    """Bytes kept under other settings, or damaged, ask for a replay instead of misleading."""
    state = empty_state(HalfLives(), dimension=DIMENSION).updated(observed([((1, 0, 0), 5, 1.0)]))
    kept = state_bytes(state, key=KEY)
    assert stored_state(kept, HalfLives(), dimension=DIMENSION, key=KEY) is not None
    for other in (HalfLives(short_days=3.0), Ewma(), Window()):
        key = state_key(other, catalogue="c")
        assert key != KEY
        assert stored_state(kept, other, dimension=DIMENSION, key=key) is None
    key = state_key(HalfLives(), catalogue="d")
    assert stored_state(kept, HalfLives(), dimension=DIMENSION, key=key) is None
    assert stored_state(kept, HalfLives(), dimension=DIMENSION + 1, key=KEY) is None
    assert stored_state(kept[:-1], HalfLives(), dimension=DIMENSION, key=KEY) is None
    assert stored_state(None, HalfLives(), dimension=DIMENSION, key=KEY) is None


@pytest.mark.parametrize("policy", POLICIES)
def test_an_empty_state_has_no_interest(policy: InterestPolicy) -> None:
    """Before the first event both means are zero, not NaN."""
    state = empty_state(policy, dimension=DIMENSION)
    assert state.is_empty
    np.testing.assert_array_equal(state.means(), np.zeros((2, DIMENSION)))


@pytest.mark.parametrize("policy", POLICIES)
def test_an_update_leaves_the_state_it_came_from(policy: InterestPolicy) -> None:
    """An update returns the next state; the one before is still what it was."""
    before = in_turn(policy, [((1, 0, 0), 0, 1.0)])
    kept = before.means()
    after = before.updated(observed([((0, 1, 0), DAY, 1.0)]))
    np.testing.assert_array_equal(before.means(), kept)
    assert (after.means() != kept).any()


@pytest.mark.parametrize("policy", [HalfLives(), Ewma(), Window()])
def test_the_short_lived_interest_follows_a_switch_sooner(policy: InterestPolicy) -> None:
    """After a switch of interest the short-lived vector turns to the new one before the other."""
    state = in_turn(policy, [((1, 0, 0), day * DAY, 1.0) for day in range(60)])
    turned: dict[str, int] = {}
    for day in range(60, 200):
        state = state.updated(observed([((0, 1, 0), day * DAY, 1.0)]))
        for name, mean in zip(("short", "long"), state.means(), strict=True):
            if mean[1] > mean[0]:
                turned.setdefault(name, day - 59)
    assert turned["short"] <= 8
    assert turned["short"] < turned["long"] < 70


def test_a_half_life_halves() -> None:
    """An event one half-life old weighs half as much as one now."""
    state = in_turn(HalfLives(), [((1, 0, 0), 0, 1.0), ((0, 1, 0), 2 * DAY, 1.0)])
    np.testing.assert_allclose(state.means()[0], [1 / 3, 2 / 3, 0], atol=1e-7)


def test_a_window_forgets_what_left_it() -> None:
    """Only the last W events count, whatever their times."""
    events: list[Happening] = [((1, 0, 0), 0, 1.0), ((0, 1, 0), 1, 1.0), ((0, 0, 1), 2, 1.0)]
    state = in_turn(Window(short_length=1, long_length=2), events)
    np.testing.assert_allclose(state.means(), np.array([[0, 0, 1], [0, 0.5, 0.5]]), atol=1e-7)


def test_a_dislike_turns_interest_away() -> None:
    """A negative weight moves the mean away from the event, and does not cancel its share."""
    state = in_turn(HalfLives(), [((1, 0, 0), 0, 1.0), ((0, 1, 0), 0, -1.0)])
    np.testing.assert_allclose(state.means()[1], [0.5, -0.5, 0], atol=1e-7)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_settings_out_of_range_are_refused(value: float) -> None:
    """A half-life, rate or length that means nothing is refused with what was given."""
    with pytest.raises(ConfigurationError, match="above 0"):
        HalfLives(short_days=value)
    with pytest.raises(ConfigurationError, match="above 0"):
        HalfLives(long_days=value)
    with pytest.raises(ConfigurationError, match="at most 1"):
        Ewma(long_rate=value)
    with pytest.raises(ConfigurationError, match="at most 1"):
        Ewma(short_rate=1.5)
    with pytest.raises(ConfigurationError, match="at least 1"):
        Window(short_length=int(np.nan_to_num(value)))


def test_another_policy_is_refused() -> None:
    """What is none of the policies is refused, by name."""
    with pytest.raises(ConfigurationError, match="'ewma'; it must be HalfLives, Ewma or Window"):
        empty_state("ewma", dimension=3)  # type: ignore[arg-type]
