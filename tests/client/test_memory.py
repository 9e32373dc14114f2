"""What a device has in mind is what its store keeps."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.client import Device, DeviceSettings, Event, EventKind
from penchant.client.memory import Memory
from penchant.client.storage import RawKey
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

MakeScorer = Callable[..., Scorer]
KEYS = RawKey(bytes(32))

events = st.builds(
    Event,
    kind=st.sampled_from(EventKind),
    item=st.integers(0, 29).map("item-{}".format),
    time=st.integers(0, 6),
) | st.builds(
    Event,
    kind=st.just(EventKind.SEARCH),
    text=st.sampled_from(["jazz music", "cold war thrillers"]),
    time=st.integers(0, 6),
)


@given(batches=st.lists(st.lists(events, min_size=1, max_size=7), max_size=5), ask=st.booleans())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
)
def test_what_is_kept_up_is_what_would_be_read(
    make_scorer: MakeScorer,
    encoder: TextEncoder,
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Event]],
    ask: bool,
) -> None:
    """After any batches, in any order of time, memory equals one that reads the store afresh."""
    scorer = make_scorer()
    folder = tmp_path_factory.mktemp("device")
    chosen = DeviceSettings(durable=False)
    with Device.open(folder, scorer, encoder=encoder, settings=chosen, keys=KEYS) as device:
        memory = device._memory
        for batch in batches:
            if ask:
                _ = memory.recent, memory.seen
            memory.observe(batch)
        kept = snapshot(memory)
        memory.reread()
        assert snapshot(memory) == kept
        whole = memory.history()
        length = scorer.ranker.settings.history_length
        assert kept[0] == whole.latest(length).features.tobytes()
        assert sorted(set(whole.items[whole.items >= 0].tolist())) == kept[-1]


def snapshot(memory: Memory) -> tuple[object, ...]:
    """All that a memory tells."""
    recent = memory.recent
    return (
        recent.history.features.tobytes(),
        recent.history.items.tolist(),
        recent.history.kinds.tolist(),
        recent.history.times.tolist(),
        recent.events,
        memory.state.to_bytes(),
        np.flatnonzero(memory.seen).tolist(),
    )


def test_a_refused_event_leaves_memory_as_it_was(
    scorer: Scorer, open_device: Callable[..., Device]
) -> None:
    """A batch that is refused is neither kept nor remembered."""
    device = open_device(scorer)
    device.observe(Event(kind="view", item="item-1", time=5))
    before = snapshot(device._memory)
    with pytest.raises(Exception, match="not in the catalogue"):
        device.observe(
            Event(kind="view", item="item-2", time=6), Event(kind="view", item="new", time=7)
        )
    assert snapshot(device._memory) == before
