"""Tests of ranks and metrics: the laws that they obey, and values known by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import DataError
from penchant.shared.metrics import Ranks, hit_rate, ndcg, reciprocal_rank


@st.composite
def ranks(draw: st.DrawFn) -> Ranks:
    """Any possible ranks of a few people."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30)),
            min_size=1,
            max_size=8,
        )
    )
    above, tied, below = np.array(rows).T
    return Ranks(above=above, tied=tied, candidates=above + tied + below)


def at(rank: int, *, candidates: int = 50) -> Ranks:
    """One person whose item is at a rank, without ties."""
    return Ranks(above=np.array([rank - 1]), tied=np.array([0]), candidates=np.array([candidates]))


@pytest.mark.parametrize("rank", [1, 2, 10, 11, 50])
def test_values_without_ties(rank: int) -> None:
    """HR is 1 up to rank k, NDCG is 1 / log2(rank + 1) up to rank k, MRR is 1 / rank."""
    assert hit_rate(at(rank), k=10).tolist() == [float(rank <= 10)]
    assert ndcg(at(rank), k=10).tolist() == [1 / math.log2(rank + 1) if rank <= 10 else 0.0]
    assert reciprocal_rank(at(rank)).tolist() == [1 / rank]


@given(ranks(), st.integers(1, 70))
def test_metrics_are_means_over_the_ranks_that_ties_allow(found: Ranks, k: int) -> None:
    """Under ties each metric is its mean over all places that the item may take."""
    for person, (above, tied) in enumerate(zip(found.above, found.tied, strict=True)):
        places = range(above + 1, above + tied + 2)
        gains = [1 / math.log2(place + 1) if place <= k else 0.0 for place in places]
        assert hit_rate(found, k=k)[person] == pytest.approx(np.mean([p <= k for p in places]))
        assert ndcg(found, k=k)[person] == pytest.approx(np.mean(gains))
        assert reciprocal_rank(found)[person] == pytest.approx(np.mean([1 / p for p in places]))
        assert found.expected[person] == pytest.approx(np.mean(places))


@given(ranks(), st.integers(1, 69))
def test_metrics_do_not_fall_with_k(found: Ranks, k: int) -> None:
    """A longer list can only hit more."""
    assert (hit_rate(found, k=k) <= hit_rate(found, k=k + 1)).all()
    assert (ndcg(found, k=k) <= ndcg(found, k=k + 1) + 1e-12).all()


@given(ranks(), st.integers(1, 70))
def test_metrics_are_in_order_and_in_range(found: Ranks, k: int) -> None:
    """NDCG@k lies between 0 and HR@k, and both between 0 and 1."""
    hits, gains = hit_rate(found, k=k), ndcg(found, k=k)
    assert (gains >= -1e-12).all()
    assert (gains <= hits + 1e-12).all()
    assert (hits <= 1).all()


@given(st.integers(1, 200), st.integers(1, 200))
def test_constant_scores_are_exactly_at_chance(candidates: int, k: int) -> None:
    """If all candidates are tied, every rank is as likely: HR@k is k in candidates."""
    tied = Ranks(
        above=np.array([0]), tied=np.array([candidates - 1]), candidates=np.array([candidates])
    )
    assert hit_rate(tied, k=k)[0] == min(1.0, k / candidates)


def test_impossible_ranks_are_refused() -> None:
    """More candidates above than there are in all cannot be."""
    with pytest.raises(DataError, match="fewer than all"):
        Ranks(above=np.array([5]), tied=np.array([0]), candidates=np.array([5]))
    with pytest.raises(DataError, match="one count of each kind"):
        Ranks(above=np.array([5]), tied=np.array([0, 0]), candidates=np.array([5]))
