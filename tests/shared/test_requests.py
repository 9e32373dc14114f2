"""Tests of signed requests."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import CodecError
from penchant.shared.requests import (
    RequestSignature,
    load_public_key,
    public_key_text,
    sign_request,
)

KEY = ec.generate_private_key(ec.SECP384R1())


def test_a_signature_travels_in_headers() -> None:
    """What a server reads is what the device signed."""
    made = sign_request(KEY, method="POST", path="/a?b=1", body=b"body", time=1000)
    read = RequestSignature.of_headers(*made.headers().values())
    assert read == made
    assert read.is_valid(method="POST", path="/a?b=1", body=b"body")


@pytest.mark.parametrize(
    "change",
    [{"method": "GET"}, {"path": "/a"}, {"path": "/a?b=2"}, {"body": b"bodY"}, {"body": b""}],
)
def test_a_signature_is_for_one_request(change: dict[str, object]) -> None:
    """Any other method, path or body is not what was signed."""
    made = sign_request(KEY, method="POST", path="/a?b=1", body=b"body", time=1000)
    asked: dict[str, object] = {"method": "POST", "path": "/a?b=1", "body": b"body"}
    assert made.is_valid(**asked)  # type: ignore[arg-type]
    assert not made.is_valid(**(asked | change))  # type: ignore[arg-type]


def test_the_time_and_the_key_are_signed_too() -> None:
    """A signature cannot be made younger, or anybody else's."""
    made = sign_request(KEY, method="POST", path="/", body=b"", time=1000)
    other = public_key_text(ec.generate_private_key(ec.SECP384R1()).public_key())
    for changed in (
        RequestSignature(made.public_key, 1001, made.signature),
        RequestSignature(other, 1000, made.signature),
    ):
        assert not changed.is_valid(method="POST", path="/", body=b"")


def test_keys_have_one_form() -> None:
    """Another curve, another kind and another spelling of the same key are refused."""
    text = public_key_text(KEY.public_key())
    assert public_key_text(load_public_key(text)) == text
    smaller = ec.generate_private_key(ec.SECP256R1()).public_key()
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    # A curve that no library has: its name is P-384's with another last number.
    der = base64.b64decode(b"".join(text.splitlines()[1:-1]))
    unknown = base64.b64encode(
        der.replace(bytes.fromhex("2b81040022"), bytes.fromhex("2b81040063"))
    )
    named = b"-----BEGIN PUBLIC KEY-----\n" + unknown + b"\n-----END PUBLIC KEY-----\n"
    given = (smaller.public_bytes(*form), edwards.public_bytes(*form), b"\n" + text, b"", named)
    for wrong in given:
        with pytest.raises(CodecError):
            load_public_key(wrong)


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=40))
def test_headers_of_a_stranger_are_refused_or_invalid(key: str, time: str, signature: str) -> None:
    """No text in the headers crashes the reader, and none passes for a signature."""
    try:
        read = RequestSignature.of_headers(key, time, signature)
    except CodecError:
        return
    assert not read.is_valid(method="POST", path="/", body=b"")
