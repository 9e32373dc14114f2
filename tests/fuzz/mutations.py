"""Inputs that are nearly right: valid bytes and JSON values, changed where it hurts."""

import copy
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from hypothesis import strategies as st

__all__ = ["changed_json", "mutated", "mutated_text", "nearly_json", "nearly_safetensors"]

Draw = Callable[..., Any]

DEPTHS = st.sampled_from([10, 200, 2_000, 50_000])
WIDE = [0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
TOKENS = [
    "-1", "0", "1", "1e999", "-0.0", "NaN", "Infinity", "9" * 30, "9" * 5000, "true", "null",
    '""', "[]", "{}", '"\\ud800"', '"\\u0000"', "1.5", "2147483648", "18446744073709551616",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 0.5, -0.5, 1e-320,
    1e308, float("nan"), float("inf"), "", "x", "0" * 16, "f" * 64, "x" * 5000, "\x00", "\ud800",
    "../../etc/passwd", "1", [], {}, [[]], [1, 2, 3], {"a": None}, {"": {"": []}},
]  # fmt: skip

# Copies: what is drawn may be changed again.
ODD = st.sampled_from(VALUES).map(copy.deepcopy)


@st.composite
def mutated(draw: Draw, seeds: Sequence[bytes], *, most: int = 4) -> bytes:
    """Give one of ``seeds``, changed in one to ``most`` places; now and then as it is."""
    data: bytes = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, most))):
        data = draw(st.sampled_from(CHANGES))(draw, data, seeds)
    return data


@st.composite
def mutated_text(draw: Draw, seeds: Sequence[str]) -> str:
    """Give one of ``seeds``, changed in some places."""
    changed: bytes = draw(mutated([seed.encode() for seed in seeds]))
    return changed.decode("utf-8", "surrogateescape")


@st.composite
def changed_json(draw: Draw, value: Any) -> Any:
    """Give a JSON value with one to three of its parts replaced, removed, added or swapped."""
    changed = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(changed))
        if not places:
            return draw(ODD)
        container, key = draw(st.sampled_from(places))
        what = draw(st.sampled_from(["replace", "replace", "remove", "add", "twice"]))
        if what == "remove":
            del container[key]
        elif what == "add" and isinstance(container, dict):
            container[draw(st.text(max_size=8))] = draw(ODD)
        elif what == "twice" and isinstance(container, list):
            container.append(container[key])
        else:
            container[key] = draw(ODD)
    return changed


@st.composite
def nearly_json(draw: Draw, values: Sequence[Any]) -> bytes:
    """Give the text of a changed JSON value, or changed text of one."""
    value = draw(st.sampled_from(values))
    if draw(st.booleans()):
        text: bytes = draw(mutated([json.dumps(value).encode()]))
        return text
    return json.dumps(draw(changed_json(value))).encode()


@st.composite
def nearly_safetensors(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """Give a safetensors file whose header was changed, with the length that it then has."""
    if draw(st.booleans()):
        file: bytes = draw(mutated(seeds))
        return file
    seed: bytes = draw(st.sampled_from(seeds))
    length = int.from_bytes(seed[:8], "little")
    header: bytes = draw(nearly_json([json.loads(seed[8 : 8 + length])]))
    return len(header).to_bytes(8, "little") + header + seed[8 + length :]


def _places(value: Any) -> list[tuple[Any, Any]]:
    keys: Any = ()
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    return [(value, key) for key in keys] + [p for key in keys for p in _places(value[key])]


def _place(draw: Draw, data: bytes) -> int:
    return int(draw(st.integers(0, max(0, len(data) - 1))))


def _flip(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    changed, place = bytearray(data or b"\0"), _place(draw, data)
    changed[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def _cut(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    return data[: _place(draw, data)]


def _remove(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    start = _place(draw, data)
    count: int = draw(st.integers(1, 64))
    return data[:start] + data[start + count :]


def _insert(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    place = _place(draw, data)
    more: bytes = draw(st.binary(max_size=32))
    return data[:place] + more + data[place:]


def _repeat(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    start = _place(draw, data)
    part = data[start : start + draw(st.integers(1, 64))]
    times: int = draw(st.sampled_from([2, 3, 100]))
    return data[:start] + part * times + data[start:]


def _splice(draw: Draw, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other: bytes = draw(st.sampled_from(seeds))
    return data[: _place(draw, data)] + other[_place(draw, other) :]


def _number(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    size: int = draw(st.sampled_from([1, 2, 4, 8]))
    value: int = draw(st.sampled_from([*WIDE, len(data), len(data) + 1])) % 2 ** (8 * size)
    place = _place(draw, data)
    order: Literal["little", "big"] = draw(st.sampled_from(["little", "big"]))
    return data[:place] + value.to_bytes(size, order) + data[place + size :]


def _token(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    found = list(re.finditer(rb'-?\d+(\.\d+)?|"[^"]{0,80}"|true|false|null', data[:20_000]))
    if not found:
        return data
    chosen: re.Match[bytes] = draw(st.sampled_from(found))
    token: str = draw(st.sampled_from(TOKENS))
    return data[: chosen.start()] + token.encode() + data[chosen.end() :]


def _nest(draw: Draw, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    opening: bytes = draw(st.sampled_from([b"[", b'{"a":', b"\x0a\x02"]))
    depth: int = draw(DEPTHS)
    place = draw(st.sampled_from([0, _place(draw, data)]))
    return data[:place] + opening * depth + data[place:]


CHANGES = [_flip, _cut, _remove, _insert, _repeat, _splice, _nest, *2 * [_number, _token]]
