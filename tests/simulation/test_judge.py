"""Judging: the same candidates for every model, whole or for some of the people."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.shared.errors import DataError
from penchant.simulation.datasets import Impressions
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.evaluation.impressions import impression_metrics
from penchant.simulation.judge import Judge
from penchant.simulation.world import World


def random_scores(made: World) -> Callable[[Int64Array], NDArray[np.float64]]:
    """Return fixed random scores of everybody."""
    table = np.random.default_rng(8).normal(
        size=(made.split.training.n_people, made.split.training.n_items)
    )
    return lambda people: table[people]


def judge_of(made: World) -> Judge:
    """Return the judge of the test stage."""
    length = made.plan.recipe.history_length
    return Judge.of(made.split, "test", history_length=length, rng=np.random.default_rng(0))


def test_some_people_are_judged_as_they_are_among_all(world: Callable[..., World]) -> None:
    """A part of the people keep their negatives, so their ranks are the same."""
    made = world()
    judge, score = judge_of(made), random_scores(made)
    some = np.array([3, 11, 30])
    whole, part = judge.evaluate(score), judge.of_people(some).evaluate(score)
    np.testing.assert_array_equal(part.people, some)
    for protocol in ("full", "sampled99"):
        np.testing.assert_array_equal(part.ranks[protocol].above, whole.ranks[protocol].above[some])


def test_sample_of_the_people_is_judged_by_their_own_vectors_and_histories(
    world: Callable[..., World],
) -> None:
    """On a split with few to evaluate, each gets the scores that they get among all.

    Private vectors may be kept in anything that people index.
    """
    made = world()
    some = np.array([2, 17, 39])
    sampled = judge_of(replace(made, split=made.split.of_people(some)))
    assert len(sampled.contexts.items) == len(sampled.negatives.items) == 3
    dimension = made.scorer.ranker.settings.dimension
    vectors = np.random.default_rng(4).normal(size=(made.dataset.n_people, dimension))

    class Kept:
        """Vectors that are not an array."""

        def __getitem__(self, people: Int64Array, /) -> NDArray[np.float32]:
            return vectors[people].astype(np.float32)

    np.testing.assert_allclose(
        sampled.ranking(made.scorer, Kept())(some[1:]),
        judge_of(made).ranking(made.scorer, vectors.astype(np.float32))(some[1:]),
        rtol=1e-6,
    )
    one = sampled.of_people(some[:1]).evaluate(random_scores(made))
    np.testing.assert_array_equal(one.people, some[:1])


def test_others_than_the_evaluated_are_refused(world: Callable[..., World]) -> None:
    """They have no negatives and no contexts here."""
    made = world()
    judge = judge_of(replace(made, split=made.split.of_people(np.array([2, 17]))))
    for people in ([3], [2, 18], [39]):
        with pytest.raises(DataError, match=r"is not among the 2 who are evaluated"):
            judge.of_people(np.array(people))


def test_loss_is_the_cross_entropy_of_the_candidates(world: Callable[..., World]) -> None:
    """The loss equals a plain computation, person by person."""
    made = world()
    split, score = made.split, random_scores(made)
    expected = []
    for person in split.people:
        scores = score(np.array([person]))[0]
        met = split.history(int(person), stage="test")[0]
        kept = np.delete(scores, met)
        target = scores[split.test_items[person]]
        expected.append(np.log(np.exp(kept).sum()) - target)
    assert np.isclose(judge_of(made).loss(score), np.mean(expected))


def test_even_scores_lose_the_log_of_the_candidates(world: Callable[..., World]) -> None:
    """Knowing nothing costs log(number of candidates)."""
    made = world()
    judge = judge_of(made)
    met = [len(made.split.history(int(p), stage="test")[0]) for p in made.split.people]
    loss = judge.loss(lambda people: np.zeros((len(people), made.split.training.n_items)))
    assert np.isclose(loss, np.mean(np.log(made.split.training.n_items - np.array(met))))


def test_impressions_are_ranked_by_what_was_known_before_them(
    world: Callable[..., World],
) -> None:
    """Those from the held-out event on count, of the evaluated, that tell anything."""
    made = world()
    split, score = made.split, random_scores(made)
    moment = split.test_times
    shown = [
        (3, moment[3] - 1, [1, 2], [True, False]),  # before the held-out event
        (3, moment[3], [5, 6, 7], [False, True, False]),
        (5, moment[5] + 9, [8, 9], [True, True]),  # tells nothing
        (7, moment[7] + 9, [10, 11], [True, False]),
        (9, moment[9] + 9, [1, 2], [True, False]),  # of somebody who is not evaluated
    ]
    impressions = Impressions(
        people=np.array([person for person, *_ in shown]),
        times=np.array([time for _, time, *_ in shown]),
        offsets=np.concatenate(([0], np.cumsum([len(items) for _, _, items, _ in shown]))),
        items=np.concatenate([items for _, _, items, _ in shown]).astype(np.int32),
        clicked=np.concatenate([clicked for *_, clicked in shown]),
    )
    split = replace(split, training=replace(split.training, impressions=impressions))
    judge = judge_of(replace(made, split=split.of_people(np.array([3, 5, 7]))))
    found = judge.evaluate(score, lists_rng=np.random.default_rng(0)).impressions
    assert found is not None
    assert found.people.tolist() == [3, 7]
    table = score(np.arange(split.training.n_people))
    expected = [
        impression_metrics(table[person, items], np.array(clicked))
        for person, _, items, clicked in (shown[1], shown[3])
    ]
    np.testing.assert_allclose(found.values, expected)
    assert judge.evaluate(score).impressions is None
