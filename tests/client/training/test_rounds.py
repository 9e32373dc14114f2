"""What one round gives, with and without privacy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.client.training.rounds import Trained, train_round
from penchant.shared.contract import EventPrivacy, LocalTraining, TrainingTask
from penchant.shared.errors import RoundError
from penchant.shared.history import History
from penchant.shared.randomness import SeededRandomness
from penchant.shared.scoring import Scorer

MakeHistory = Callable[..., History]
MakeTraining = Callable[..., LocalTraining]
START = np.array([0.8, -0.5, 0.3], dtype=np.float32)
PRIVACY = EventPrivacy(
    sampling_probability=0.5, expected_batch_size=2.0, clipping_norm=1.0, noise_multiplier=2.0
)
UNITS = pytest.mark.parametrize("privacy", [None, PRIVACY], ids=["plain", "event"])


def train(scorer: Scorer, history: History, training: LocalTraining) -> Trained:
    """Run one round with the same draws every time."""
    ranker = scorer.ranker
    return train_round(
        TrainingTask(ranker.model_id, 1, training, ranker.vector),
        settings=ranker.settings,
        item_features=scorer.features,
        history=history,
        private_vector=START,
        randomness=SeededRandomness(3),
    )


@UNITS
def test_an_update_is_clipped_whole(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining, privacy: EventPrivacy
) -> None:
    """The update is at most the clipping norm long and keeps its direction; u is not clipped."""
    history = make_history(scorer, [3, 7, 11, 3])
    free = train(scorer, history, make_training(event_privacy=privacy))
    length = float(np.linalg.norm(free.update))
    for clipping_norm in (length / 3, length * 3):
        training = make_training(event_privacy=privacy, clipping_norm=clipping_norm)
        clipped = train(scorer, history, training)
        expected = free.update * min(1.0, clipping_norm / length)
        np.testing.assert_allclose(clipped.update, expected, rtol=1e-5, atol=1e-8)
        assert np.linalg.norm(clipped.update) <= clipping_norm * (1 + 1e-6)
        np.testing.assert_array_equal(clipped.private_vector, free.private_vector)


@UNITS
def test_the_same_draws_give_the_same_round(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining, privacy: EventPrivacy
) -> None:
    """A round with the same task, history and draws is the same to the bit."""
    history = make_history(scorer, [3, 7, 11, 3])
    training = make_training(event_privacy=privacy)
    one, other = train(scorer, history, training), train(scorer, history, training)
    assert one.update.tobytes() == other.update.tobytes()
    assert one.private_vector.tobytes() == other.private_vector.tobytes()
    assert one.update.any()


@UNITS
def test_a_round_changes_nothing_it_was_given(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining, privacy: EventPrivacy
) -> None:
    """The ranker, the private vector, the history and the features stay as they were."""
    history = make_history(scorer, [3, -1, 11, 3])
    given: list[NDArray[Any]] = [
        scorer.ranker.vector,
        START,
        scorer.features,
        history.features,
        history.items,
    ]
    before = [array.copy() for array in given]
    train(scorer, history, make_training(event_privacy=privacy))
    for array, kept in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, kept)


@UNITS
def test_diverging_is_an_error(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining, privacy: EventPrivacy
) -> None:
    """Rates that give infinite or NaN numbers are a RoundError that says what to do."""
    training = make_training(rate=1e38, steps=4, event_privacy=privacy)
    with pytest.raises(RoundError, match=r"round 1 gave numbers .* not finite; lower the learning"):
        train(scorer, make_history(scorer, [3, 7, 11, 3]), training)


@UNITS
def test_numbers_have_the_wires_form(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining, privacy: EventPrivacy
) -> None:
    """Updates are float32 of the ranker's size, private vectors of its dimension."""
    history = make_history(scorer, [3, 7])
    trained = train(scorer, history, make_training(event_privacy=privacy, clipping_norm=0.1))
    assert trained.update.dtype == trained.private_vector.dtype == np.float32
    assert trained.update.shape == (scorer.ranker.settings.size,)
    assert trained.private_vector.shape == (3,)
