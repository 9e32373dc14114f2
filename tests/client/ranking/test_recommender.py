"""What a person is recommended, and why, to the last number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.client import Device, DeviceSettings, Event, EventKind
from penchant.client.memory import Recent
from penchant.client.ranking import Person, Recommender, SourceKind
from penchant.client.storage import RawKey, StoredEvent
from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.newitems import extended
from penchant.shared.ranker import Preset
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

MakeScorer = Callable[..., Scorer]
OpenDevice = Callable[..., Device]
NOW = 1_000_000
REUSED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)


@dataclass(frozen=True, eq=False)
class Direction:
    """A term that adds an embedding's product with a direction."""

    name: str
    direction: NDArray[np.float32]

    def amounts(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what is added, float32 (n,)."""
        amounts: NDArray[np.float32] = embeddings @ self.direction
        return amounts


@dataclass(frozen=True, eq=False)
class Forbidden:
    """A term that forbids the items of some embeddings."""

    embeddings: NDArray[np.float32]
    name: str = "muted"

    def amounts(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return minus infinity for what is forbidden, and zero."""
        found = (embeddings[:, None, :] == self.embeddings[None]).all(axis=2).any(axis=1)
        return np.where(found, -np.inf, 0.0).astype(np.float32)


def person_of(scorer: Scorer, seed: int, *, events: int, terms: int, lasting: bool) -> Person:
    """Somebody with events on items and texts, a learnt or a lasting interest, and terms."""
    rng = np.random.default_rng(seed)
    settings_, catalogue = scorer.ranker.settings, scorer.catalogue
    listed = []
    for time in np.sort(rng.integers(NOW, size=events)).tolist():
        kind = EventKind.SEARCH.value if rng.random() < 0.3 else EventKind.VIEW.value
        embedding = rng.standard_normal(catalogue.dimension).astype("<f4")
        listed.append(
            StoredEvent(time, kind, None, "some words", (embedding / 5).tobytes())
            if kind == "search"
            else StoredEvent(time, kind, f"item-{rng.integers(30)}", None, None)
        )
    seen = np.zeros(len(catalogue), dtype=np.bool_)
    seen[[int(e.item.removeprefix("item-")) for e in listed if e.item is not None]] = True
    vector = rng.standard_normal(settings_.dimension).astype(np.float32)
    return Person(
        vector * (not lasting),
        Recent.of(listed[-settings_.history_length :], scorer),
        seen,
        tuple(
            Direction(f"tag {n}", rng.standard_normal(catalogue.dimension).astype(np.float32))
            for n in range(terms)
        ),
        rng.standard_normal(catalogue.dimension).astype(np.float32) if lasting else None,
    )


@given(
    preset=st.sampled_from(Preset),
    seed=st.integers(0, 10**6),
    events=st.integers(0, 7),
    terms=st.integers(0, 3),
    lasting=st.booleans(),
    diversity=st.sampled_from([0.0, 0.4]),
)
@REUSED
def test_reasons_sum_to_the_score(
    make_scorer: MakeScorer,
    preset: Preset,
    seed: int,
    events: int,
    terms: int,
    lasting: bool,
    diversity: float,
) -> None:
    """Every recommendation's reasons sum to its score, each by its own formula."""
    scorer = make_scorer(preset)
    person = person_of(scorer, seed, events=events, terms=terms, lasting=lasting)
    recommender = Recommender(scorer)
    scores = recommender.scores(person, now=NOW)
    ranked = recommender.recommend(person, k=7, diversity=diversity, exclude_seen=False, now=NOW)
    assert len(ranked) == 7
    weights, contexts = scorer.attended(person.recent.history, now=NOW)
    for recommendation in ranked:
        row = int(recommendation.item.removeprefix("item-"))
        why = recommendation.why
        size = sum(abs(reason.amount) for reason in why)
        assert recommendation.score == scores[row]
        assert why.total == pytest.approx(recommendation.score, abs=1e-5 * max(1.0, size))
        amounts = [abs(reason.amount) for reason in why]
        assert amounts == sorted(amounts, reverse=True)
        by_kind = {
            kind: [reason for reason in why if reason.source.kind is kind] for kind in SourceKind
        }
        assert by_kind[SourceKind.POPULARITY][0].amount == pytest.approx(
            scorer.ranker.arrays["popularity"][row], abs=1e-6
        )
        expected = weights * (contexts @ scorer.item_vectors[row])
        found = sorted(reason.amount for reason in by_kind[SourceKind.EVENT])
        np.testing.assert_allclose(found, np.sort(expected), atol=1e-5)
        tags = {reason.source.label: reason.amount for reason in by_kind[SourceKind.TERM]}
        for term in person.terms:
            added = term.amounts(scorer.catalogue.embeddings[row][None])[0]
            assert tags[term.name] == pytest.approx(added, abs=1e-5)
        assert len(by_kind[SourceKind.INTERESTS]) == lasting
        assert len(by_kind[SourceKind.LEARNT]) == (not lasting)


def test_a_mapped_catalogue_is_recommended_from_like_one_in_memory(
    make_scorer: MakeScorer, tmp_path: Path
) -> None:
    """The same items for the same reasons, with terms, with and without candidates."""
    held = make_scorer(Preset.TEXT)
    Catalogue.write(
        tmp_path / "c",
        held.catalogue.items,
        texts=[f"title {row}" for row in range(30)],
        embeddings=held.catalogue.embeddings,
        precision="float32",
    )
    mapped = Scorer.bind(held.ranker, Catalogue.open(tmp_path / "c"))
    person = person_of(held, 4, events=5, terms=2, lasting=False)
    for candidates in (None, [f"item-{row}" for row in range(0, 30, 2)]):
        one = Recommender(held).recommend(person, candidates, k=5, now=NOW)
        other = Recommender(mapped).recommend(person, candidates, k=5, now=NOW)
        assert [r.item for r in one] == [r.item for r in other]
        assert [r.text for r in other] == ["title " + r.item.removeprefix("item-") for r in other]
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(
                [reason.amount for reason in mine.why],
                [reason.amount for reason in theirs.why],
                atol=1e-5,
            )


def test_what_a_term_forbids_is_not_recommended(make_scorer: MakeScorer) -> None:
    """Minus infinity leaves an item out, however few are left."""
    scorer = make_scorer()
    person = person_of(scorer, 1, events=0, terms=0, lasting=False)
    muted = Forbidden(scorer.catalogue.embeddings[5:])
    ranked = Recommender(scorer).recommend(
        Person(person.private_vector, person.recent, person.seen, (muted,)), k=30
    )
    assert {r.item for r in ranked} == {f"item-{row}" for row in range(5)}


def test_terms_are_computed_once_and_dropped_when_gone(make_scorer: MakeScorer) -> None:
    """The same term object costs one pass over the catalogue; another one another."""
    scorer = make_scorer()
    calls = []

    class Counted(Direction):
        def amounts(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
            calls.append(len(embeddings))
            return super().amounts(embeddings)

    person = person_of(scorer, 1, events=2, terms=0, lasting=False)
    direction = np.ones(scorer.catalogue.dimension, dtype=np.float32)
    recommender = Recommender(scorer)

    def ask(*terms: Direction) -> list[str]:
        edited = Person(person.private_vector, person.recent, person.seen, terms)
        return [r.item for r in recommender.recommend(edited, k=3, now=NOW)]

    first = Counted("a", direction)
    before = ask(first)
    assert ask(first) == before
    assert calls == [30]
    assert ask(Counted("b", direction)) == before
    assert calls == [30, 30]
    assert ask() != before or ask(Counted("c", -direction)) != before


def test_context_counts_and_is_not_kept(scorer: Scorer, open_device: OpenDevice) -> None:
    """Events of the moment rank as if they had been observed, and leave no trace."""
    events = [
        Event(kind="view", item="item-3", time=100),
        Event(kind="search", text="jazz music", time=200),
    ]
    moment = [
        Event(kind="click", item="item-7", time=400),
        Event(kind="search", text="cold war", time=300),
    ]
    one, other = open_device(scorer, name="one"), open_device(scorer, name="other")
    one.observe(*events)
    other.observe(*events, *moment)
    before = one.recommend(now=NOW)
    with_moment = one.recommend(context=moment, now=NOW, k=30)
    assert with_moment == other.recommend(now=NOW, k=30)
    assert "item-7" not in {r.item for r in with_moment}
    assert one.event_count() == 2
    assert one.recommend(now=NOW) == before
    with pytest.raises(DataError, match="'new' is not in the catalogue"):
        one.recommend(context=[Event(kind="view", item="new")])


def test_why_names_what_was_done(open_device: OpenDevice, make_scorer: MakeScorer) -> None:
    """Reasons say the deed and the subject; the line for people gives the three largest."""
    scorer = make_scorer()
    device = open_device(scorer)
    device.observe(
        Event(kind="like", item="item-3", time=100), Event(kind="search", text="jazz", time=200)
    )
    why = device.recommend(k=1, now=NOW)[0].why
    labels = {reason.source.label for reason in why}
    assert {"you liked “item-3”", "you searched for “jazz”", "liked by many"} <= labels
    assert str(why).count(";") == 2
    assert str(why[0]) in str(why)
    events = {reason.source.event.kind for reason in why if reason.source.event is not None}
    assert events == {"like", "search"}
    long = "word " * 40
    device.observe(Event(kind="search", text=long, time=300))
    shown = [r.source.label for r in device.recommend(k=1, now=NOW)[0].why]
    assert max(map(len, shown)) < 90


def test_a_dislike_leads_away(open_device: OpenDevice, encoder: TextEncoder) -> None:
    """What is like something disliked ranks last, and `why` says that the dislike is the reason."""
    names = ["jazz band", "jazz piano", "jazz trio", "chess club", "chess opening", "opera night"]
    catalogue = Catalogue.of(names, encoder.encode(names))
    device = open_device(Scorer.untrained(catalogue))
    device.observe(Event(kind="dislike", item="jazz band", time=100))
    ranked = device.recommend(k=6, now=NOW)
    assert {found.item for found in ranked[-2:]} == {"jazz piano", "jazz trio"}
    reason = ranked[-1].why[0]
    assert reason.source.kind is SourceKind.EVENT
    assert reason.amount < 0


@pytest.mark.parametrize("preset", list(Preset))
def test_an_item_is_predicted_by_its_text(
    preset: Preset, make_scorer: MakeScorer, open_device: OpenDevice, encoder: TextEncoder
) -> None:
    """A text's prediction is the score of an item of that text in a larger catalogue.

    To 1e-5 what the evaluation of unseen items in a simulation scores it by.
    """
    base = make_scorer(preset)
    texts = [f"word{row} word{row * row}" for row in range(40)]
    names = [*base.catalogue.items, *(f"new-{number}" for number in range(10))]
    larger = Catalogue.of(names, encoder.encode(texts))
    scorer = Scorer.bind(base.ranker, Catalogue.of(names[:30], larger.embeddings[:30]))
    device = open_device(scorer)
    device.observe(
        Event(kind="view", item="item-3", time=100), Event(kind="search", text="word4", time=200)
    )
    history = device._memory.history()
    evaluated = extended(scorer, larger)
    profile = evaluated.profile(device.private_vector(), history, now=NOW)
    found = [device.predict(text, now=NOW) for text in texts[30:]]
    np.testing.assert_allclose(found, evaluated.scores(profile)[30:], rtol=1e-5, atol=1e-5)


def test_a_ranker_that_has_learnt_nothing_predicts_by_likeness(
    open_device: OpenDevice, encoder: TextEncoder
) -> None:
    """Without training a text's prediction is the score of a catalogue item of that text."""
    texts = [f"word{row} word{row * row}" for row in range(30)]
    catalogue = Catalogue.of(texts, encoder.encode(texts))
    device = open_device(Scorer.untrained(catalogue))
    device.observe(Event(kind="view", item=texts[3], time=100))
    found = [device.predict(text, now=NOW) for text in texts]
    np.testing.assert_allclose(found, device.scores(now=NOW), atol=1e-5)


def test_predictions_need_an_encoder(scorer: Scorer, tmp_path: Path) -> None:
    """Without an encoder there is nothing to place the text with."""
    with (
        Device.open(tmp_path, scorer, keys=RawKey(bytes(32))) as device,
        pytest.raises(ConfigurationError, match="predictions need an encoder"),
    ):
        device.predict("jazz")


def test_terms_move_predictions(make_scorer: MakeScorer) -> None:
    """A prediction counts what the person edited."""
    scorer = make_scorer()
    person = person_of(scorer, 1, events=3, terms=2, lasting=False)
    plain = Person(person.private_vector, person.recent, person.seen)
    embedding = scorer.catalogue.embeddings[8]
    recommender = Recommender(scorer)
    added = sum(float(term.amounts(embedding[None])[0]) for term in person.terms)
    moved = recommender.predict(person, embedding, now=NOW)
    assert moved - recommender.predict(plain, embedding, now=NOW) == pytest.approx(added, abs=1e-5)


@pytest.mark.parametrize("candidates", [None, ["item-1", "item-2", "item-4", "item-9"]])
def test_diversity_is_among_candidates(
    scorer: Scorer, open_device: OpenDevice, candidates: Sequence[str] | None
) -> None:
    """A diverse list is of different candidates, each with the score it has anyway."""
    device = open_device(scorer)
    device.observe(Event(kind="view", item="item-3", time=100))
    scores = device.scores(now=NOW)
    ranked = device.recommend(candidates, k=4, diversity=0.8, now=NOW)
    items = [r.item for r in ranked]
    assert len(set(items)) == 4
    assert set(items) <= set(candidates or scorer.catalogue.items)
    expected = [scores[int(item.removeprefix("item-"))] for item in items]
    np.testing.assert_allclose([r.score for r in ranked], expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigurationError, match=r"diversity is 1\.5"):
        device.recommend(diversity=1.5)


def test_lasting_interests_count_if_asked(
    make_scorer: MakeScorer, tmp_path: Path, encoder: TextEncoder
) -> None:
    """With a weight, what was done before the latest events ranks too, by the stated formula."""
    scorer = make_scorer(Preset.TEXT)
    early = [Event(kind="view", item=f"item-{row}", time=1_000 + row) for row in (3, 7)]
    late = [Event(kind="view", item=f"item-{row}", time=5_000 + row) for row in (11, 12, 13, 14)]
    found = {}
    for name, weight, events in (
        ("plain", 0.0, [*early, *late]),
        ("lasting", 0.5, [*early, *late]),
        ("late", 0.5, late),
        ("nobody", 0.5, []),
    ):
        chosen = DeviceSettings(lasting_weight=weight, quality=None)
        keys = RawKey(bytes(32))
        with Device.open(
            tmp_path / name, scorer, keys=keys, encoder=encoder, settings=chosen
        ) as device:
            device.observe(*events)
            found[name] = device.scores(now=NOW)
            state = device._memory.state
            ranked = device.recommend(k=3, now=NOW)
        for recommendation in ranked:
            assert recommendation.why.total == pytest.approx(recommendation.score, abs=1e-5)
        if name == "lasting":
            projection = scorer.ranker.arrays["context_projection"]
            lasting = 0.5 * scorer.ranker.feature_map.apply(state.means()[1]) @ projection
            expected = found["plain"] + scorer.item_vectors @ lasting
            np.testing.assert_allclose(found["lasting"], expected, atol=1e-5)
    assert not np.allclose(found["lasting"], found["late"])
    np.testing.assert_array_equal(found["nobody"], scorer.ranker.arrays["popularity"])
    for weight in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ConfigurationError, match="lasting_weight"):
            DeviceSettings(lasting_weight=weight)
