"""Keys: a random one a database, never on disk but wrapped, and every way to lose one named."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.client.storage import KeyFile, KeySource, OsKeyStore, Passphrase, RawKey, wrapping
from penchant.client.storage.wrapping import data_key, destroy_key, is_destroyed, key_path
from penchant.shared.errors import ConfigurationError, StoreError

RAW = RawKey(bytes(range(32)))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "behaviour.sqlite"


@pytest.fixture(params=["passphrase", "file", "raw"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], KeySource]:
    """Make a source of each kind that needs no key store, the same one every time."""
    sources: dict[str, Callable[[], KeySource]] = {
        "passphrase": lambda: Passphrase("correct horse battery staple"),
        "file": lambda: KeyFile(tmp_path / "elsewhere.bin"),
        "raw": lambda: RawKey(bytes(range(32))),
    }
    return sources[str(request.param)]


def test_a_key_is_found_again(database: Path, source: Callable[[], KeySource]) -> None:
    """The same source opens the key that it wrapped, later and in another process."""
    key = data_key(database, source(), purpose="behaviour")
    assert len(key) == 32
    assert data_key(database, source(), purpose="behaviour") == key


def test_every_database_has_a_key_of_its_own(tmp_path: Path) -> None:
    """Two databases of one source have different, random keys."""
    keys = {data_key(tmp_path / f"{n}.sqlite", RAW, purpose="ledger") for n in range(20)}
    assert len(keys) == 20


def test_the_key_is_on_disk_only_wrapped(database: Path, source: Callable[[], KeySource]) -> None:
    """No file holds the data key, raw or as hexadecimal digits, and only the owner reads them."""
    key = data_key(database, source(), purpose="behaviour")
    for file in database.parent.iterdir():
        content = file.read_bytes()
        assert key not in content
        assert key.hex().encode() not in content.lower()
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_the_wrong_key_is_told(database: Path, tmp_path: Path) -> None:
    """Another passphrase, file or raw key is an error that says so, and changes nothing."""
    for right, wrong in (
        (Passphrase("correct horse battery staple"), Passphrase("correct horse battery stable")),
        (KeyFile(tmp_path / "right.bin"), KeyFile(tmp_path / "wrong.bin")),
        (RAW, RawKey(bytes(32))),
    ):
        key_path(database).unlink(missing_ok=True)
        wrong.make("other", wrong.new_parameters())
        key = data_key(database, right, purpose="behaviour")
        with pytest.raises(StoreError, match="locked with another key"):
            data_key(database, wrong, purpose="behaviour")
        assert data_key(database, right, purpose="behaviour") == key


def test_another_kind_of_source_is_told(database: Path) -> None:
    """A passphrase given for a database locked with a raw key is told by both names."""
    data_key(database, RAW, purpose="behaviour")
    with pytest.raises(StoreError, match="locked with a raw key, and a passphrase was given"):
        data_key(database, Passphrase("correct horse"), purpose="behaviour")


def test_a_key_serves_one_purpose(tmp_path: Path) -> None:
    """The ledger's key put in the behaviour store's place is refused, even with its name forged."""
    ledger, behaviour = tmp_path / "ledger.sqlite", tmp_path / "behaviour.sqlite"
    data_key(ledger, RAW, purpose="ledger")
    content = key_path(ledger).read_bytes()
    key_path(behaviour).write_bytes(content)
    with pytest.raises(StoreError, match="of the ledger, not of the behaviour"):
        data_key(behaviour, RAW, purpose="behaviour")
    fields = json.loads(content)
    del fields["checksum"]
    fields["purpose"] = "behaviour"
    forged = wrapping._canonical(fields | {"checksum": wrapping._checksum(fields)}) + b"\n"
    key_path(behaviour).write_bytes(forged)
    with pytest.raises(StoreError, match="locked with another key"):
        data_key(behaviour, RAW, purpose="behaviour")


@pytest.mark.parametrize(
    "change", [{"nonce": "?"}, {"wrapped": 5}, {"parameters": None}, {"more": 1}, {"format": 9}]
)
def test_a_forged_key_file_is_told(database: Path, change: dict[str, object]) -> None:
    """A key file that is whole and makes no sense is an error like any other."""
    source = Passphrase("correct horse battery staple")
    data_key(database, source, purpose="behaviour")
    fields = json.loads(key_path(database).read_bytes())
    del fields["checksum"]
    fields |= change
    forged = wrapping._canonical(fields | {"checksum": wrapping._checksum(fields)}) + b"\n"
    key_path(database).write_bytes(forged)
    with pytest.raises(StoreError, match=r"is damaged|has format 9"):
        data_key(database, source, purpose="behaviour")


def test_a_missing_key_is_told(database: Path) -> None:
    """A database without its key file is an error, and no new key is made for it."""
    database.write_bytes(b"encrypted")
    with pytest.raises(StoreError, match=r"behaviour\.key is missing; restore it"):
        data_key(database, RAW, purpose="behaviour")
    assert not key_path(database).exists()


def test_a_missing_key_file_of_the_person_is_told(database: Path, tmp_path: Path) -> None:
    """A lost ``KeyFile`` is an error, and is never made anew for a key that exists."""
    path = tmp_path / "elsewhere.bin"
    data_key(database, KeyFile(path), purpose="behaviour")
    path.unlink()
    with pytest.raises(StoreError, match=r"elsewhere\.bin is missing; put it back"):
        data_key(database, KeyFile(path), purpose="behaviour")
    assert not path.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_any_flipped_bit_of_a_key_file_is_told(database: Path, data: st.DataObject) -> None:
    """Wherever a bit of the wrapped key's file flips, it is damage, not a wrong key."""
    key_path(database).unlink(missing_ok=True)
    data_key(database, RAW, purpose="behaviour", durable=False)
    content = bytearray(key_path(database).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    key_path(database).write_bytes(content)
    with pytest.raises(StoreError, match="is damaged; restore it"):
        data_key(database, RAW, purpose="behaviour")


@given(content=st.binary(max_size=200))
def test_any_other_file_is_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Bytes that are no wrapped key are damage, whatever they are."""
    database = tmp_path_factory.mktemp("keys") / "behaviour.sqlite"
    key_path(database).write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        data_key(database, RAW, purpose="behaviour")


def test_a_key_file_that_others_can_read_is_refused(database: Path, tmp_path: Path) -> None:
    """A key file opened to the group or to all is refused, with the command that closes it."""
    path = tmp_path / "elsewhere.bin"
    data_key(database, KeyFile(path), purpose="behaviour")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(StoreError, match="chmod 600"):
            data_key(database, KeyFile(path), purpose="behaviour")
    path.chmod(0o400)
    data_key(database, KeyFile(path), purpose="behaviour")


def test_a_damaged_key_file_of_the_person_is_told(database: Path, tmp_path: Path) -> None:
    """A ``KeyFile`` of another length is damage."""
    path = tmp_path / "elsewhere.bin"
    data_key(database, KeyFile(path), purpose="behaviour")
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="does not have 32 bytes"):
        data_key(database, KeyFile(path), purpose="behaviour")


def test_a_passphrase_is_normalised_and_not_trivial() -> None:
    """The same letters typed on another keyboard are the same passphrase; short ones are none."""
    parameters = Passphrase("x" * 8).new_parameters()
    composed, decomposed = Passphrase("caf\u00e9 au lait"), Passphrase("cafe\u0301 au lait")
    assert composed.find("", parameters) == decomposed.find("", parameters)
    with pytest.raises(ConfigurationError, match="at least 8"):
        Passphrase("short")


def test_a_passphrase_is_salted() -> None:
    """Two devices with one passphrase have different wrapping keys."""
    one, other = (Passphrase("correct horse battery staple") for _ in range(2))
    first, second = one.new_parameters(), other.new_parameters()
    assert one.find("", first) != one.find("", second)


def test_a_passphrase_is_derived_once_for_all_of_a_device(tmp_path: Path) -> None:
    """Databases made together, and one made anew after opening another, share a salt."""

    def salts() -> set[str]:
        return {json.loads(p.read_bytes())["parameters"]["salt"] for p in tmp_path.glob("*.key")}

    for names in (("behaviour", "ledger"), ("ledger", "behaviour")):
        source = Passphrase("correct horse battery staple")
        for name in names:
            data_key(tmp_path / f"{name}.sqlite", source, purpose=name)
        assert len(salts()) == 1
        key_path(tmp_path / "behaviour.sqlite").unlink()


@pytest.mark.parametrize(
    "costs", [{"n": 2**40}, {"n": 2**20, "r": 32}, {"n": 2**18, "r": 8, "p": 16}, {"p": 0}]
)
def test_absurd_costs_are_refused(costs: dict[str, int]) -> None:
    """A forged key file cannot make the device derive with gigabytes of memory, or for minutes."""
    source = Passphrase("correct horse battery staple")
    with pytest.raises(StoreError, match="asks for scrypt"):
        source.find("", source.new_parameters() | costs)


@pytest.mark.parametrize(
    "parameters", [{}, {"n": float("inf")}, {"n": "x"}, {"n": 3}, {"salt": "x"}, {"n": None}]
)
def test_costs_that_are_none_are_refused(parameters: dict[str, Any]) -> None:
    """Whatever stands in a damaged file is an error that says so."""
    source = Passphrase("correct horse battery staple")
    given = source.new_parameters() | parameters if parameters else {}
    with pytest.raises(StoreError, match="damaged"):
        source.find("", given)


def test_destruction_leaves_nothing_to_unwrap(database: Path) -> None:
    """After destruction no byte of the wrapped key is in the folder, and opening says why."""
    key = data_key(database, RAW, purpose="behaviour")
    wrapped = json.loads(key_path(database).read_bytes())["wrapped"]
    assert not is_destroyed(database)
    destroy_key(database, RAW)
    assert is_destroyed(database)
    for file in database.parent.iterdir():
        assert wrapped.encode() not in file.read_bytes()
    with pytest.raises(StoreError, match="was destroyed"):
        data_key(database, RAW, purpose="behaviour")
    destroy_key(database, RAW)
    key_path(database).unlink()
    assert data_key(database, RAW, purpose="behaviour") != key


def test_without_a_key_store_the_alternatives_are_named(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where keyring has no backend, the error names the passphrase and the key file."""
    import keyring
    from keyring.backends import fail, null

    for kind in (fail.Keyring, null.Keyring):
        monkeypatch.setattr(keyring, "get_keyring", kind)
        with pytest.raises(StoreError, match=r"Passphrase\(\.\.\.\) or keys=KeyFile"):
            data_key(database, OsKeyStore(), purpose="behaviour")
        assert not key_path(database).exists()
