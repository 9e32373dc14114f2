"""A device observes, keeps, ranks and tells interests."""

import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.client import Device, DeviceSettings, Event, EventKind, HalfLives, Taxonomy
from penchant.client.storage import RawKey
from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError, DataError, StoreError
from penchant.shared.features import FeatureMap
from penchant.shared.ranker import Preset, Ranker, RankerSettings
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

OpenDevice = Callable[..., Device]
MakeScorer = Callable[..., Scorer]
NOW = 1_000_000
KEYS = RawKey(bytes(32))


def view(item: str, time: int = 0) -> Event:
    """A view of a catalogue item."""
    return Event(kind=EventKind.VIEW, item=item, time=time)


def search(text: str, time: int = 0) -> Event:
    """A search in free text."""
    return Event(kind=EventKind.SEARCH, text=text, time=time)


def score_by_hand(
    scorer: Scorer, events: list[tuple[NDArray[np.float32], int, str, int]]
) -> NDArray[np.float64]:
    """The design's formula, event by event in plain loops, for a private vector of zero.

    Events are (embedding, catalogue row or -1, kind, time), oldest first.
    """
    ranker = scorer.ranker
    arrays = {name: array.astype(np.float64) for name, array in ranker.arrays.items()}
    compact = ranker.settings.preset is Preset.COMPACT
    context = arrays["item_projection" if compact else "context_projection"]
    residual = arrays.get(
        "item_residual", np.zeros((ranker.settings.items, ranker.settings.dimension))
    )
    logits, vectors = [], []
    recent = events[::-1][: ranker.settings.history_length]
    for position, (embedding, row, kind, time) in enumerate(recent):
        features = (embedding - ranker.feature_map.mean) @ ranker.feature_map.basis
        vectors.append(features @ context + (residual[row] if row >= 0 else 0.0))
        age = np.log(1 + max(NOW - time, 0) / 3600)
        logits.append(
            0.0
            if compact
            else arrays["attention_position"][position]
            + arrays["attention_kind"][EventKind(kind).number]
            + arrays["attention_age"][0] * age
        )
    shares = np.exp(logits) / np.exp(logits).sum()
    z = shares @ np.array(vectors)
    items = scorer.features @ arrays["item_projection"] + residual
    return np.asarray(items @ z + arrays["popularity"])


def test_scores_are_the_designs_formula(
    scorer: Scorer, open_device: OpenDevice, encoder: TextEncoder
) -> None:
    """Scores follow s_j = z . (P' f_j + r_j) + b_j, items and free text in the history alike."""
    device = open_device(scorer)
    text = "cold war thrillers"
    device.observe(
        view("item-3", 100),
        Event(kind=EventKind.PURCHASE, item="item-7", time=5_000),
        search(text, 90_000),
        view("item-3", 95_000),
        Event(kind=EventKind.LIKE, item="item-1", time=NOW + 50),
    )
    embeddings = scorer.catalogue.embeddings
    expected = score_by_hand(
        scorer,
        [
            (embeddings[3], 3, "view", 100),
            (embeddings[7], 7, "purchase", 5_000),
            (encoder.encode([text])[0], -1, "search", 90_000),
            (embeddings[3], 3, "view", 95_000),
            (embeddings[1], 1, "like", NOW + 50),
        ],
    )
    np.testing.assert_allclose(device.scores(now=NOW), expected, rtol=1e-4, atol=1e-5)
    ranked = device.recommend(k=len(expected), exclude_seen=False, now=NOW)
    assert [int(r.item.removeprefix("item-")) for r in ranked] == list(np.argsort(-expected))


def test_an_empty_device_ranks_by_popularity(scorer: Scorer, open_device: OpenDevice) -> None:
    """Before the first event the ranking is the popularity prior, and there are no interests."""
    device = open_device(scorer)
    popularity = scorer.ranker.arrays["popularity"]
    np.testing.assert_array_equal(device.scores(), popularity)
    best = int(popularity.argmax())
    assert device.recommend(k=1)[0].item == f"item-{best}"
    assert device.interests() == []
    assert device.event_count() == 0


def test_a_reopened_device_is_the_same(scorer: Scorer, open_device: OpenDevice) -> None:
    """Closing and opening again changes neither recommendations nor interests."""
    with open_device(scorer) as device:
        device.observe(view("item-3", 100), search("jazz music", 200))
        before = device.recommend(now=NOW), device.interests()
    again = open_device(scorer)
    assert again.event_count() == 2
    assert (again.recommend(now=NOW), again.interests()) == before


def test_the_order_of_observing_does_not_matter(scorer: Scorer, open_device: OpenDevice) -> None:
    """Events that arrive late count by their time, as if they had come in order."""
    events = [view("item-3", 100), search("jazz music", 200), view("item-5", 300)]
    one, other = open_device(scorer, name="one"), open_device(scorer, name="other")
    one.observe(*events)
    for event in reversed(events):
        other.observe(event)
    np.testing.assert_array_equal(one.scores(now=NOW), other.scores(now=NOW))
    assert [i.tag for i in one.interests()] == [i.tag for i in other.interests()]


def test_observing_nothing_is_nothing(scorer: Scorer, open_device: OpenDevice) -> None:
    """Observing no events keeps none."""
    device = open_device(scorer)
    device.observe()
    assert device.event_count() == 0


def test_text_needs_an_encoder(scorer: Scorer, tmp_path: Path) -> None:
    """Free text without an encoder is a clear error, and none of the events is kept."""
    with Device.open(tmp_path, scorer, keys=KEYS) as device:
        with pytest.raises(ConfigurationError, match=r"free text need an encoder.*encoder="):
            device.observe(view("item-1"), search("cold war thrillers"))
        assert device.event_count() == 0
        assert device.interests() == []
        device.observe(view("item-1"))
        with pytest.raises(ConfigurationError, match="interests as tags need an encoder"):
            device.interests()


def test_an_unknown_item_needs_a_text(scorer: Scorer, open_device: OpenDevice) -> None:
    """An item outside the catalogue is kept if its text comes with it, and is an error if not."""
    device = open_device(scorer)
    with pytest.raises(DataError, match=r"'new' is not in the catalogue.*give the item's text"):
        device.observe(view("item-1"), view("new"))
    assert device.event_count() == 0
    device.observe(Event(kind=EventKind.VIEW, item="new", text="jazz music", time=5))
    other = open_device(scorer, name="other")
    other.observe(Event(kind=EventKind.VIEW, text="jazz music", time=5))
    np.testing.assert_array_equal(device.scores(now=NOW), other.scores(now=NOW))


class WideEncoder:
    """An encoder of another dimension."""

    dimension = 99
    fingerprint = "wide"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings that do not fit the catalogue."""
        return np.ones((len(texts), self.dimension), dtype=np.float32)


def test_an_encoder_must_fit_the_catalogue(scorer: Scorer, tmp_path: Path) -> None:
    """An encoder of another dimension is refused at opening, by both numbers."""
    with pytest.raises(ConfigurationError, match=r"99 numbers .* have 24"):
        Device.open(tmp_path, scorer, encoder=WideEncoder(), keys=KEYS)


def test_an_encoder_must_be_the_catalogues(
    scorer: Scorer, encoder: TextEncoder, tmp_path: Path
) -> None:
    """An encoder other than the one a catalogue says it was embedded by is refused at opening."""
    names = list(scorer.catalogue.items)
    Catalogue.write(tmp_path / "c", names, texts=names, encoder=encoder)
    mapped = Scorer.bind(scorer.ranker, Catalogue.open(tmp_path / "c"))
    with Device.open(tmp_path / "device", mapped, encoder=encoder, keys=KEYS) as device:
        device.observe(search("jazz music"), view("item-3"))
        assert len(device.recommend(k=5)) == 5
    other = type("Other", (type(encoder),), {"fingerprint": "other"})()
    with pytest.raises(ConfigurationError, match="other and the catalogue was embedded by words"):
        Device.open(tmp_path / "device", mapped, encoder=other, keys=KEYS)


def test_a_changed_encoder_is_told(scorer: Scorer, open_device: OpenDevice, tmp_path: Path) -> None:
    """A store whose texts were embedded by another encoder is a StoreError, not a wrong ranking."""
    with open_device(scorer) as device:
        device.observe(search("jazz music"))
    embeddings = np.eye(30, 12, dtype=np.float32)
    ranker = Ranker(
        scorer.ranker.settings, FeatureMap.principal(embeddings, rank=6), scorer.ranker.vector
    )
    changed = Scorer.bind(ranker, Catalogue.of(scorer.catalogue.items, embeddings))
    with Device.open(tmp_path / "device", changed, keys=KEYS) as device:
        with pytest.raises(StoreError, match=r"24 numbers; .* 12; was the encoder changed"):
            device.recommend()
        with pytest.raises(StoreError, match="was the encoder changed"):
            device.observe(view("item-1"))
        assert device.event_count() == 1


def test_an_item_that_left_the_catalogue_is_still_history(
    scorer: Scorer, open_device: OpenDevice
) -> None:
    """Events on items of an earlier catalogue neither break ranking nor claim another's place."""
    with open_device(scorer) as device:
        device.observe(view("item-29", 100), view("item-3", 200))
    names = [*scorer.catalogue.items[:-1], "newcomer"]
    changed = Scorer.bind(scorer.ranker, Catalogue.of(names, scorer.catalogue.embeddings))
    device = open_device(changed)
    assert np.isfinite(device.scores(now=NOW)).all()
    items = [r.item for r in device.recommend(k=30)]
    assert "newcomer" in items
    assert "item-3" not in items


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    candidates=st.none() | st.lists(st.integers(0, 29), max_size=40),
    k=st.integers(1, 40),
    exclude_seen=st.booleans(),
)
def test_recommendations_are_the_best_candidates(
    make_scorer: MakeScorer,
    tmp_path: Path,
    candidates: list[int] | None,
    k: int,
    exclude_seen: bool,
) -> None:
    """Recommendations are different candidates, at most k, unseen if asked, by falling score."""
    with Device.open(
        tmp_path, make_scorer(), settings=DeviceSettings(durable=False), keys=KEYS
    ) as device:
        if device.event_count() == 0:
            device.observe(view("item-2", 10), view("item-4", 20))
        named = None if candidates is None else [f"item-{number}" for number in candidates]
        ranked = device.recommend(named, k=k, exclude_seen=exclude_seen, now=NOW)
        pool = set(range(30)) if candidates is None else set(candidates)
        allowed = pool - {2, 4} if exclude_seen else pool
        scores = device.scores(now=NOW)
        best = sorted(allowed, key=lambda row: (-scores[row], row))[:k]
        assert [r.item for r in ranked] == [f"item-{row}" for row in best]
        np.testing.assert_allclose([r.score for r in ranked], scores[best], rtol=1e-5)


@pytest.mark.parametrize("candidates", [None, [9, 3, 27, 3, 14]])
def test_ties_are_in_catalogue_order(
    make_scorer: MakeScorer, open_device: OpenDevice, candidates: list[int] | None
) -> None:
    """Items of equal score come in the catalogue's order, whatever the candidates' order."""
    scorer = make_scorer()
    device = open_device(scorer.with_vector(np.zeros_like(scorer.ranker.vector)))
    named = None if candidates is None else [f"item-{number}" for number in candidates]
    rows = sorted(set(range(30) if candidates is None else candidates))
    assert [r.item for r in device.recommend(named, k=30)] == [f"item-{row}" for row in rows]


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", None, True, float("nan")])
def test_k_is_a_count(scorer: Scorer, open_device: OpenDevice, k: object) -> None:
    """What is no whole number from 1 is a ConfigurationError, of recommendations and interests."""
    device = open_device(scorer)
    device.observe(view("item-1"))
    fault = f"k is {k!r}; it must be a whole number of at least 1"
    with pytest.raises(ConfigurationError, match=fault):
        device.recommend(k=k)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=fault):
        device.interests(k=k)  # type: ignore[arg-type]


@pytest.mark.parametrize("now", [2**70, -1, 1.5, float("nan"), float("inf"), "soon"])
def test_now_is_a_time(scorer: Scorer, open_device: OpenDevice, now: object) -> None:
    """What is no time of a request is a DataError that names it, wherever one is given."""
    device = open_device(scorer)
    device.observe(view("item-1"))
    asks: list[Callable[..., object]] = [
        device.recommend,
        device.scores,
        lambda now: device.predict("a text", now=now),
    ]
    for ask in asks:
        with pytest.raises(DataError, match="now is"):
            ask(now=now)


@pytest.mark.parametrize("thing", ["item-1", None, 5, {"kind": "view", "item": "item-1"}])
def test_what_is_no_event_is_told(scorer: Scorer, open_device: OpenDevice, thing: object) -> None:
    """A DataError says how to make an event; the events beside it are not kept either."""
    device = open_device(scorer)
    with pytest.raises(DataError, match=r"is no event; make one with Event\("):
        device.observe(view("item-1"), thing)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="is no event"):
        device.recommend(context=[thing])  # type: ignore[list-item]
    assert device.event_count() == 0


def test_what_is_no_text_is_told(scorer: Scorer, open_device: OpenDevice) -> None:
    """Predicting something else than a text is a DataError."""
    device = open_device(scorer)
    with pytest.raises(DataError, match="5 is no text"):
        device.predict(5)  # type: ignore[arg-type]


def test_unknown_candidates_are_told(scorer: Scorer, open_device: OpenDevice) -> None:
    """Candidates outside the catalogue are a DataError that counts them and names one."""
    device = open_device(scorer)
    with pytest.raises(DataError, match=r"2 of 3 items are not in the catalogue, such as 'x'"):
        device.recommend(["item-1", "x", "y"])


def test_a_planted_theme_is_the_first_interest(scorer: Scorer, open_device: OpenDevice) -> None:
    """What a person searches for is their first interest; shares fall and sum to at most 1."""
    device = open_device(scorer)
    theme = Taxonomy.built_in().names[40]
    device.observe(*(search(theme, 1000 * place) for place in range(5)), view("item-1", 9000))
    interests = device.interests(k=8)
    assert interests[0].tag == theme
    shares = [interest.share for interest in interests]
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] <= shares[0] <= sum(shares) <= 1 + 1e-6
    every = device.interests(k=10_000)
    assert sum(interest.share for interest in every) == pytest.approx(1.0, abs=1e-5)


def test_interests_follow_a_switch(scorer: Scorer, open_device: OpenDevice) -> None:
    """Weeks after a switch of theme the new one leads the interests."""
    device = open_device(scorer)
    old, new = Taxonomy.built_in().names[40], Taxonomy.built_in().names[120]
    day = 86_400
    device.observe(*(search(old, time * day) for time in range(20)))
    assert device.interests(k=1)[0].tag == old
    device.observe(*(search(new, time * day) for time in range(20, 40)))
    assert device.interests(k=1)[0].tag == new


def test_a_dislike_is_not_an_interest(scorer: Scorer, open_device: OpenDevice) -> None:
    """A disliked theme falls to the end of the interests."""
    device = open_device(scorer)
    theme = Taxonomy.built_in().names[40]
    device.observe(Event(kind=EventKind.DISLIKE, text=theme, time=5))
    assert device.interests(k=10_000)[-1].tag == theme


def test_settings_set_how_interests_fade(
    scorer: Scorer, encoder: TextEncoder, tmp_path: Path
) -> None:
    """Half-lives of the settings are those the device uses: shorter ones forget sooner."""
    old, new = Taxonomy.built_in().names[40], Taxonomy.built_in().names[120]
    events = [*(search(old, second) for second in range(5)), search(new, 10 * 86_400)]
    first = {}
    for days in (1.0, 1000.0):
        chosen = DeviceSettings(interest_policy=HalfLives(short_days=days, long_days=days))
        with Device.open(
            tmp_path / str(days), scorer, encoder=encoder, settings=chosen, keys=KEYS
        ) as device:
            device.observe(*events)
            first[days] = device.interests(k=1)[0].tag
    assert first == {1.0: new, 1000.0: old}


def test_only_the_owner_can_enter_the_folder(scorer: Scorer, tmp_path: Path) -> None:
    """A device's folder is made for its owner alone."""
    with Device.open(tmp_path / "a" / "device", scorer, keys=KEYS):
        pass
    assert stat.S_IMODE((tmp_path / "a" / "device").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_an_error(scorer: Scorer, tmp_path: Path) -> None:
    """A file in the folder's place is a StoreError that names it."""
    (tmp_path / "device").write_text("a file")
    with pytest.raises(StoreError, match="cannot make the device's folder"):
        Device.open(tmp_path / "device", scorer, keys=KEYS)


def test_a_ranker_must_fit_its_catalogue(make_scorer: MakeScorer) -> None:
    """A ranker of another number of items is refused before any device has it."""
    settings = RankerSettings(
        preset=Preset.TEXT, items=3, features=6, dimension=3, history_length=4
    )
    scorer = make_scorer()
    ranker = Ranker(settings, scorer.ranker.feature_map, np.zeros(settings.size, dtype=np.float32))
    with pytest.raises(ConfigurationError, match=r"for 3 items; the catalogue has 30"):
        Scorer.bind(ranker, scorer.catalogue)
