"""Nothing a person did can be read in any file of a device's folder."""

from collections.abc import Callable
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest

from penchant.client import (
    Device,
    DeviceSettings,
    Event,
    KeyFile,
    KeySource,
    Passphrase,
    Taxonomy,
)
from penchant.client.storage import Database, Durability, RawKey
from penchant.client.storage.schema import BEHAVIOUR
from penchant.shared.files import CACHE_VARIABLE
from penchant.shared.scoring import Scorer
from penchant.shared.texts import TextEncoder

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be")
SECRETS = ("zymurgy", "quokka rescue", "oxbow clinics", "palimpsest")
SEARCHES = [f"{secret} near me {number}" for number in range(40) for secret in SECRETS]
TAGS = ("mycology", "numismatics", "campanology")
ITEMS = [f"item-{number}" for number in range(10, 30)]


def readable(folder: Path, words: tuple[str, ...] | list[str]) -> set[str]:
    """Return the words that are in any file of a folder, in any usual encoding and case."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    raw = b"\0".join(content for path in files for content in (path.read_bytes(),)).lower()
    return {word for word, code in product(words, ENCODINGS) if word.lower().encode(code) in raw}


@pytest.fixture(params=["passphrase", "file", "raw"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> KeySource:
    """A key source of each kind."""
    sources: dict[str, Callable[[], KeySource]] = {
        "passphrase": lambda: Passphrase("correct horse battery staple"),
        "file": lambda: KeyFile(tmp_path / "key"),
        "raw": lambda: RawKey(bytes(range(32))),
    }
    (tmp_path / "device").mkdir()
    return sources[str(request.param)]()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have temporary files and caches made in a folder that is scanned as well."""
    folder = tmp_path / "device" / "temporary"
    for name in ("TMPDIR", "SQLITE_TMPDIR", CACHE_VARIABLE):
        monkeypatch.setenv(name, str(folder))
    return folder


def test_no_file_can_be_read(
    keys: KeySource,
    temporary: Path,
    make_scorer: Callable[..., Scorer],
    encoder: TextEncoder,
    tmp_path: Path,
) -> None:
    """Texts, items, kinds and tags are in no file, whether open, closed or purged."""
    folder = tmp_path / "device"
    temporary.mkdir()
    words = [*SECRETS, *ITEMS, *TAGS, "search", "dislike", "interest_state", "sqlite"]
    chosen = DeviceSettings(quality=None, taxonomy=Taxonomy.of(TAGS))
    with Device.open(folder, make_scorer(), keys=keys, encoder=encoder, settings=chosen) as device:
        for place, text in enumerate(SEARCHES):
            device.observe(
                Event(kind="search", text=text, time=place),
                Event(kind="dislike", item=ITEMS[place % len(ITEMS)], time=place),
            )
        assert device.event_count() == 2 * len(SEARCHES)
        device.edit_interest(TAGS[0], weight=2.0)
        device.edit_interest(TAGS[1], mute=True)
        assert {found.tag for found in device.interests(k=3)} == {TAGS[0], TAGS[2]}
        assert readable(folder, words) == set()
        assert device.forget(item=ITEMS[3]).events > 0
        assert readable(folder, words) == set()
    assert readable(folder, words) == set()
    with Device.open(folder, make_scorer(), keys=keys, encoder=encoder) as device:
        device.forget(everything=True)
        assert readable(folder, words) == set()
        assert device.event_count() == 0
    assert readable(folder, words) == set()


def test_the_scan_would_see_them(tmp_path: Path) -> None:
    """The same scan of the same tables without encryption finds every one."""
    with closing(
        Database.open(
            tmp_path / "plain.sqlite", None, migrations=BEHAVIOUR, durability=Durability.KILL
        )
    ) as database:
        database.execute_many(
            "INSERT INTO event (time, kind, item, text) VALUES (?, 'search', ?, ?)",
            ((place, ITEMS[place % 20], text) for place, text in enumerate(SEARCHES)),
        )
        words = [*SECRETS, *ITEMS, "search", "sqlite"]
        assert readable(tmp_path, words) == set(words)
