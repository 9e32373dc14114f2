"""Export, and moving a profile to another device."""

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from penchant.client import (
    Device,
    DeviceSettings,
    Event,
    EventKind,
    Purpose,
    Taxonomy,
)
from penchant.client.ledger import FileWitness, default_witness_path
from penchant.client.portability import PROFILE_FORMAT, Profile
from penchant.client.storage import KeyFile, RawKey, seal
from penchant.shared.catalogue import Catalogue
from penchant.shared.contract import EventPrivacy, LocalTraining, TrainingTask
from penchant.shared.errors import BudgetError, ConfigurationError, StoreError
from penchant.shared.features import FeatureMap
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Preset, Ranker
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

NOW = 1_000_000
WORDS = "correct horse battery"
SETTINGS = DeviceSettings(taxonomy=Taxonomy.of(["jazz", "opera", "chess"]))
PRIVACY = EventPrivacy(
    sampling_probability=0.5, expected_batch_size=2.0, clipping_norm=1.0, noise_multiplier=2.0
)
MakeTask = Callable[..., TrainingTask]
MakeTraining = Callable[..., LocalTraining]


@pytest.fixture(scope="module")
def scorer(make_scorer: Callable[..., Scorer]) -> Scorer:
    """A small ranker."""
    return make_scorer(Preset.TEXT)


@pytest.fixture
def task(scorer: Scorer, make_task: MakeTask, make_training: MakeTraining) -> TrainingTask:
    """A task that the default budget has room for."""
    made = make_task(scorer, make_training(clipping_norm=1.0, event_privacy=PRIVACY))
    return TrainingTask(
        made.model_id, made.round_number, made.training, made.vector, noise_multiplier=4.0
    )


@pytest.fixture
def old(
    tmp_path: Path, scorer: Scorer, encoder: TextEncoder, task: TrainingTask
) -> Iterator[Device]:
    """A device with a past: events, one forgotten, an edit, a refusal, consent and a round."""
    with Device.open(
        tmp_path / "old",
        scorer,
        keys=RawKey(bytes(32)),
        encoder=encoder,
        settings=SETTINGS,
        randomness=SeededRandomness(0),
    ) as device:
        device.observe(
            Event(kind=EventKind.VIEW, item="item-1", time=100),
            Event(kind=EventKind.SEARCH, text="jazz secret", time=200, language="en"),
            Event(kind=EventKind.LIKE, item="item-3", time=300),
            Event(kind=EventKind.LIKE, item="item-3", time=300),
        )
        device.edit_interest("opera", weight=0.5)
        for purpose in Purpose:
            device.consent(purpose)
        device.train(task)
        (last,) = device.observe(Event(kind=EventKind.VIEW, item="item-9", time=400))
        device.forget(event=last)
        yield device


def arrive(
    tmp_path: Path, scorer: Scorer, encoder: TextEncoder, *, name: str = "new", words: str = WORDS
) -> Device:
    """Let the profile arrive in a folder of its own, under other keys."""
    return Device.arrive(
        tmp_path / "profile",
        passphrase=words,
        folder=tmp_path / name,
        scorer=scorer,
        keys=KeyFile(tmp_path / f"{name}.keyfile"),
        encoder=encoder,
        settings=SETTINGS,
        randomness=SeededRandomness(0),
    )


def test_export_is_everything_as_json(old: Device, task: TrainingTask) -> None:
    """Every event, interest, edit, count, vector, round, consent and ledger entry is there."""
    told = json.loads(json.dumps(old.export()))
    assert [
        (e["kind"], e["item"], e["text"], e["language"], e["time"]) for e in told["events"]
    ] == [
        ("view", "item-1", None, None, 100),
        ("search", None, "jazz secret", "en", 200),
        ("like", "item-3", None, None, 300),
    ]
    assert [interest["tag"] for interest in told["interests"]] == [
        interest.tag for interest in old.interests()
    ]
    assert told["interest_edits"] == [{"tag": "opera", "weight": 0.5, "mute": False}]
    assert told["health"]["refused"] == {"duplicate": 1}
    (vector,) = told["private_vectors"]
    np.testing.assert_array_equal(np.float32(vector["numbers"]), old.private_vector())
    assert [trained["round"] for trained in told["trained_rounds"]] == [task.round_number]
    assert {consent["purpose"] for consent in told["consents"]} == set(Purpose)
    assert len(told["ledger"]) == 1
    assert told["ledger"][0]["purpose"] == Purpose.TRAIN_RANKER


def test_a_profile_arrives_as_it_left(
    old: Device, tmp_path: Path, scorer: Scorer, encoder: TextEncoder
) -> None:
    """Events with ids, interests, ranking, edits, counts, vector, consent and spending move."""
    path = tmp_path / "profile"
    before = (old.scores(now=NOW), old.interests(), old.health(), old.privacy().released)
    exported = old.export()
    old.move_to(path, passphrase=WORDS)
    assert b"secret" not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    with arrive(tmp_path, scorer, encoder) as new:
        np.testing.assert_allclose(new.scores(now=NOW), before[0], rtol=1e-6, atol=1e-7)
        for mine, its in zip(new.interests(), before[1], strict=True):
            assert mine.tag == its.tag
            assert mine.share == pytest.approx(its.share, abs=1e-6)
            assert [e.event for e in mine.evidence] == [e.event for e in its.evidence]
        assert new.health() == before[2]
        assert new.privacy().released == before[3]
        assert new.privacy().waits_until == old_waits(exported, new)
        told = new.export()
        for name in exported:
            if name not in ("exported", "interests"):
                assert told[name] == exported[name]
        # Ids that were forgotten are not given again, and rounds can still be done again.
        assert new.observe(Event(kind=EventKind.VIEW, item="item-5", time=500)) == [5]
        assert new.forget(item="item-1").private_vector == "replayed"


def old_waits(exported: dict[str, object], new: Device) -> int | None:
    """Until when the separation of rounds alone makes the new device wait."""
    entries = exported["ledger"]
    assert isinstance(entries, list)
    separation: int = new.privacy().settings.separation
    return int(entries[-1]["time"]) + separation


def test_the_old_device_spends_no_more(
    old: Device,
    tmp_path: Path,
    scorer: Scorer,
    encoder: TextEncoder,
    task: TrainingTask,
) -> None:
    """After moving nothing leaves, not even what was paid for, reopened or asked again or not."""
    old.move_to(tmp_path / "profile", passphrase=WORDS)
    later = TrainingTask(
        task.model_id, 2, task.training, task.vector, noise_multiplier=task.noise_multiplier
    )
    for asked in (task, later):
        with pytest.raises(BudgetError):
            old.train(asked)
    assert "this profile moved to another device" in old.privacy().waits_because
    old.close()
    with Device.open(
        tmp_path / "old", scorer, keys=RawKey(bytes(32)), encoder=encoder, settings=SETTINGS
    ) as again:
        assert "moved to another device" in str(again.privacy())
        assert again.recommend(k=1)
        again.move_to(tmp_path / "profile", passphrase=WORDS)
    with arrive(tmp_path, scorer, encoder) as new:
        assert "moved" not in new.privacy().waits_because


def test_what_cannot_be_read_leaves_nothing(
    old: Device, tmp_path: Path, scorer: Scorer, encoder: TextEncoder
) -> None:
    """A wrong passphrase, a damaged or missing file, a folder in use: an error, and no device."""
    path = tmp_path / "profile"
    with pytest.raises(StoreError, match="cannot read the profile"):
        arrive(tmp_path, scorer, encoder)
    with pytest.raises(ConfigurationError, match="at least 8"):
        old.move_to(path, passphrase="short")
    with pytest.raises(StoreError, match="cannot write the profile"):
        old.move_to(tmp_path / "missing" / "profile", passphrase=WORDS)
    assert "moved" not in old.privacy().waits_because
    assert not path.exists()
    old.move_to(path, passphrase=WORDS)
    with pytest.raises(StoreError, match="another passphrase"):
        arrive(tmp_path, scorer, encoder, words="another passphrase")
    with pytest.raises(StoreError, match="not empty"):
        arrive(tmp_path, scorer, encoder, name="old")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        arrive(tmp_path, scorer, encoder)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("taken", ["1e999", '"yesterday"', "null", "[]"])
def test_a_profile_that_was_taken_at_no_time_is_refused(tmp_path: Path, taken: str) -> None:
    """What a passphrase opens may still be nonsense."""
    path = tmp_path / "profile"
    content = f'{{"behaviour": {{}}, "ledger": {{}}, "taken": {taken}}}'.encode()
    path.write_bytes(seal(zlib.compress(content), WORDS, purpose=PROFILE_FORMAT))
    with pytest.raises(StoreError, match="holds something else"):
        Profile.read(path, WORDS)


def test_another_encoder_is_noticed(old: Device, tmp_path: Path, scorer: Scorer) -> None:
    """Texts embedded by an encoder of another length are an error; nothing stays of the try."""
    old.move_to(tmp_path / "profile", passphrase=WORDS)
    embeddings = np.eye(30, 12, dtype=np.float32)
    ranker = Ranker(
        scorer.ranker.settings, FeatureMap.principal(embeddings, rank=6), scorer.ranker.vector
    )
    other = Scorer.bind(ranker, Catalogue.of(scorer.catalogue.items, embeddings))
    with pytest.raises(StoreError, match="was the encoder changed"):
        Device.arrive(
            tmp_path / "profile",
            passphrase=WORDS,
            folder=tmp_path / "new",
            scorer=other,
            keys=RawKey(bytes(32)),
        )
    assert not (tmp_path / "new").exists()


def test_arriving_where_a_ledger_was_means_waiting(
    old: Device, tmp_path: Path, scorer: Scorer, encoder: TextEncoder
) -> None:
    """A folder whose ledger was wiped does not become a fresh one by an arrival."""
    old.move_to(tmp_path / "profile", passphrase=WORDS)
    with arrive(tmp_path, scorer, encoder) as new:
        new.privacy()
    witness = FileWitness(default_witness_path(tmp_path / "new"))
    mark = witness.read()
    assert mark is not None
    assert mark.count == 1
    shutil.rmtree(tmp_path / "new")
    witness.write(type(mark)(mark.count + 3, "another", mark.time))
    with arrive(tmp_path, scorer, encoder) as new:
        assert "put back to an earlier state" in new.privacy().waits_because
