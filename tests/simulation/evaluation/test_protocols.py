"""Tests of both ranking protocols on a small population with random histories."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.shared.errors import ConfigurationError, DataError
from penchant.simulation.datasets import Dataset
from penchant.simulation.evaluation import (
    Evaluation,
    SampledNegatives,
    Scorer,
    by_person,
    evaluate,
    leak_suspected,
    rankable,
    sample_negatives,
    spare_items,
)
from penchant.simulation.split import LeaveOneOut, Stage, leave_one_out

N_PEOPLE, N_ITEMS = 12, 40


def population(seed: int, *, permutation: NDArray[np.int64] | None = None) -> LeaveOneOut:
    """People with 2 to 15 random events; item j is called permutation[j] if that is given."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(N_PEOPLE), rng.integers(2, 16, size=N_PEOPLE))
    items = rng.integers(N_ITEMS, size=people.size)
    return leave_one_out(
        Dataset.from_events(
            "small",
            item_ids=[str(i) for i in range(N_ITEMS)],
            item_texts=[f"text {i}" for i in range(N_ITEMS)],
            person_ids=[str(i) for i in range(N_PEOPLE)],
            people=people,
            items=items if permutation is None else permutation[items],
            times=np.arange(people.size),
        )
    )


def table(scores: NDArray[np.float64]) -> Scorer:
    """A scorer that looks scores up."""
    return lambda people: scores[people]


def negatives_of(split: LeaveOneOut, stage: Stage = "test", *, seed: int = 1) -> SampledNegatives:
    """Nine negatives a person."""
    return sample_negatives(split, stage=stage, rng=np.random.default_rng(seed), number=9)


def same(first: Evaluation, second: Evaluation) -> bool:
    """Whether all ranks agree."""
    return all(
        np.array_equal(getattr(first.ranks[name], field), getattr(second.ranks[name], field))
        for name in first.ranks
        for field in ("above", "tied", "candidates")
    )


seeds = st.integers(0, 10**6)
stages = st.sampled_from(["validation", "test"])


@given(seeds, stages)
def test_negatives_are_distinct_and_never_met(seed: int, stage: Stage) -> None:
    """Negatives are distinct items that the person has not met, and not the held-out one."""
    split = population(seed)
    negatives = negatives_of(split, stage)
    assert negatives.number == 9
    for person, items in zip(negatives.people.tolist(), negatives.items.tolist(), strict=True):
        met, _ = split.history(person, stage=stage)
        assert len(set(items)) == 9
        assert not set(items) & set(met.tolist())
        assert split.targets(stage)[person] not in items


def test_negatives_are_uniform_over_the_pool_and_the_test_item_is_in_it_at_validation() -> None:
    """Each item of the pool is as likely; at validation the test item is like any other.

    A pool without it would tell a model which item comes next.
    """
    split = population(3)
    rng = np.random.default_rng(0)
    draws, person = 4000, int(split.people[0])
    counts = np.zeros(N_ITEMS)
    for _ in range(draws):
        items = sample_negatives(split, stage="validation", rng=rng, number=9).items[0]
        counts[items] += 1
    met, _ = split.history(person, stage="validation")
    pool = np.setdiff1d(np.arange(N_ITEMS), [*met, split.validation_items[person]])
    expected = draws * 9 / pool.size
    assert split.test_items[person] in pool
    assert counts.sum() == counts[pool].sum()
    # Eight standard deviations of a binomial count.
    assert np.abs(counts[pool] - expected).max() < 8 * np.sqrt(expected)


def test_negatives_repeat_with_their_seed() -> None:
    """The same seed draws the same candidates, another seed others."""
    split = population(5)
    first, again, other = (negatives_of(split, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first.items, again.items)
    assert not np.array_equal(first.items, other.items)


def test_model_that_draws_from_the_same_seed_is_still_at_chance() -> None:
    """A model may be seeded like the negatives; its random scores must not order them.

    If both drew the same stream, every negative would get one of the lowest scores.
    """
    n_people, n_items = 300, 120
    rng = np.random.default_rng(0)
    split = leave_one_out(
        Dataset.from_events(
            "many", item_ids=[str(i) for i in range(n_items)], item_texts=["text"] * n_items,
            person_ids=[str(i) for i in range(n_people)],
            people=np.repeat(np.arange(n_people), 3),
            items=np.argsort(rng.random((n_people, n_items)), axis=1)[:, :3].ravel(),
            times=np.arange(3 * n_people),
        )
    )  # fmt: skip
    negatives = sample_negatives(split, stage="test", rng=np.random.default_rng(7))
    scores = np.random.default_rng(7).random((n_people, n_items))
    found = evaluate(table(scores), split, negatives=negatives)
    assert not leak_suspected(found.hits("sampled99"), n_people, chance=0.1)


@pytest.mark.parametrize(("number", "message"), [(0, "at least 1; got 0"), (40, "40 were asked")])
def test_impossible_number_of_negatives_is_refused(number: int, message: str) -> None:
    """No negatives, or more than the pool has, is an error that says how many there are."""
    with pytest.raises(ConfigurationError, match=message):
        sample_negatives(population(1), stage="test", rng=np.random.default_rng(0), number=number)


@pytest.mark.parametrize("stage", ["validation", "test"])
def test_small_catalogue_gives_everybody_as_many_negatives_as_the_least(stage: Stage) -> None:
    """The protocol keeps its name, and its candidates tell how many there were."""
    split = population(1)
    negatives = sample_negatives(
        split, stage=stage, rng=np.random.default_rng(0), number=99, or_fewer=True
    )
    met = split.observed(split.people, stage=stage).sum(axis=1)
    assert negatives.number == N_ITEMS - 1 - met.max()
    found = evaluate(table(np.zeros((N_PEOPLE, N_ITEMS))), split, negatives=negatives)
    assert set(found.ranks["sampled99"].candidates) == {negatives.number + 1}


def _joined_by_bob(whole: Dataset) -> Dataset:
    """Another person and another item; he has met three of the four."""
    return Dataset.from_events(
        "joined",
        item_ids=[*whole.item_ids, "d"],
        item_texts=[*whole.item_texts, "D"],
        person_ids=["ann", "bob"],
        people=[0, 0, 0, 0, 1, 1, 1],
        items=[0, 1, 2, 3, 0, 1, 2],
        times=[1, 2, 3, 4, 1, 2, 3],
    )


def test_split_with_nothing_to_rank_is_refused() -> None:
    """Nobody with three items, and somebody who has met them all."""
    short = population(1).training.head(1)
    with pytest.raises(DataError, match=r"nobody of the 1 people .* three different items"):
        rankable(
            leave_one_out(
                replace(
                    short, offsets=np.array([0, 1]), items=short.items[:1], times=short.times[:1]
                )
            )
        )
    whole = Dataset.from_events(
        "whole",
        item_ids=["a", "b", "c"],
        item_texts=["A", "B", "C"],
        person_ids=["ann"],
        people=[0, 0, 0],
        items=[0, 1, 2],
        times=[1, 2, 3],
    )
    with pytest.raises(DataError, match="everybody in 'whole' has met all 3 items"):
        rankable(leave_one_out(whole))
    some = leave_one_out(_joined_by_bob(whole))
    assert rankable(some).people.tolist() == [1]
    assert rankable(some).training is some.training
    assert spare_items(population(1)) == N_ITEMS - max(
        len(set(population(1).history(person, stage="test")[0].tolist())) + 1
        for person in population(1).people
    )


@given(seeds, stages)
def test_ranks_are_those_of_plain_counting(seed: int, stage: Stage) -> None:
    """Above and tied are counted over unmet items, and over the negatives, with ties."""
    split = population(seed)
    scores = np.random.default_rng(seed).integers(6, size=(N_PEOPLE, N_ITEMS)).astype(float)
    negatives = negatives_of(split, stage)
    found = evaluate(table(scores), split, negatives=negatives)
    for row, person in enumerate(found.people.tolist()):
        met = set(split.history(person, stage=stage)[0].tolist())
        target = int(split.targets(stage)[person])
        pools = {
            "full": [item for item in range(N_ITEMS) if item not in met and item != target],
            "sampled9": negatives.items[row].tolist(),
        }
        for name, pool in pools.items():
            ranks = found.ranks[name]
            above = sum(scores[person, item] > scores[person, target] for item in pool)
            tied = sum(scores[person, item] == scores[person, target] for item in pool)
            assert (ranks.above[row], ranks.tied[row]) == (above, tied)
            assert ranks.candidates[row] == len(pool) + 1


@given(seeds, stages)
def test_only_the_order_of_scores_matters(seed: int, stage: Stage) -> None:
    """A strictly increasing transform of the scores changes nothing."""
    split = population(seed)
    scores = np.random.default_rng(seed).integers(-5, 6, size=(N_PEOPLE, N_ITEMS)).astype(float)
    negatives = negatives_of(split, stage)
    plain = evaluate(table(scores), split, negatives=negatives)
    bent = evaluate(table(np.exp(scores) * 3 - 100), split, negatives=negatives)
    assert same(plain, bent)


@given(seeds, stages)
def test_names_of_items_do_not_matter(seed: int, stage: Stage) -> None:
    """Renaming the items, in events, scores and negatives alike, changes nothing."""
    rng = np.random.default_rng(seed)
    permutation = rng.permutation(N_ITEMS)
    scores = rng.integers(6, size=(N_PEOPLE, N_ITEMS)).astype(float)
    split, renamed = population(seed), population(seed, permutation=permutation)
    negatives = negatives_of(split, stage)
    renamed_scores = np.empty_like(scores)
    renamed_scores[:, permutation] = scores
    renamed_negatives = SampledNegatives(
        stage=stage,
        people=negatives.people,
        items=permutation[negatives.items].astype(np.int32),
    )
    assert same(
        evaluate(table(scores), split, negatives=negatives),
        evaluate(table(renamed_scores), renamed, negatives=renamed_negatives),
    )


@given(seeds, stages)
def test_constant_scorer_is_exactly_at_chance(seed: int, stage: Stage) -> None:
    """A model that scores everything alike hits at the rate of a random order, not always."""
    split = population(seed)
    found = evaluate(
        table(np.zeros((N_PEOPLE, N_ITEMS))), split, negatives=negatives_of(split, stage), k=3
    )
    scores = found.as_dict()
    assert scores["sampled9"]["hr@3"] == pytest.approx(0.3)
    assert scores["full"]["hr@3"] == pytest.approx(np.mean(3 / found.ranks["full"].candidates))
    assert found.hits("sampled9") == pytest.approx(0.3 * found.people.size)


@given(seeds, stages)
def test_oracle_is_perfect_and_its_opposite_hopeless(seed: int, stage: Stage) -> None:
    """Knowing the held-out item gives 1 everywhere; ranking it last gives no hits."""
    split = population(seed)
    scores = np.zeros((N_PEOPLE, N_ITEMS))
    scores[split.people, split.targets(stage)[split.people]] = 1.0
    negatives = negatives_of(split, stage)
    for protocol in evaluate(table(scores), split, negatives=negatives).as_dict().values():
        assert protocol == {"hr@10": 1.0, "ndcg@10": 1.0, "mrr": 1.0}
    for protocol in evaluate(table(-scores), split, negatives=negatives, k=5).as_dict().values():
        assert protocol["hr@5"] == 0.0


def test_items_already_met_do_not_compete() -> None:
    """High scores of items in the history cost nothing."""
    split = population(2)
    scores = np.random.default_rng(0).random((N_PEOPLE, N_ITEMS))
    raised = scores + 10 * split.observed(np.arange(N_PEOPLE), stage="test")
    negatives = negatives_of(split)
    assert same(
        evaluate(table(scores), split, negatives=negatives),
        evaluate(table(raised), split, negatives=negatives),
    )


def test_scorer_of_single_people_gives_the_same_as_one_of_blocks() -> None:
    """``by_person`` only changes the shape of the calls."""
    split = population(4)
    scores = np.random.default_rng(0).random((N_PEOPLE, N_ITEMS))
    negatives = negatives_of(split)
    assert same(
        evaluate(table(scores), split, negatives=negatives),
        evaluate(by_person(lambda person: scores[person]), split, negatives=negatives),
    )


def test_blocks_do_not_change_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many people fit in memory at once has no influence on draws or ranks."""
    split = population(6)
    scores = np.random.default_rng(0).random((N_PEOPLE, N_ITEMS))
    whole_negatives = negatives_of(split)
    whole = evaluate(table(scores), split, negatives=whole_negatives)
    monkeypatch.setattr("penchant.simulation.evaluation.negatives._BLOCK_CELLS", 3 * N_ITEMS)
    cut_negatives = negatives_of(split)
    assert np.array_equal(whole_negatives.items, cut_negatives.items)
    assert same(whole, evaluate(table(scores), split, negatives=cut_negatives))


def test_intervals_hold_the_means_and_repeat_with_their_seed() -> None:
    """A bootstrap interval lies around the mean, inside [0, 1], and is drawn from the seed."""
    split = population(8)
    scores = np.random.default_rng(0).random((N_PEOPLE, N_ITEMS))
    found = evaluate(table(scores), split, negatives=negatives_of(split))
    with_intervals = found.as_dict(bootstrap_rng=np.random.default_rng(1))
    assert with_intervals == found.as_dict(bootstrap_rng=np.random.default_rng(1))
    assert with_intervals != found.as_dict(bootstrap_rng=np.random.default_rng(2))
    for name, protocol in found.as_dict().items():
        interval = with_intervals[name]["interval"]
        assert set(interval) == set(protocol)
        for metric, mean in protocol.items():
            low, high = interval[metric]
            assert 0 <= low <= mean <= high <= 1


def test_interval_agrees_with_the_normal_approximation() -> None:
    """For many people the percentile interval of a hit rate is near mean ± 1.96 errors."""
    rng = np.random.default_rng(0)
    n = 2000
    people = np.repeat(np.arange(n), 3)
    items = np.argsort(rng.random((n, N_ITEMS)), axis=1)[:, :3].ravel()
    split = leave_one_out(
        Dataset.from_events(
            "many", item_ids=[str(i) for i in range(N_ITEMS)], item_texts=["text"] * N_ITEMS,
            person_ids=[str(i) for i in range(n)], people=people, items=items,
            times=np.arange(people.size),
        )
    )  # fmt: skip
    scores = rng.random((n, N_ITEMS))
    found = evaluate(table(scores), split, negatives=negatives_of(split), k=5)
    hits = found.values("full")["hr@5"]
    low, high = found.intervals(rng=rng)["full"]["hr@5"]
    error = 1.96 * hits.std() / np.sqrt(n)
    assert low == pytest.approx(hits.mean() - error, abs=error / 5)
    assert high == pytest.approx(hits.mean() + error, abs=error / 5)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((N_PEOPLE, N_ITEMS - 1)), r"of shape \(\d+, 40\); got \(\d+, 39\)"),
        (np.full((N_PEOPLE, N_ITEMS), np.nan), "not numbers"),
    ],
)
def test_unusable_scores_are_refused(scores: NDArray[np.float64], message: str) -> None:
    """Scores of the wrong shape, or NaN, which compares with nothing, are an error."""
    split = population(9)
    with pytest.raises(DataError, match=message):
        evaluate(table(scores), split, negatives=negatives_of(split))


def test_negatives_of_another_split_are_refused() -> None:
    """Candidates of other people would give numbers that mean nothing."""
    split = population(9)
    foreign = SampledNegatives(
        stage="test", people=split.people[:-1], items=negatives_of(split).items[:-1]
    )
    with pytest.raises(ConfigurationError, match="draw them from the split"):
        evaluate(table(np.zeros((N_PEOPLE, N_ITEMS))), split, negatives=foreign)


def test_nobody_to_evaluate_is_refused() -> None:
    """If nobody has three events there is nothing to rank, and no number is made up."""
    split = leave_one_out(
        Dataset.from_events(
            "tiny", item_ids=["a", "b"], item_texts=["A", "B"], person_ids=["ann"],
            people=[0, 0], items=[0, 1], times=[1, 2],
        )
    )  # fmt: skip
    negatives = sample_negatives(split, stage="test", rng=np.random.default_rng(0), number=1)
    with pytest.raises(ConfigurationError, match=r"nobody of the 1 people"):
        evaluate(lambda people: np.zeros((people.size, 2)), split, negatives=negatives)


def test_list_of_no_length_is_refused() -> None:
    """Nothing can be among the first 0."""
    split = population(9)
    with pytest.raises(ConfigurationError, match="k must be at least 1; got 0"):
        evaluate(table(np.zeros((N_PEOPLE, N_ITEMS))), split, negatives=negatives_of(split), k=0)
