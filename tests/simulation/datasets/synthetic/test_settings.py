"""Tests of the text that says which population to generate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.synthetic import PopulationSettings, Texts


@pytest.mark.parametrize("name", ["synthetic", "synthetic:"])
def test_no_settings_are_the_defaults(name: str) -> None:
    """Every setting has one."""
    assert PopulationSettings.parse(name) == PopulationSettings()


def test_whole_numbers_may_be_written_short() -> None:
    """1e6 is a whole number; spaces do not matter."""
    settings = PopulationSettings.parse("synthetic:devices=1e6, items=2.5e4,seed=7,drift=1e-1")
    assert (settings.devices, settings.items, settings.seed) == (1_000_000, 25_000, 7)
    assert settings.drift == 0.1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("device=10", "no setting 'device'; it has contrast, days, devices"),
        ("devices=10,devices=20", "'devices' is given twice"),
        ("devices", "'devices' in .* is not KEY=VALUE"),
        ("devices=", "is not KEY=VALUE"),
        ("devices=10,,items=300", "'' in .* is not KEY=VALUE"),
        ("devices=1.5", r"devices=1\.5: expected a whole number, such as 10000 or 1e4"),
        ("devices=many", "devices=many: expected a whole number"),
        ("devices=inf", "devices=inf: expected a whole number"),
        ("devices=0", "devices=0: .*greater than or equal to 1"),
        ("items=199", "items=199: .*greater than or equal to 200"),
        ("drift=-1", "drift=-1: .*greater than or equal to 0"),
        ("drift=inf", "drift=inf: .*finite"),
        ("noise=1.1", r"noise=1\.1: .*less than or equal to 1"),
        ("repeats=maybe", "repeats=maybe: .*boolean"),
        ("texts=lyrics", "texts=lyrics: .*'generated' or 'movielens-100k'"),
        ("texts=movielens-100k,items=2000", "has 1682 titles; ask for 200 to 1682"),
        ("texts=movielens-100k,topics=12", "the topics are the 18 genres"),
        ("topics=5,interests=5", "interests=5: there are 5 topics .* ask for 1 to 4"),
        ("events=5", "events=5: the mean must be above the fewest, 5"),
        ("most=4", "most=4: it must be at least the fewest, 5"),
        ("fewest=101,events=200,items=200", "at most half of the 200 items"),
    ],
)
def test_unusable_text_is_refused(text: str, message: str) -> None:
    """The error names the key, the value and what is allowed."""
    with pytest.raises(ConfigurationError, match=message):
        PopulationSettings.parse(f"synthetic:{text}")


def test_titles_of_films_bring_their_number_and_genres() -> None:
    """There are 1,682 of 18 genres, and fewer may be asked for."""
    settings = PopulationSettings.parse("synthetic:texts=movielens-100k")
    assert (settings.items, settings.topics) == (1682, 18)
    assert PopulationSettings.parse("synthetic:texts=movielens-100k,items=300").items == 300


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "devices": st.integers(1, 10**7),
            "seed": st.integers(0, 2**32 - 1),
            "texts": st.sampled_from(Texts),
            "drift": st.floats(0, 1e3),
            "noise": st.floats(0, 1),
            "events": st.floats(6, 1e4),
            "repeats": st.booleans(),
        },
    )
)
def test_name_parses_to_the_same_settings(fields: dict[str, object]) -> None:
    """So the data set's name in a summary says how to generate it again."""
    settings = PopulationSettings.model_validate(fields)
    assert PopulationSettings.parse(settings.name) == settings


def test_every_setting_enters_the_fingerprint() -> None:
    """Kept populations are found by it."""
    others = {
        "devices": 11, "items": 500, "seed": 1, "topics": 30, "skew": 1, "plateau": 0.5,
        "interests": 3, "contrast": 1, "drift": 1, "switches": 1, "events": 20, "fewest": 4,
        "most": 99, "spread": 1, "session": 3, "focus": 0, "noise": 0, "repeats": True,
        "pace": 9, "gap": 2, "gap_spread": 1, "days": 3,
    }  # fmt: skip
    changed = [PopulationSettings.model_validate({key: value}) for key, value in others.items()]
    changed.append(PopulationSettings.model_validate({"texts": "movielens-100k"}))
    assert set(others) | {"texts"} == set(PopulationSettings.model_fields)
    assert len({settings.fingerprint for settings in changed}) == len(changed)
