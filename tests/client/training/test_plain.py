"""Training without noise, against a slow computation of its own and a planted taste."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from penchant.client.training.rounds import Trained, train_round
from penchant.shared.contract import LearningRates, LocalTraining, TrainingTask
from penchant.shared.history import History
from penchant.shared.randomness import Randomness, SeededRandomness
from penchant.shared.ranker import DISLIKE, Preset, RankerSettings, split_vector
from penchant.shared.scoring import Scorer

START = np.array([0.8, -0.5, 0.3], dtype=np.float32)
EVERYTHING = 1000  # examples or negatives: all of them, so that nothing depends on the draw
FALSE_ALARM = 1e-4
MakeHistory = Callable[..., History]
MakeScorer = Callable[..., Scorer]
MakeTraining = Callable[..., LocalTraining]


def train(
    scorer: Scorer,
    history: History,
    training: LocalTraining,
    randomness: Randomness | None = None,
) -> Trained:
    """Run one round from ``START``."""
    ranker = scorer.ranker
    return train_round(
        TrainingTask(ranker.model_id, 1, training, ranker.vector),
        settings=ranker.settings,
        item_features=scorer.features,
        history=history,
        private_vector=START,
        randomness=randomness or SeededRandomness(0),
    )


def slow_loss(
    settings: RankerSettings,
    vector: NDArray[np.float64],
    private_vector: NDArray[np.float64],
    item_features: NDArray[np.float32],
    history: History,
) -> float:
    """The mean loss over all next events with all items as negatives: plain loops, float64."""
    shapes = settings.shapes()
    stops = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    pieces = np.split(vector, stops[:-1])
    arrays = {
        name: piece.reshape(shape)
        for (name, shape), piece in zip(shapes.items(), pieces, strict=True)
    }
    residual = arrays.get("item_residual", np.zeros((settings.items, settings.dimension)))
    context = arrays.get("context_projection", arrays["item_projection"])
    targets = np.where(history.kinds == DISLIKE, -1, history.items)
    known = {int(item) for item in targets if item >= 0}
    losses = []
    for place, target in enumerate(targets):
        if target < 0:
            continue
        logits, vectors = [], []
        for lag in range(settings.history_length):
            earlier = place - 1 - lag
            if earlier < 0:
                break
            item = history.items[earlier]
            own = residual[item] if item >= 0 else 0.0
            sign = -1 if history.kinds[earlier] == DISLIKE else 1
            vectors.append(sign * (history.features[earlier] @ context + own))
            logit = 0.0
            if "attention_kind" in arrays:
                hours = (history.times[place] - history.times[earlier]) / 3600
                logit = (
                    arrays["attention_position"][lag]
                    + arrays["attention_kind"][history.kinds[earlier]]
                    + arrays["attention_age"][0] * np.log1p(hours)
                )
            logits.append(logit)
        query = private_vector.copy()
        if vectors:
            shares = np.exp(logits) / np.exp(logits).sum()
            query = query + shares @ np.array(vectors)
        scores = {
            item: query @ (item_features[item] @ arrays["item_projection"] + residual[item])
            + arrays["popularity"][item]
            for item in range(settings.items)
            if item == target or item not in known
        }
        losses.append(np.log(sum(np.exp(s) for s in scores.values())) - scores[int(target)])
    return float(np.mean(losses))


def test_the_gradient_is_that_of_the_slow_loss(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining
) -> None:
    """A step moves every number by its rate times the central difference of an own slow loss."""
    settings = scorer.ranker.settings
    history = make_history(scorer, [3, -1, 7, 3, 11, 29, 7])
    history.kinds[[1, 3]] = DISLIKE
    rates = {
        "private_vector": 0.5,
        "item_projection": 0.25,
        "context_projection": 2.0,
        "attention": 1.5,
        "popularity": 3.0,
        "item_residual": 0.75,
    }
    training = make_training(rates=rates, steps=1, examples=EVERYTHING, negatives=EVERYTHING)
    trained = train(scorer, history, training)

    start = np.concatenate([START, scorer.ranker.vector]).astype(np.float64)

    def loss(point: NDArray[np.float64]) -> float:
        return slow_loss(settings, point[3:], point[:3], scorer.features, history)

    small = 1e-5
    gradient = np.array(
        [(loss(start + e) - loss(start - e)) / (2 * small) for e in small * np.eye(len(start))]
    )
    step = np.concatenate([trained.private_vector - START, trained.update])
    rate = {name: LearningRates(**rates).of(name) for name in settings.shapes()}
    scale = np.concatenate(
        [np.full(3, rates["private_vector"])]
        + [np.full(int(np.prod(shape)), rate[name]) for name, shape in settings.shapes().items()]
    )
    np.testing.assert_allclose(step, -scale * gradient, rtol=2e-3, atol=2e-6)


def test_the_loss_falls_on_a_planted_taste(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining
) -> None:
    """A person who goes round five items is learnt: the loss falls and the five rank on top."""
    liked = [3, 7, 11, 19, 29]
    history = make_history(scorer, liked * 3)
    training = make_training(rate=0.3, steps=60, examples=8, negatives=20)
    trained = train(scorer, history, training)
    settings, vector = scorer.ranker.settings, scorer.ranker.vector
    before, after = (
        slow_loss(settings, ranker.astype(float), private.astype(float), scorer.features, history)
        for ranker, private in (
            (vector, START),
            (vector + trained.update, trained.private_vector),
        )
    )
    assert after < before / 4
    learnt = scorer.with_vector(vector + trained.update)
    profile = learnt.profile(trained.private_vector, history, now=int(history.times[-1]))
    # Known items are not trained against, so one that is next late in the round may come sixth.
    assert set(liked) < set(np.argsort(-learnt.scores(profile))[:6])


def test_known_items_are_never_negatives(
    make_scorer: MakeScorer, make_history: MakeHistory, make_training: MakeTraining
) -> None:
    """What a person is known to like is never pushed down, even in steps that do not predict it."""
    scorer = make_scorer(Preset.COMPACT)
    known = [3, 7, 11, 19, 29]
    history = make_history(scorer, known)
    training = make_training(rate=1.0, steps=1, examples=1, negatives=10)
    for repetition in range(60):
        trained = train(scorer, history, training, SeededRandomness(5).spawn(repetition))
        popularity = split_vector(scorer.ranker.settings, trained.update)["popularity"]
        assert (popularity[known] >= 0).all()
        assert (np.delete(popularity, known) <= 0).all()
        assert (popularity[known] > 0).sum() == 1


def test_the_held_out_item_is_a_negative_like_any_other(
    make_scorer: MakeScorer, make_history: MakeHistory, make_training: MakeTraining
) -> None:
    """Training pushes down every item it has not seen equally often (chi-square, false with 1e-4).

    An item that an evaluation holds out is one of them. If it were spared, it would be told.
    """
    scorer = make_scorer(Preset.COMPACT)
    known = [3, 7, 11]
    history = make_history(scorer, known)
    training = make_training(rate=1.0, steps=1, examples=3, negatives=1)
    counts = np.zeros(30)
    for repetition in range(1500):
        trained = train(scorer, history, training, SeededRandomness(6).spawn(repetition))
        counts += split_vector(scorer.ranker.settings, trained.update)["popularity"] < 0
    assert counts[known].sum() == 0
    unseen = np.delete(counts, known)
    assert unseen.sum() > 1000
    assert stats.chisquare(unseen).pvalue > FALSE_ALARM


def test_rates_of_zero_hold_still(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining
) -> None:
    """A group with rate 0 does not move; with all rates 0 nothing does, and nothing fails."""
    history = make_history(scorer, [3, 7, 11])
    for held in LearningRates.model_fields:
        training = make_training(rates={held: 0.0})
        trained = train(scorer, history, training)
        moved = split_vector(scorer.ranker.settings, trained.update)
        moved["private_vector"] = trained.private_vector - START
        for name, change in moved.items():
            assert (change == 0).all() == (training.rates.of(name) == 0), name
    trained = train(scorer, history, make_training(rate=0.0))
    assert not trained.update.any()
    assert (trained.private_vector == START).all()


@pytest.mark.parametrize("rows", [[], [-1, -1]], ids=["nothing", "texts"])
def test_nothing_to_predict_leaves_everything(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining, rows: list[int]
) -> None:
    """Without an event on a catalogue item nothing is learnt, and nothing fails."""
    trained = train(scorer, make_history(scorer, rows), make_training())
    assert not trained.update.any()
    np.testing.assert_array_equal(trained.private_vector, START)


def test_a_person_who_knows_everything_can_train(
    scorer: Scorer, make_history: MakeHistory, make_training: MakeTraining
) -> None:
    """When no item is left to be a negative, there is nothing to learn, and no NaN."""
    trained = train(scorer, make_history(scorer, list(range(30))), make_training(negatives=5))
    np.testing.assert_allclose(trained.update, 0, atol=1e-6)
