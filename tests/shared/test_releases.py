"""Tests of releases: what is signed, and what is refused."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.enrolment import EnrolmentCode
from penchant.shared.errors import CodecError, ConfigurationError, ReleaseError
from penchant.shared.releases import (
    Manifest,
    ReleaseKind,
    SignedManifest,
    load_signing_key,
    signing_key_text,
)

KEY = ed25519.Ed25519PrivateKey.generate()


def manifest(content: bytes = b"content") -> Manifest:
    """The manifest of a file."""
    return Manifest(
        kind=ReleaseKind.RANKER,
        version=3,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        catalogue="0" * 16,
        model_id="1" * 16,
        round_number=2,
        created=1000,
    )


def test_a_manifest_is_what_its_owner_signed() -> None:
    """It survives the way; the key is found again from its text."""
    signed = SignedManifest.parse(SignedManifest.sign(manifest(), KEY).model_dump_json().encode())
    key = load_signing_key(signing_key_text(KEY.public_key()))
    assert signed.verified(key) == manifest()


def test_changed_manifests_and_other_signers_are_refused() -> None:
    """A single changed digit, another key or no signature at all: nothing is installed."""
    signed = SignedManifest.sign(manifest(), KEY)
    changed = signed.model_copy(update={"manifest": signed.manifest.replace("3", "4", 1)})
    other = ed25519.Ed25519PrivateKey.generate()
    unsigned = signed.model_copy(update={"signature": ""})
    for wrong in (changed, SignedManifest.sign(manifest(), other), unsigned):
        with pytest.raises(ReleaseError, match="not signed by the server"):
            wrong.verified(KEY.public_key())


def test_a_file_is_the_one_that_was_released(tmp_path: Path) -> None:
    """Size and hash are both looked at."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    manifest().check(path)
    path.write_bytes(b"Content")
    with pytest.raises(ReleaseError, match="not the one that was signed"):
        manifest().check(path)
    path.write_bytes(b"conten")
    with pytest.raises(ReleaseError, match="6 bytes"):
        manifest().check(path)


@given(st.binary(max_size=200))
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    """Whatever a server sends, it is a manifest or an error of ours."""
    with pytest.raises(CodecError):
        SignedManifest.parse(data)


@given(st.binary(min_size=15, max_size=40))
def test_codes_are_read_as_they_are_written(random: bytes) -> None:
    """In capitals or not, with blanks around; the secret is not in what is kept."""
    code = EnrolmentCode.make(random, "A" * 24)
    assert EnrolmentCode.parse(f"  {str(code).lower()}\n") == code
    assert code.secret not in code.secret_hash


@pytest.mark.parametrize("text", ["", "A" * 24, "A" * 24 + "-" + "1" * 24, "x-y", "A" * 48])
def test_what_is_no_code_is_refused(text: str) -> None:
    """The error says what a code looks like."""
    with pytest.raises(ConfigurationError, match="24 characters"):
        EnrolmentCode.parse(text)
