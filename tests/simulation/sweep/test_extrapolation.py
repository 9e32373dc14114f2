"""From some populations to others: the curve is found again, checked, and marked as what it is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selenium.webdriver import Chrome
from tests.conftest import DESKTOP, PHONE
from tests.simulation.sweep.made import (
    CANDIDATES,
    made_run,
    made_settings,
    made_sweep,
    made_test,
)

from penchant.shared.errors import DataError
from penchant.shared.ranker import Preset
from penchant.simulation.sweep.extrapolation import extrapolated
from penchant.simulation.sweep.losses import LossTable, measured_losses
from penchant.simulation.sweep.noise import NoiseCurve
from penchant.simulation.sweep.page import write_page
from penchant.simulation.sweep.populations import about, verdict
from penchant.simulation.sweep.records import Extrapolation
from penchant.simulation.sweep.schedule import NoiseSchedule

HALF, SLOPE, FREE = 0.02, 2.0, 0.5
MOST = 1 - 10 / CANDIDATES / FREE
# Noise multipliers of the recipe for each budget at a delta of 1e-6.
MULTIPLIERS = {2.0: 5.2265625, 4.0: 2.908203125}


def planted_losses(sizes: Sequence[int], *, seed: int = 0) -> LossTable:
    """Losses of runs in which noise costs what a known curve says, but for chance in people."""
    curve, runs, tests = NoiseCurve(HALF, SLOPE, MOST), [], {}
    for number, size in enumerate(sizes):
        for epsilon in (None, *MULTIPLIERS):
            multiplier = None if epsilon is None else MULTIPLIERS[epsilon]
            run = made_run(epsilon=epsilon, devices=size, noise_multiplier=multiplier)
            noise = 0.0 if multiplier is None else multiplier / (size / 2)
            rate = FREE * (1 - float(curve.loss(np.array([noise]))[0]))
            tests[run.name] = made_test(rate, people=2000, seed=seed + number, first=size)
            runs.append([run])
    table = measured_losses(runs, {r.name: made_settings(r) for (r,) in runs}, tests)
    return {"full hr@10": table["full hr@10"]}


@pytest.fixture(scope="module")
def losses() -> LossTable:
    """HR@10 lost by 300, 1,000 and 3,000 devices."""
    return planted_losses((300, 1000, 3000))


@pytest.fixture(scope="module")
def found(losses: LossTable) -> Extrapolation:
    """The same, extrapolated."""
    extrapolations, why_not = extrapolated(losses)
    assert why_not is None
    (only,) = extrapolations
    return only


@given(
    half=st.floats(1e-4, 1.0),
    slope=st.floats(0.5, 5.0),
    most=st.floats(0.2, 1.0),
)
def test_curve_is_found_from_exact_losses(half: float, slope: float, most: float) -> None:
    """Losses without error give back the curve that made them; a loss gives back its noise."""
    truth = NoiseCurve(half, slope, most)
    noise = half * np.array([0.3, 0.7, 1.5, 4.0])
    fitted = NoiseCurve.fitted(noise, truth.loss(noise), np.full(4, 0.01), most=most)
    assert fitted.half == pytest.approx(half, rel=1e-3)
    assert fitted.slope == pytest.approx(slope, rel=1e-3)
    for share in (0.1 * most, 0.5 * most, 0.9 * most):
        assert truth.loss(np.array([truth.noise_at(share)]))[0] == pytest.approx(share)
    assert truth.noise_at(most) == math.inf


def test_one_noise_makes_no_curve() -> None:
    """It is told what is missing."""
    with pytest.raises(DataError, match="1 different noises"):
        NoiseCurve.fitted(np.array([0.1, 0.1]), np.zeros(2), np.ones(2), most=1.0)


def test_devices_needed_are_those_of_the_truth(found: Extrapolation) -> None:
    """Each interval holds the number that the planted curve needs, or says it was not looked for.

    8 intervals of 95% that share their people: one may miss (seed 0).
    """
    truth, missed = NoiseCurve(HALF, SLOPE, MOST), 0
    assert len(found.needs) == 8
    for need in found.needs:
        wanted = 2 * MULTIPLIERS[need.epsilon] / truth.noise_at(need.loss)
        assert need.devices is not None
        assert need.low is not None
        assert need.high is not None
        assert need.place == ("beyond" if need.devices > 3000 else "within")
        missed += not need.low <= wanted <= need.high
        assert need.devices == pytest.approx(wanted, rel=0.5)
    assert missed <= 1


def test_left_out_population_is_foretold(found: Extrapolation) -> None:
    """The check speaks of the largest population alone, and its interval meets the measured one."""
    assert [(check.epsilon, check.devices) for check in found.checks] == [(2.0, 3000), (4.0, 3000)]
    for check in found.checks:
        assert check.forecast.low <= check.measured.high
        assert check.measured.low <= check.forecast.high


def test_check_does_not_see_the_population_it_is_of() -> None:
    """Other losses there change what was measured, and not what was foretold."""
    sizes = (300, 1000, 3000)
    before = extrapolated(planted_losses(sizes))[0][0].checks
    table = dict(planted_losses(sizes)["full hr@10"])
    name = "eps2.0-people3000-seed0"
    table[name] = replace(table[name], share=0.5, resampled=table[name].resampled + 0.4)
    after = extrapolated({"full hr@10": table})[0][0].checks
    assert [check.forecast for check in after] == [check.forecast for check in before]
    assert after[0].measured != before[0].measured


def test_forecasts_fall_with_devices_and_reach_a_million(found: Extrapolation) -> None:
    """More devices never cost more, and what is read is inside its own interval."""
    for epsilon in MULTIPLIERS:
        read = [f for f in found.forecasts if f.epsilon == epsilon]
        losses = [f.loss.mean for f in read]
        assert losses == sorted(losses, reverse=True)
        assert read[-1].devices == 1_000_000
        assert {300, 1000, 3000} <= {f.devices for f in read}
        assert all(f.loss.low <= f.loss.mean <= f.loss.high for f in read)


def test_event_level_is_not_extrapolated() -> None:
    """Devices' own noise in what they keep does not average out, and the page says so."""
    table = {
        name: replace(loss, run=loss.run.model_copy(update={"privacy": "event"}))
        for name, loss in planted_losses((300, 1000))["full hr@10"].items()
    }
    extrapolations, why_not = extrapolated({"full hr@10": table})
    assert extrapolations == []
    assert why_not is not None
    assert "noise of their own" in why_not


def test_preset_with_a_private_recipe_of_its_own_is_not_extrapolated(losses: LossTable) -> None:
    """What full loses without any noise no number of devices brings back."""
    table = {
        name: replace(loss, settings=loss.settings.model_copy(update={"preset": Preset.FULL}))
        for name, loss in losses["full hr@10"].items()
    }
    extrapolations, why_not = extrapolated({"full hr@10": table})
    assert extrapolations == []
    assert why_not is not None
    assert "another recipe" in why_not


def test_ranker_at_chance_is_not_extrapolated() -> None:
    """Where there is nothing to lose any noise costs little, which says nothing of devices."""
    table = {
        name: replace(loss, above_chance=0.05)
        for name, loss in planted_losses((300, 1000))["full hr@10"].items()
    }
    assert extrapolated({"full hr@10": table}) == (
        [],
        "without privacy the ranker is hardly above chance: there is little to lose",
    )


def test_one_population_says_nothing_of_others() -> None:
    """No curve is drawn that could not be checked."""
    assert extrapolated(planted_losses((1000,))) == ([], None)


def test_schedule_finds_where_noise_is_low_enough() -> None:
    """With the noise multiplier alike, ten times the devices have a tenth of the noise."""
    settings = made_settings(made_run(epsilon=4.0, devices=1000, noise_multiplier=2.9))
    multiplier = MULTIPLIERS[4.0]
    schedule = NoiseSchedule.of(settings, {n: multiplier / (n / 2) for n in (1000, 10_000)})
    assert schedule.least(multiplier / 2500) == pytest.approx(5000, rel=0.01)
    assert schedule.at(200_000) == pytest.approx(multiplier / 100_000, rel=0.02)
    assert schedule.least(1.0) == pytest.approx(1000)
    assert schedule.least(1e-12) == math.inf
    places = [schedule.place(n) for n in (schedule.least(1.0), 5000.0, 20_000.0, math.inf)]
    assert places == ["below", "within", "beyond", "never"]


def test_heading_says_how_many_devices_and_how_it_is_known(
    losses: LossTable, found: Extrapolation
) -> None:
    """The least budget's need, with two digits, and "by extrapolation" beyond the largest run."""
    sweep = made_sweep(losses, [found])
    (need,) = [n for n in found.needs if (n.epsilon, n.loss) == (2.0, 0.05)]
    told = verdict(sweep, metric="full hr@10")
    assert told is not None
    assert about(need.devices) in told
    assert "ε = 2 " in told
    assert ("by extrapolation" in told) == (need.place == "beyond")
    assert verdict(made_sweep(losses, []), metric="full hr@10") is None


def test_page_tells_devices_at_phone_and_desktop_width(
    losses: LossTable,
    found: Extrapolation,
    tmp_path: Path,
    open_browser: Callable[[tuple[int, int]], Chrome],
) -> None:
    """No horizontal scroll; what is needed, checked and measured stands in tables and in words."""
    page = write_page(made_sweep(losses, [found]), tmp_path)
    for size in (PHONE, DESKTOP):
        window = open_browser(size)
        window.get(page.as_uri())
        root = "document.documentElement"
        assert window.execute_script(f"return {root}.scrollWidth - {root}.clientWidth") <= 0
        figure = window.find_elements("tag name", "figure")[0]
        label = figure.find_element("tag name", "desc").get_attribute("textContent") or ""
        assert "the curve says" in label
        assert "with 3,000 devices" in label
        needs, checks, measured = window.find_elements("tag name", "table")[:3]
        for need in found.needs:
            if need.place == "beyond":
                assert about(need.devices) in needs.text
                assert "extrapolated" in needs.text
        for check in found.checks:
            assert f"{100 * check.forecast.mean:.1f}%" in checks.text
        window.find_element("tag name", "summary").click()
        assert "3,000" in measured.text
    assert "left out of the fit" in page.read_text("utf-8")


def test_page_says_why_nothing_is_extrapolated(losses: LossTable, tmp_path: Path) -> None:
    """The reason stands where the numbers would."""
    page = write_page(made_sweep(losses, [], not_extrapolated="too few <noises>"), tmp_path)
    assert "too few &lt;noises&gt;" in page.read_text("utf-8")
