"""Which scripts texts are written in: what can be told of their languages by letters alone."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from penchant.shared.assets import find, names
from penchant.simulation.datasets.dataset import Dataset

__all__ = ["NO_SCRIPT", "encoder_warnings", "script_of", "scripts"]

NO_SCRIPT = "none"
_SAMPLE = 20_000
_SHARE = 0.1
# A script's first words in Unicode names, and what it is called here.
_NAMES = {
    "CJK": "Han", "IDEOGRAPHIC": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana",
    "HANGUL": "Hangul", "FULLWIDTH": "Latin", "LATIN": "Latin",
}  # fmt: skip
# Languages, as ISO 639-1 codes, that a script is written for; any other script asks for its own.
_LANGUAGES = {"Han": {"zh", "ja"}, "Kana": {"ja"}, "Hangul": {"ko"}, "Cyrillic": {"ru", "uk", "bg"},
              "Arabic": {"ar", "fa", "ur"}, "Devanagari": {"hi", "mr", "ne"}, "Greek": {"el"},
              "Hebrew": {"he"}, "Thai": {"th"}}  # fmt: skip


@lru_cache(maxsize=65536)
def _script(letter: str) -> str:
    first = unicodedata.name(letter, "").split(" ")[0].split("-")[0]
    return _NAMES.get(first, first.capitalize())


def script_of(text: str) -> str:
    """Return the script of most of a text's letters; Kana wins over Han, as Japanese has both.

    >>> script_of("Der Bräter"), script_of("无线耳机 X5"), script_of("三体の謎"), script_of("1984")
    ('Latin', 'Han', 'Kana', 'none')
    """
    counts = Counter(_script(letter) for letter in text if letter.isalpha())
    if not counts:
        return NO_SCRIPT
    if counts["Kana"] and counts["Kana"] + counts["Han"] > counts.total() / 2:
        return "Kana"
    return counts.most_common(1)[0][0]


def scripts(texts: Iterable[str]) -> dict[str, int]:
    """Return how many texts are in each script, most first; empty texts are left out."""
    return dict(Counter(script_of(text) for text in texts if text).most_common())


def encoder_warnings(dataset: Dataset, languages: tuple[str, ...]) -> list[str]:
    """Say which scripts of the items a language model was not made for.

    Args:
        dataset: its items' texts are looked at, 20,000 of them at most.
        languages: ISO 639-1 codes that the model states; empty if it states none.
    """
    step = -(-dataset.n_items // _SAMPLE)
    found = scripts(dataset.item_texts[::step])
    total = sum(found.values())
    foreign = [
        script
        for script, count in found.items()
        if script in _LANGUAGES and languages and not _LANGUAGES[script] & set(languages)
        if count >= _SHARE * total
    ]
    return [
        f"{found[script] / total:.0%} of the item texts are in {script} script, and the language "
        f"model is for {', '.join(languages)}: give one for it with --encoder{_such_as(script)}"
        for script in foreign
    ]


def _such_as(script: str) -> str:
    """Name an asset that is for a script, if there is one."""
    known = (find(name) for name in names())
    fitting = [asset.name for asset in known if _LANGUAGES[script] & set(asset.languages)]
    return f", such as {fitting[0]}" if fitting else ""
