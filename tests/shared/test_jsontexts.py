"""Tests of reading JSON from outside."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.jsontexts import parsed_json


def test_json_is_read() -> None:
    """From text and from bytes."""
    assert parsed_json('{"a": [1, null]}') == parsed_json(b'{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "", "{", b"\xff", "9" * 5000])
def test_what_is_no_json_is_one_kind_of_error(text: str | bytes) -> None:
    """However deep or long: an error that whoever reads files expects."""
    with pytest.raises(ValueError, match=r"."):
        parsed_json(text)


@given(st.binary(max_size=50))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    """Any bytes are JSON or that error."""
    with suppress(ValueError):
        parsed_json(data)
