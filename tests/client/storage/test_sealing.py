"""Sealed files."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.client.storage import seal, unseal
from penchant.shared.errors import ConfigurationError, StoreError

WORDS = "correct horse battery"


@pytest.fixture(scope="module")
def sealed() -> bytes:
    """A sealed file."""
    return seal(b"a secret diary", WORDS, purpose="diary 1")


def test_what_is_sealed_is_read_back(sealed: bytes) -> None:
    """The passphrase opens it, in any form of Unicode; the file shows nothing of its content."""
    assert unseal(sealed, WORDS, purpose="diary 1") == b"a secret diary"
    assert b"secret" not in sealed
    assert seal(b"a secret diary", WORDS, purpose="diary 1") != sealed
    other = seal(b"x", "pa\u0308sswo\u0308rt", purpose="p")
    assert unseal(other, "pässwört", purpose="p") == b"x"


def test_another_passphrase_or_purpose_is_refused(sealed: bytes) -> None:
    """Each is a StoreError that says what to do; a short passphrase is told before any work."""
    with pytest.raises(StoreError, match="another passphrase, or is damaged"):
        unseal(sealed, WORDS + "!", purpose="diary 1")
    with pytest.raises(StoreError, match="'diary 1'; a 'diary 2' was expected"):
        unseal(sealed, WORDS, purpose="diary 2")
    with pytest.raises(ConfigurationError, match="at least 8"):
        seal(b"", "short", purpose="diary 1")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=8,
)
@given(data=st.data())
def test_a_changed_byte_is_noticed(sealed: bytes, data: st.DataObject) -> None:
    """Whichever bit is flipped, in the header or the content, it is an error."""
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(StoreError):
        unseal(bytes(changed), WORDS, purpose="diary 1")


@pytest.mark.parametrize("cut", [0, 10, -20, -1])
def test_a_cut_file_is_noticed(sealed: bytes, cut: int) -> None:
    """A file that lost its end, or all of it, is an error."""
    with pytest.raises(StoreError):
        unseal(sealed[:cut], WORDS, purpose="diary 1")
