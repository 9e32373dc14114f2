"""Cleaning of texts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.client.quality import Cleaning, clean_text

MARKUP, CONTROL, NORMAL = Cleaning.MARKUP, Cleaning.CONTROL_CHARACTERS, Cleaning.NORMALISED


@pytest.mark.parametrize(
    ("text", "expected", "done"),
    [
        ("cold war thrillers", "cold war thrillers", set()),
        ("a < b and c > d", "a < b and c > d", set()),
        ("if x <y and z> w", "if x <y and z> w", set()),
        ("fish & chips; R&D", "fish & chips; R&D", set()),
        ("<p>cold <b>war</b></p>", "cold war", {MARKUP, NORMAL}),
        ("one<br/>two", "one two", {MARKUP, NORMAL}),
        ("x<script>alert('y')</script>z", "x z", {MARKUP, NORMAL}),
        ("a<!-- hidden -->b", "ab", {MARKUP}),
        ("fish &amp; chips", "fish & chips", {MARKUP}),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold", {MARKUP, NORMAL}),
        ("ca\u0301fe\u0301", "cáfé", {NORMAL}),
        ("nul\x00 and bell\x07", "nul and bell", {CONTROL}),
        ("zero\u200bwidth \u202eoverride", "zerowidth override", {CONTROL}),
        ("\ufefftitle", "title", {CONTROL}),
        ("lone \ud800surrogate", "lone surrogate", {CONTROL}),
        ("\U0001f468\u200d\U0001f469 family", "\U0001f468\u200d\U0001f469 family", set()),
        ("می\u200cشود", "می\u200cشود", set()),
        ("  tabs\tand\nlines\u00a0", "tabs and lines", {NORMAL}),
        ("<b\x00>bold", "bold", {CONTROL, MARKUP, NORMAL}),
        ("<div></div>", "", {MARKUP, NORMAL}),
        ("用户浏览历史", "用户浏览历史", set()),
    ],
)
def test_texts_are_cleaned(text: str, expected: str, done: set[Cleaning]) -> None:
    """What readers see stays; markup, control and invisible characters go, and it is said."""
    assert clean_text(text, length=100) == (expected, done)


def test_a_long_text_is_cut() -> None:
    """A text is cut to the length, without a space at its end."""
    assert clean_text("four five", length=5) == ("four", {Cleaning.LONG_TEXT})
    assert clean_text("four five", length=9) == ("four five", set())


pieces = st.lists(
    st.sampled_from(["<b>", "</p>", "<!--", "&amp;", "&lt;", "\x00", "\u200b", "e\u0301", " ", "<"])
    | st.text(max_size=4),
    max_size=10,
)


@given(parts=pieces, length=st.integers(1, 30))
def test_a_clean_text_is_clean(parts: list[str], length: int) -> None:
    """Cleaning twice is cleaning once; what comes out is short, NFC and without control."""
    text, _ = clean_text("".join(parts), length=length)
    assert clean_text(text, length=length) == (text, set())
    assert len(text) <= length
    assert unicodedata.is_normalized("NFC", text)
    assert text == text.strip()
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


@given(text=st.text(st.characters(codec="utf-8", categories=["L", "N"]), max_size=30))
def test_plain_words_are_left_alone(text: str) -> None:
    """Letters and digits of any script are what they were, up to NFC."""
    cleaned, done = clean_text(text, length=100)
    assert cleaned == unicodedata.normalize("NFC", text)
    assert done <= {NORMAL}
