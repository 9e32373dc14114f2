"""Which events are predicted, from which, against which items."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from penchant.client.events import EventKind
from penchant.client.training.examples import (
    draw_batch,
    draw_negatives,
    known_items,
    predictable,
)
from penchant.shared.history import History
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer

MakeHistory = Callable[..., History]
FALSE_ALARM = 1e-4


def test_events_outside_the_catalogue_are_context_only(
    make_scorer: Callable[..., Scorer], make_history: MakeHistory
) -> None:
    """Free text is no target and no known item, but is in the context of what follows."""
    history = make_history(make_scorer(), [-1, 4, -1, 9])
    assert predictable(history).tolist() == [1, 3]
    assert known_items(history).tolist() == [4, 9]
    batch = draw_batch(history, examples=9, history_length=2, randomness=SeededRandomness(0))
    assert batch.targets.tolist() == [4, 9]
    assert batch.context.tolist()[1] == [2, 1]


def test_a_dislike_is_no_target_and_may_be_a_negative(
    make_scorer: Callable[..., Scorer], make_history: MakeHistory
) -> None:
    """What a person disliked is context, but nothing to learn to expect."""
    history = make_history(make_scorer(), [4, 7, 9])
    kinds = np.array([EventKind.VIEW.number, EventKind.DISLIKE.number, EventKind.LIKE.number])
    disliking = replace(history, kinds=kinds)
    assert known_items(disliking).tolist() == [4, 9]
    assert predictable(disliking).tolist() == [0, 2]


@given(
    rows=st.lists(st.integers(-1, 29), max_size=12),
    examples=st.integers(1, 14),
    history_length=st.integers(1, 5),
    seed=st.integers(0, 9),
)
def test_a_batch_looks_back_only(
    make_scorer: Callable[..., Scorer],
    make_history: MakeHistory,
    rows: list[int],
    examples: int,
    history_length: int,
    seed: int,
) -> None:
    """Targets are different events, each with exactly the events before it, latest first."""
    history = make_history(make_scorer(), rows)
    batch = draw_batch(
        history,
        examples=examples,
        history_length=history_length,
        randomness=SeededRandomness(seed),
    )
    places = predictable(history)
    count = min(examples, len(places))
    assert batch.context.shape == batch.missing.shape == (count, history_length)
    contexts = [
        [int(place) for place, gone in zip(row, missing, strict=True) if not gone]
        for row, missing in zip(batch.context.tolist(), batch.missing.tolist(), strict=True)
    ]
    by_place = {
        int(place): list(range(place - 1, max(-1, place - 1 - history_length), -1))
        for place in places
    }
    # A target's place is told by its context, except the first's, which has none.
    found = [context[0] + 1 if context else 0 for context in contexts]
    assert len(set(found)) == count
    for example, place in enumerate(found):
        assert contexts[example] == by_place[place]
        assert int(batch.targets[example]) == rows[place]
        for lag, earlier in enumerate(contexts[example]):
            assert int(batch.kinds[example, lag]) == history.kinds[earlier]
            hours = (history.times[place] - history.times[earlier]) / 3600
            assert float(batch.ages[example, lag]) == pytest.approx(np.log1p(hours), rel=1e-5)


def test_examples_are_drawn_evenly(
    make_scorer: Callable[..., Scorer], make_history: MakeHistory
) -> None:
    """Each event is as likely to be learnt from as any other (chi-square, false with 1e-4)."""
    history = make_history(make_scorer(), list(range(10)))
    counts = np.zeros(10)
    for repetition in range(1000):
        batch = draw_batch(
            history,
            examples=1,
            history_length=1,
            randomness=SeededRandomness(1).spawn(repetition),
        )
        counts[batch.targets.numpy()] += 1
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


def test_negatives_are_drawn_evenly_from_the_whole_catalogue() -> None:
    """No item is more or less likely a negative than another (chi-square, false with 1e-4)."""
    drawn = draw_negatives(items=40, negatives=39, randomness=SeededRandomness(1))
    assert drawn.shape == (39,)
    counts = np.zeros(40)
    for repetition in range(300):
        randomness = SeededRandomness(2).spawn(repetition)
        np.add.at(counts, draw_negatives(items=40, negatives=30, randomness=randomness), 1)
    assert counts.sum() == 300 * 30
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


def test_as_many_negatives_as_items_are_all_items() -> None:
    """Asking for as many negatives as there are items gives each once."""
    for negatives in (40, 41):
        drawn = draw_negatives(items=40, negatives=negatives, randomness=SeededRandomness(1))
        assert drawn.tolist() == list(range(40))
