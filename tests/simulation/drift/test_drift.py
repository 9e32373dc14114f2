"""Drift: whoever follows a planted switch is told from whoever does not."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from selenium.webdriver import Chrome
from tests.conftest import DESKTOP, PHONE
from tests.simulation.conftest import planted_dataset

from penchant.client.interests import HalfLives, Observed, Window, empty_state
from penchant.shared.command_line import main
from penchant.shared.errors import DataError
from penchant.simulation.datasets import Dataset
from penchant.simulation.datasets.synthetic import PopulationSettings, generate
from penchant.simulation.datasets.synthetic.population import Truth
from penchant.simulation.drift.evaluation import follow
from penchant.simulation.drift.page import write_page
from penchant.simulation.drift.profiles import (
    PROFILES,
    Fresh,
    Profile,
    Retrained,
    Static,
    Updated,
    follow_interests,
)
from penchant.simulation.drift.switches import Switched, joined, planted
from penchant.simulation.drift.table import Drift, Followed, summed_up, write_json

WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
THEMES = 4


def placed(dataset: Dataset) -> NDArray[np.float32]:
    """Unit vectors of the planted items: near that of their theme."""
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((THEMES, 24))
    themes = np.arange(dataset.n_items) % THEMES
    raw = centres[themes] + 0.5 * rng.standard_normal((dataset.n_items, 24))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def found() -> Drift:
    """Planted people, each going on as one of another theme."""
    dataset = planted_dataset()
    return follow(
        dataset,
        placed(dataset),
        people=100,
        before=10,
        after=10,
        command="penchant evaluate drift --dataset '<planted>'",
        rng=np.random.default_rng(0),
        generated=False,
        tell=lambda _: None,
    )


def by_name(drift: Drift) -> dict[str, Followed]:
    """The profiles by name."""
    return {profile.name: profile for profile in drift.profiles}


def test_followers_come_back_and_a_static_profile_does_not(found: Drift) -> None:
    """All fall at the switch; the device's policies rise again, standing still never does."""
    profiles = by_name(found)
    assert set(profiles) == {"half-lives", "ewma", "window", "retrained", "static", "told"}
    for name in ("half-lives", "ewma", "window"):
        assert profiles[name].fallen.mean < profiles[name].level.mean
        assert profiles[name].ndcg[-1].mean > profiles["static"].ndcg[-1].mean
        assert profiles["told"].ndcg[-1].mean >= profiles[name].ndcg[-1].mean
    assert profiles["static"].recovery is None
    assert profiles["static"].level == profiles["half-lives"].level == profiles["told"].level


def test_recovery_is_counted_in_events() -> None:
    """A window of three is back within a few events, one of forty later than that or never."""
    dataset = planted_dataset()
    embeddings = placed(dataset)
    lengths = {"three": 3, "forty": 40}
    profiles: dict[str, Callable[[int], Profile]] = {
        name: lambda m, n=length: Updated(  # type: ignore[misc]
            Window(short_length=n, long_length=n), dimension=m
        )
        for name, length in lengths.items()
    }
    profiles["told"] = lambda m: Fresh(dimension=m)
    people = joined(dataset, embeddings, before=10, after=10)
    followed = follow_interests(people, embeddings, profiles, before=10, after=10)
    drift = summed_up(
        followed,
        meanings=dict.fromkeys(profiles, "latest events"),
        dataset="planted",
        switches="joined",
        command="-",
        rng=np.random.default_rng(0),
    )
    three, forty = (by_name(drift)[name].recovery for name in lengths)
    assert three is not None
    assert 1 <= three <= 5
    assert forty is None or forty > three
    caught_up = {name: profile.caught_up for name, profile in by_name(drift).items()}
    assert caught_up["told"] == 0
    assert caught_up["three"] is not None
    assert caught_up["three"] <= 5
    assert caught_up["forty"] is None or caught_up["forty"] > caught_up["three"]
    low, high = by_name(drift)["three"].recovery_range
    assert low is not None
    assert low <= three
    assert high is None or three <= high


def test_joined_people_change_theme_at_a_known_event() -> None:
    """What follows is of another theme, new to the person, later, and as long as asked for.

    They are somebody's latest events, each somebody else's.
    """
    dataset = planted_dataset()
    people = joined(dataset, placed(dataset), before=10, after=10)
    assert len(people) == dataset.n_people
    ends = {tuple(dataset.history(p)[0][-10:].tolist()) for p in range(dataset.n_people)}
    assert {tuple(person.items[-10:].tolist()) for person in people} == ends
    for person, switched in enumerate(people):
        own, _ = dataset.history(person)
        assert switched.items[: switched.at].tolist() == own.tolist()
        after = switched.items[switched.at :]
        assert len(after) == 10
        assert not set(after.tolist()) & set(own.tolist())
        assert set((after % THEMES).tolist()).isdisjoint((own % THEMES).tolist())
        assert (np.diff(switched.times) >= 0).all()


def test_planted_switches_are_the_truth(tmp_path: Path) -> None:
    """The first event after the switch is the population's own, and no second switch is inside."""
    settings = PopulationSettings.parse(
        "synthetic:devices=300,items=400,events=60,switches=1.0,seed=3"
    )
    dataset = generate(settings, folder=tmp_path)
    truth = Truth.of(dataset)
    people = planted(dataset, before=10, after=15)
    known = {
        (int(at), tuple(dataset.history(person)[0][: at + 15].tolist()))
        for person in range(dataset.n_people)
        for at in truth.switches(person)[0]
    }
    assert people
    for person in people:
        assert person.at >= 10
        assert len(person.items) == person.at + 15
        assert (person.at, tuple(person.items.tolist())) in known


def test_an_event_is_predicted_before_it_is_learnt() -> None:
    """What has just happened cannot help: with every item alike but new, metrics are at chance."""
    rng = np.random.default_rng(5)
    raw = rng.standard_normal((200, 300))
    embeddings = np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), dtype=np.float32)
    people = [Switched(rng.permutation(200)[:40], np.arange(40) * 3600, at=20) for _ in range(60)]
    found = follow_interests(people, embeddings, PROFILES, before=20, after=20)
    # 2,400 nearly independent hits at a chance of 10 of 161 to 200, about 0.056: five standard
    # errors are 0.024, which chance exceeds once in a million. A leak would give 1.
    assert np.abs(found.hits.mean(axis=(1, 2)) - 0.056).max() < 0.024


def test_items_met_before_are_learnt_and_not_counted() -> None:
    """A repeat is no discovery: its place is empty, and others' candidates leave it out."""
    embeddings = np.eye(4, dtype=np.float32)
    person = Switched(np.array([0, 0, 1, 2]), np.arange(4) * 60, at=2)
    found = follow_interests([person], embeddings, PROFILES, before=2, after=2)
    assert np.isnan(found.hits[:, 0]).tolist() == [[False, True, False, False]] * len(PROFILES)


def test_profiles_are_what_they_say() -> None:
    """Policies are the device's own state; static stops at the switch; retraining is every 20th."""
    rng = np.random.default_rng(2)
    embeddings = rng.standard_normal((45, 6)).astype(np.float32)
    times = np.arange(45) * 7200
    profiles: dict[str, Profile] = {
        "half": Updated(HalfLives(), dimension=6),
        "window": Updated(Window(), dimension=6),
        "static": Static(dimension=6),
        "told": Fresh(dimension=6),
        "retrained": Retrained(dimension=6),
    }
    for number in range(45):
        for profile in profiles.values():
            profile.learn(embeddings[number], int(times[number]), switched=number >= 30)

    def whole(policy: HalfLives | Window, end: int, start: int = 0) -> NDArray[np.float32]:
        events = Observed(embeddings[start:end], times[start:end], np.ones(end - start))
        state = empty_state(policy, dimension=6).updated(events)
        return np.asarray(state.means().sum(axis=0))

    for name, expected in (
        ("half", whole(HalfLives(), 45)),
        ("window", whole(Window(), 45)),
        ("static", whole(HalfLives(), 30)),
        ("told", whole(HalfLives(), 45, 30)),
        ("retrained", embeddings[:40].mean(axis=0)),
    ):
        np.testing.assert_allclose(profiles[name].vector(), expected, rtol=1e-4, atol=1e-5)


def test_nobody_to_follow_is_an_error() -> None:
    """Histories too short for what is asked are named, with what to do."""
    dataset = planted_dataset()
    with pytest.raises(DataError, match="30 events before it and 30 after it; ask for fewer"):
        joined(dataset, placed(dataset), before=30, after=30)


def test_steps_that_do_not_divide_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2, before anything is loaded."""
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "drift", "--before", "7"])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "multiples of 5" in line


def test_json_and_page(
    found: Drift, tmp_path: Path, open_browser: Callable[[tuple[int, int]], Chrome]
) -> None:
    """The file has every figure; the page fits phone and desktop, each figure with its table."""
    kept = json.loads(write_json(found, tmp_path).read_text())
    assert kept["steps"] == [-10, -5, 0, 5]
    assert all(len(profile["ndcg"]) == 4 for profile in kept["profiles"])
    long = found.model_copy(
        update={"dataset": "synthetic:devices=300,items=1000,switches=1,events=120,seed=7"}
    )
    page = write_page(long, tmp_path)
    assert "stroke-dasharray" in page.read_text("utf-8")
    for size in (PHONE, DESKTOP):
        window = open_browser(size)
        window.get(page.as_uri())
        assert window.execute_script(f"return {WIDE}") <= 0
        figures = window.find_elements("css selector", "figure svg[role=img]")
        assert len(figures) == 2
        for figure in figures:
            assert "around the switch" in figure.accessible_name
            told = figure.find_element("tag name", "desc").get_attribute("textContent")
            assert "right after" in (told or "")
        assert len(window.find_elements("tag name", "table")) == 3
        text = window.find_element("tag name", "body").text
        assert "10+ is not within" in text
        assert "<planted>" in text
