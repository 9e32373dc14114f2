"""Tests of a device's membership: its key is locked as its databases are."""

from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from penchant.client import Catalogue, Device, Event, KeyFile, Passphrase, Scorer, change_keys
from penchant.client.join.membership import MembershipFolder, ServerIdentity
from penchant.client.storage import KeySource, RawKey
from penchant.shared.errors import StoreError
from penchant.shared.requests import public_key_text

KEYS = RawKey(bytes(range(32)))
SERVER = ServerIdentity(url="https://host:1", authority="a", node=7, signing_key="0" * 64)


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    """What a server knows the device by."""
    return public_key_text(key.public_key())


def forms(key: ec.EllipticCurvePrivateKey) -> list[bytes]:
    """What would give the key away, in a file."""
    secret = key.private_numbers().private_value.to_bytes(48)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return [secret, secret.hex().encode(), *pem.splitlines()[1:2]]


def everything_in(folder: Path) -> bytes:
    """The content of every file."""
    return b"\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_key_is_made_once_and_never_lies_open(tmp_path: Path) -> None:
    """Opened again it is the same; no file has it, or its PEM, readable."""
    key = MembershipFolder(tmp_path, KEYS).key()
    assert public(MembershipFolder(tmp_path, KEYS).key()) == public(key)
    content = everything_in(tmp_path)
    assert not any(form in content for form in forms(key))
    assert (tmp_path / "join" / "device.sealed").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("other", [RawKey(bytes(32)), Passphrase("correct horse battery")])
def test_other_keys_do_not_open_it(tmp_path: Path, other: KeySource) -> None:
    """Whoever has the folder alone cannot answer in the device's name."""
    folder = MembershipFolder(tmp_path, KEYS)
    folder.key()
    folder.save(SERVER)
    with pytest.raises(StoreError, match="locked with"):
        MembershipFolder(tmp_path, other).load()


def test_a_plain_key_of_an_earlier_version_is_locked(tmp_path: Path) -> None:
    """The device stays the one the server knows, and nothing of the plain key is left."""
    old = ec.generate_private_key(ec.SECP384R1())
    plain = tmp_path / "join" / "device.key"
    folder = MembershipFolder(tmp_path, KEYS)
    folder.save(SERVER)
    pem = old.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    plain.write_bytes(pem)
    found = folder.load()
    assert found is not None
    assert public(found.key) == public(old)
    assert not plain.exists()
    # A crash after it was locked and before the plain one was removed.
    plain.write_bytes(pem)
    again = MembershipFolder(tmp_path, KEYS).load()
    assert again is not None
    assert public(again.key) == public(old)
    assert not plain.exists()
    assert not any(form in everything_in(tmp_path) for form in forms(old))


def test_a_damaged_plain_key_is_left_and_said(tmp_path: Path) -> None:
    """No new key takes its place in silence: the server would not know it."""
    folder = MembershipFolder(tmp_path, KEYS)
    folder.save(SERVER)
    (tmp_path / "join" / "device.key").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match="enrol the device again"):
        folder.load()
    assert (tmp_path / "join" / "device.key").read_bytes() == b"nonsense"


@pytest.mark.parametrize("curve", [ec.SECP256R1(), None], ids=["P-256", "Ed25519"])
def test_a_key_of_another_kind_is_refused(tmp_path: Path, curve: ec.EllipticCurve | None) -> None:
    """In either form: no server knows a device by it."""
    wrong = ec.generate_private_key(curve) if curve else ed25519.Ed25519PrivateKey.generate()
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    folder = MembershipFolder(tmp_path, KEYS)
    folder.save(SERVER)
    earlier = tmp_path / "join" / "device.key"
    earlier.write_bytes(wrong.private_bytes(serialization.Encoding.PEM, form, plain))
    with pytest.raises(StoreError, match=r"device\.key is not a P-384 key; remove"):
        folder.load()
    earlier.unlink()
    folder.key()
    folder._secret.write(wrong.private_bytes(serialization.Encoding.DER, form, plain))
    with pytest.raises(StoreError, match=r"device\.sealed is not a P-384 key; remove"):
        folder.load()


def test_damage_is_said(tmp_path: Path) -> None:
    """A changed byte, or a wrapped key that is gone."""
    folder = MembershipFolder(tmp_path, KEYS)
    folder.key()
    sealed = tmp_path / "join" / "device.sealed"
    content = sealed.read_bytes()
    for wrong in (b"", content[:-1], content[:20] + bytes([content[20] ^ 1]) + content[21:]):
        sealed.write_bytes(wrong)
        with pytest.raises(StoreError, match="damaged"):
            folder.key()
    sealed.write_bytes(content)
    (tmp_path / "membership.key").unlink()
    with pytest.raises(StoreError, match="damaged"):
        folder.key()


def test_other_keys_of_the_device_are_the_memberships_too(tmp_path: Path) -> None:
    """``change_keys`` wraps them together; the person's events and the membership stay."""
    items = Catalogue.of(["a", "b", "c"], np.eye(3, 8, dtype=np.float32))
    folder, new = tmp_path / "device", KeyFile(tmp_path / "key")
    with Device.open(folder, Scorer.untrained(items), keys=KEYS) as device:
        device.observe(Event(kind="view", item="a"))
    key = MembershipFolder(folder, KEYS).key()
    change_keys(folder, old=KEYS, new=new)
    assert public(MembershipFolder(folder, new).key()) == public(key)
    with pytest.raises(StoreError):
        MembershipFolder(folder, KEYS).key()
    with Device.open(folder, Scorer.untrained(items), keys=new) as device:
        assert device.event_count() == 1
