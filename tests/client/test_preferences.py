"""A device's interests in tags: policies, evidence, edits, and ranking that obeys them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.client import (
    Device,
    DeviceSettings,
    Event,
    EventKind,
    Ewma,
    HalfLives,
    InterestEdit,
    InterestPolicy,
    Taxonomy,
    Window,
)
from penchant.client.interests import Tags
from penchant.client.storage import RawKey
from penchant.shared.catalogue import Catalogue
from penchant.shared.errors import ConfigurationError
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

NOW = 1_000_000
KEYS = RawKey(bytes(32))
DAY = 86_400
NAMES = ["jazz", "opera", "chess", "knitting", "volcanoes"]
POLICIES: list[InterestPolicy] = [HalfLives(), Ewma(), Window(short_length=2, long_length=4)]
OpenThemed = Callable[..., Device]


@pytest.fixture(scope="module")
def themed(encoder: TextEncoder) -> Scorer:
    """A scorer that has learnt nothing, over eight items of each theme."""
    items = [f"{name}-{number}" for name in NAMES for number in range(8)]
    texts = [f"{name} {name} {name} {item}" for item in items for name in [item.split("-")[0]]]
    catalogue = Catalogue.of(items, encoder.encode(texts))
    return Scorer.untrained(catalogue, dimension=8, history_length=4)


@pytest.fixture
def open_themed(tmp_path: Path, themed: Scorer, encoder: TextEncoder) -> Iterator[OpenThemed]:
    """Open a device over the themed catalogue with the themes as its tags."""
    opened = []

    def opener(policy: InterestPolicy = POLICIES[0], *, name: str = "device") -> Device:
        chosen = DeviceSettings(interest_policy=policy, taxonomy=Taxonomy.of(NAMES), durable=False)
        device = Device.open(tmp_path / name, themed, encoder=encoder, settings=chosen, keys=KEYS)
        opened.append(device)
        return device

    yield opener
    for device in opened:
        device.close()


def view(item: str, time: int) -> Event:
    """A view of an item."""
    return Event(kind=EventKind.VIEW, item=item, time=time)


events = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from([EventKind.VIEW, EventKind.LIKE, EventKind.DISLIKE]),
        item=st.builds("{}-{}".format, st.sampled_from(NAMES), st.integers(0, 7)),
        time=st.integers(0, 9).map(lambda day: day * DAY),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda event: (event.kind, event.item, event.time),
)


@pytest.mark.parametrize("policy", POLICIES, ids=["half-lives", "ewma", "window"])
@given(observed=events, weight=st.floats(-1, 1), data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=25,
)
def test_evidence_is_exact(
    themed: Scorer,
    encoder: TextEncoder,
    tmp_path_factory: pytest.TempPathFactory,
    policy: InterestPolicy,
    observed: list[Event],
    weight: float,
    data: st.DataObject,
) -> None:
    """Contributions of events and edits add up to log p_t - mean(log p), tag by tag.

    Of three events all that speak for a tag are told, most first; those not told speak against it.
    """
    chosen = DeviceSettings(
        interest_policy=policy, taxonomy=Taxonomy.of(NAMES), durable=False, quality=None
    )
    few = observed[:3]
    with Device.open(
        tmp_path_factory.mktemp("device"), themed, encoder=encoder, settings=chosen, keys=KEYS
    ) as device:
        ids = device.observe(*data.draw(st.permutations(few)))
        device.edit_interest("jazz", weight=weight)
        interests = device.interests(k=len(NAMES))
        assert sum(interest.share for interest in interests) == pytest.approx(1.0, abs=1e-6)
        logs = {i.tag: np.log(i.share) for i in interests}
        mean = np.mean(list(logs.values()))
        profile_events = {e.event for i in interests for e in i.evidence}
        assert profile_events <= set(ids)
        short, long = device._memory.state.means()
        if not (short + long).any():
            return
        for interest in interests:
            assert all(e.contribution > 0 for e in interest.evidence)
            amounts = [e.contribution for e in interest.evidence]
            assert amounts == sorted(amounts, reverse=True)
            told = sum(amounts) + interest.declared
            assert told >= logs[interest.tag] - mean - 1e-4
            if len(interest.evidence) == len(few):
                assert told == pytest.approx(logs[interest.tag] - mean, abs=1e-4)


@pytest.mark.parametrize("policy", POLICIES, ids=["half-lives", "ewma", "window"])
def test_interests_are_the_same_after_reopening(
    open_themed: OpenThemed, policy: InterestPolicy
) -> None:
    """State, evidence and edits outlive the process under every policy."""
    with open_themed(policy) as device:
        device.observe(view("jazz-1", 1), view("opera-2", 2), view("jazz-3", 3))
        device.observe(view("chess-4", 0))  # late
        device.edit_interest("opera", weight=0.1)
        before = device.interests()
    assert open_themed(policy).interests() == before


def test_another_policy_is_recomputed_from_the_events(open_themed: OpenThemed) -> None:
    """A device opened with another policy tells what it would have, had it always had it."""
    observed = [view("jazz-1", 1), view("opera-2", 2 * DAY), view("opera-3", 90 * DAY)]
    for policy in POLICIES:
        with open_themed(policy) as device:
            if policy is POLICIES[0]:
                device.observe(*observed)
            told = device.interests()
        fresh = open_themed(policy, name=repr(policy))
        fresh.observe(*observed)
        assert [i.tag for i in fresh.interests()] == [i.tag for i in told]
        shares = [i.share for i in fresh.interests()]
        np.testing.assert_allclose([i.share for i in told], shares, atol=1e-6)


def test_evidence_names_the_events(open_themed: OpenThemed) -> None:
    """The events told for a tag are those on it, by the ids that observing gave."""
    device = open_themed()
    ids = device.observe(view("jazz-1", 1), view("opera-2", 2), view("jazz-3", 3))
    first = device.interests()[0]
    assert first.tag == "jazz"
    told = [(e.event, e.item, e.kind, e.time) for e in first.evidence]
    assert sorted(told[:2]) == [(ids[0], "jazz-1", "view", 1), (ids[2], "jazz-3", "view", 3)]


def test_a_declared_interest_starts_a_cold_device(open_themed: OpenThemed) -> None:
    """Before any event a declared tag leads interests and fills the top of the ranking."""
    device = open_themed()
    assert device.interests() == []
    device.edit_interest("volcanoes", weight=1.0)
    first = device.interests()[0]
    assert (first.tag, first.evidence) == ("volcanoes", ())
    assert first.share > 0.9
    assert first.declared == pytest.approx(20 * (1 - 1 / len(NAMES)))
    top = [r.item for r in device.recommend(k=8, now=NOW)]
    assert all(item.startswith("volcanoes") for item in top)


def test_a_weight_is_added_to_each_item_exactly(
    open_themed: OpenThemed, themed: Scorer, encoder: TextEncoder, tmp_path: Path
) -> None:
    """Scores change by weight x membership, item by item, and by nothing else."""
    device = open_themed()
    device.observe(view("jazz-1", 1), view("opera-2", 2))
    before = device.scores(now=NOW)
    device.edit_interest("opera", weight=0.7)
    device.edit_interest("chess", weight=-0.3)
    tags = Tags.embed(encoder, Taxonomy.of(NAMES), cache=tmp_path / "tags")
    shares = tags.distribution(themed.catalogue.embeddings)
    membership = shares / shares.max(axis=1, keepdims=True)
    expected = before + 0.7 * membership[:, 1] - 0.3 * membership[:, 2]
    np.testing.assert_allclose(device.scores(now=NOW), expected, rtol=1e-4, atol=1e-5)


def test_a_muted_tag_leaves_the_top(open_themed: OpenThemed) -> None:
    """Items of a muted tag come after all others, and the tag is no interest any more."""
    device = open_themed()
    device.observe(*(view(f"jazz-{number}", number) for number in range(4)), view("chess-1", 9))
    assert device.recommend(k=1, now=NOW)[0].item.startswith(("jazz", "chess"))
    device.edit_interest("jazz", mute=True)
    ranked = [r.item for r in device.recommend(k=40, exclude_seen=False, now=NOW)]
    assert [item.startswith("jazz") for item in ranked] == [False] * 32 + [True] * 8
    told = device.interests(k=5)
    assert told[0].tag == "chess"
    assert len(told) == 4
    assert sum(i.share for i in told) == pytest.approx(1.0, abs=1e-6)


def test_edits_are_listed_and_undone(open_themed: OpenThemed) -> None:
    """Edits are kept, listed, reopened and undone; after undoing all is as it was."""
    with open_themed() as device:
        device.observe(view("jazz-1", 1))
        before = device.scores(now=NOW), device.interests()
        assert device.edit_interest("jazz", weight=-2) == InterestEdit("jazz", -2.0, False)
        assert device.edit_interest("chess", mute=True) == InterestEdit("chess", 0.0, True)
        edited = device.scores(now=NOW)
        assert (edited != before[0]).any()
    device = open_themed()
    assert device.interest_edits() == [
        InterestEdit("chess", 0.0, True),
        InterestEdit("jazz", -2.0, False),
    ]
    np.testing.assert_array_equal(device.scores(now=NOW), edited)
    device.edit_interest("chess", mute=False)
    assert device.edit_interest("jazz", weight=0) == InterestEdit("jazz")
    assert device.interest_edits() == []
    np.testing.assert_array_equal(device.scores(now=NOW), before[0])
    assert device.interests() == before[1]


def test_an_edit_without_sense_leaves_all_as_it_was(open_themed: OpenThemed) -> None:
    """An unknown tag or a wild weight is refused and nothing is kept."""
    device = open_themed()
    with pytest.raises(ConfigurationError, match=r"no tag 'jaz' .* 'jazz'"):
        device.edit_interest("jaz", weight=1)
    with pytest.raises(ConfigurationError, match="from -10"):
        device.edit_interest("jazz", weight=99)
    with pytest.raises(ConfigurationError, match="neither weight nor mute"):
        device.edit_interest("jazz")
    assert device.interest_edits() == []


def test_edits_need_an_encoder(themed: Scorer, tmp_path: Path, encoder: TextEncoder) -> None:
    """A device with edits that cannot place its tags says so instead of ignoring them."""
    chosen = DeviceSettings(taxonomy=Taxonomy.of(NAMES), durable=False)
    with Device.open(tmp_path, themed, encoder=encoder, settings=chosen, keys=KEYS) as device:
        device.edit_interest("jazz", mute=True)
    with (
        Device.open(tmp_path, themed, settings=chosen, keys=KEYS) as device,
        pytest.raises(ConfigurationError, match="need an encoder"),
    ):
        device.recommend()


def test_what_is_refused_is_counted_and_not_said(open_themed: OpenThemed) -> None:
    """Ids are None for refused events, health counts them, outlives reopening and says no text."""
    with open_themed() as device:
        secret = Event(kind=EventKind.SEARCH, text="<i>jazz</i> secret", time=5)
        ids = device.observe(view("jazz-1", 1), view("jazz-1", 1), secret)
        assert ids == [1, None, 2]
        assert device.observe(Event(kind=EventKind.SEARCH, text="\x00", time=6)) == [None]
    device = open_themed()
    health = device.health()
    assert health.events == device.event_count() == 2
    assert health.refused == {"duplicate": 1, "empty_text": 1}
    assert health.cleaned == {"markup": 1, "normalised": 1}
    assert [refused.reason for refused in health.last_refused] == ["duplicate", "empty_text"]
    assert "secret" not in repr(health)
    assert device.interests()[0].evidence[0].text in (None, "jazz secret")


def test_what_was_put_right_in_a_forgotten_event_is_forgotten(open_themed: OpenThemed) -> None:
    """Health counts the cleanings of the events that are kept, as if the others had never been."""
    dirty = [Event(kind=EventKind.SEARCH, text=f"<i>jazz</i> {n}", time=5 + n) for n in range(3)]
    with open_themed() as device:
        first, *_ = device.observe(*dirty, view("jazz-1", 9))
        assert device.health().cleaned == {"markup": 3, "normalised": 3}
        device.forget(event=first)
        assert device.health().cleaned == {"markup": 2, "normalised": 2}
    device = open_themed()
    device.forget(before=7)
    assert device.health().cleaned == {"markup": 1, "normalised": 1}
    assert device.export()["health"]["cleaned"] == {"markup": 1, "normalised": 1}
    device.forget(everything=True)
    assert device.health().cleaned == {}


def test_language_is_kept(open_themed: OpenThemed) -> None:
    """An event's language is kept with it."""
    device = open_themed()
    device.observe(Event(kind=EventKind.SEARCH, text="jazz", time=5, language="zh-Hant"))
    assert [event.language for event in device._store.events()] == ["zh-Hant"]
