"""The ledger: what it debits, what it refuses, and what it gives out twice."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.client.ledger.conftest import Desk, task_of

from penchant.client.ledger import Answer, BudgetSettings, Purpose
from penchant.shared.errors import BudgetError, ConfigurationError, ConsentError
from penchant.shared.gaussian import gaussian_epsilon

MakeDesk = Callable[..., Desk]


def test_a_contribution_is_debited_before_it_is_given_out(desk: Desk) -> None:
    """One contribution at noise 4 costs rho 1/32 against rankers, and is there after reopening."""
    assert desk.release(task_of()) == b"answer 1"
    with desk.open() as ledger:
        report = ledger.report()
    assert report.contributions == report.contributions_ever == 1
    assert report.released.rho == 1 / 32
    assert report.released.epsilon == gaussian_epsilon(1 / 32, delta=1e-6)
    assert (report.unprotected, report.server.rho) == (1, 0)


def test_ten_contributions_fill_the_window(desk: Desk) -> None:
    """Ten, a week apart, are let out; the eleventh only when the first is 90 days old.

    Together they cost epsilon 3.75, below the warning at 4.
    """
    for number in range(10):
        desk.release(task_of(1 + number))
        desk.pass_days(7)
    with desk.open() as ledger:
        report = ledger.report()
        assert report.contributions_left == 0
        assert report.released.epsilon == pytest.approx(3.75, abs=0.01)
        assert not report.released.warning
    with pytest.raises(BudgetError, match="10 contributions in 90 days"):
        desk.release(task_of(11))
    desk.pass_days(20)
    assert desk.release(task_of(12)) == b"answer 11"
    desk.pass_days(6.9)
    with pytest.raises(BudgetError):
        desk.release(task_of(13))


def test_contributions_are_apart(desk: Desk) -> None:
    """A second one within a week is refused and says when it may leave; nothing is trained."""
    desk.release(task_of(1))
    desk.pass_days(6.99)
    with pytest.raises(BudgetError, match=r"7 days apart; nothing leaves before 2023-11-21"):
        desk.release(task_of(2))
    assert desk.made == 1
    desk.pass_days(0.01)
    desk.release(task_of(2))


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (task_of(noise_multiplier=3.9), "at least 4"),
        (task_of(noise_multiplier=0.0), "at least 4"),
        (task_of(clipping_norm=1.1), "at most 1"),
        (task_of(clipping_norm=None), "clips updates to None"),
    ],
)
def test_a_server_cannot_ask_for_less_privacy(desk: Desk, task: object, reason: str) -> None:
    """Less noise than the device wants, a larger norm or none: refused before training."""
    with pytest.raises(BudgetError, match=reason):
        desk.release(task)  # type: ignore[arg-type]
    assert desk.made == 0
    with desk.open() as ledger:
        assert ledger.report().contributions == 0


def test_more_rounds_do_not_get_more(desk: Desk) -> None:
    """A server that asks 500 times in a year gets ten answers in any 90 days."""
    times = []
    with desk.open() as ledger:
        for number in range(500):
            with suppress(BudgetError):
                ledger.release(task_of(1 + number), desk.make)
                times.append(desk.time)
            desk.pass_days(0.73)
    for start in times:
        assert sum(start - 90 * 86_400 < time <= start for time in times) <= 10
    assert min(np.diff(times)) >= 7 * 86_400
    assert len(times) > 30


def test_epsilon_is_bounded_whatever_the_noise_floor(make_desk: MakeDesk) -> None:
    """With a low floor, less noise spends the budget sooner; epsilon 8 is never passed."""
    desk = make_desk(least_noise_multiplier=0.1, separation_days=0, contributions=1000)
    desk.agree()
    for number, noise in enumerate([3.0, 1.5, 0.7, 0.7, 0.2]):
        task = task_of(1 + number, noise_multiplier=noise)
        if number < 2:
            desk.release(task)
        else:
            with pytest.raises(BudgetError, match="released rankers would be"):
                desk.release(task)
    with desk.open() as ledger:
        report = ledger.report()
        assert report.released.rho == pytest.approx(1 / 18 + 1 / 4.5)
        assert report.released.epsilon < 8


def test_the_server_has_a_budget_of_its_own(make_desk: MakeDesk) -> None:
    """Without trust in the server, only rounds with event noise are answered.

    Their epsilon against the server, from rho = T / (2 sigma^2) a round, is bounded too.
    """
    desk = make_desk(separation_days=0)
    with desk.open() as ledger:
        ledger.consent(Purpose.TRAIN_RANKER)
    with pytest.raises(ConsentError, match="TRUST_SERVER"):
        desk.release(task_of(1))
    with pytest.raises(BudgetError, match="against the server would be"):
        desk.release(task_of(1, event_noise=1.0, steps=3))
    assert desk.made == 0
    desk.release(task_of(1, event_noise=2.0, steps=3))
    with desk.open() as ledger:
        report = ledger.report()
        assert report.server.rho == pytest.approx(3 / 8)
        assert report.unprotected == 0
    for number in range(2, 5):
        try:
            desk.release(task_of(number, event_noise=2.0, steps=3))
        except BudgetError as error:
            assert "against the server" in str(error)  # noqa: PT017
    with desk.open() as ledger:
        assert ledger.report().server.epsilon <= 8


def test_trust_in_the_server_is_a_choice_of_its_own(desk: Desk) -> None:
    """With it unprotected rounds are answered; taken back, they are not, and others still are."""
    desk.release(task_of(1))
    with desk.open() as ledger:
        ledger.revoke(Purpose.TRUST_SERVER)
    desk.pass_days(8)
    with pytest.raises(ConsentError):
        desk.release(task_of(2))
    desk.release(task_of(2, event_noise=4.0))


def test_the_same_task_gets_the_same_bytes_at_no_cost(desk: Desk) -> None:
    """A task asked again gives the stored bytes, on a ledger opened anew too.

    There is one debit, one training, and no second draw of noise.
    """
    first = desk.release(task_of())
    with desk.open() as ledger:
        assert ledger.release(task_of(), desk.make).message == first
    assert desk.release(task_of()) == first
    assert desk.made == 1
    with desk.open() as ledger:
        assert ledger.report().contributions == 1


def test_another_task_of_the_same_round_is_another_contribution(desk: Desk) -> None:
    """One bit of difference makes it another task, which has to fit the budget by itself."""
    desk.release(task_of())
    other = replace(task_of(), vector=np.array([0, 0, 1e-3], dtype=np.float32))
    with pytest.raises(BudgetError, match="7 days apart"):
        desk.release(other)


def test_an_answer_that_is_no_longer_kept_is_refused(desk: Desk) -> None:
    """After what was kept is dropped, the same task is refused, and never answered anew."""
    desk.release(task_of())
    with desk.open() as ledger:
        ledger.drop_answers()
    desk.pass_days(1000)
    with pytest.raises(BudgetError, match="no longer kept"):
        desk.release(task_of())
    with desk.open() as ledger, pytest.raises(BudgetError, match="no longer kept"):
        ledger.preview(task_of(), desk.make)
    assert desk.made == 1


def test_training_that_fails_costs_nothing(desk: Desk) -> None:
    """An error while the answer is made leaves no debit and no answer."""

    def fail() -> Answer:
        raise RuntimeError

    with desk.open() as ledger:
        with pytest.raises(RuntimeError):
            ledger.release(task_of(), fail)
        assert ledger.report().contributions == 0
        assert ledger.release(task_of(), desk.make).message == b"answer 1"


def test_a_preview_debits_nothing_and_is_what_is_sent(desk: Desk) -> None:
    """The previewed bytes are those that releasing the same task gives out, after reopening too."""
    with desk.open() as ledger:
        shown, paid = ledger.preview(task_of(), desk.make)
        assert not paid
        assert ledger.preview(task_of(), desk.make)[0] == shown
        assert ledger.report().contributions == 0
    assert desk.release(task_of()) == shown.message
    with desk.open() as ledger:
        assert ledger.preview(task_of(), desk.make) == (shown, True)
        assert ledger.report().contributions == 1
    assert desk.made == 1


def test_a_preview_needs_no_consent_and_gives_none(make_desk: MakeDesk) -> None:
    """A person may look before agreeing; sending what was looked at still needs consent."""
    desk = make_desk()
    with desk.open() as ledger:
        ledger.preview(task_of(), desk.make)
        assert "nobody has agreed" in (ledger.refusal(task_of()) or "")
    with pytest.raises(ConsentError):
        desk.release(task_of())


def test_what_is_refused_says_so_beforehand(desk: Desk) -> None:
    """``refusal`` gives the reason that ``release`` would, and None where it would not."""
    with desk.open() as ledger:
        assert ledger.refusal(task_of()) is None
        assert ledger.waits() is None
    desk.release(task_of())
    with desk.open() as ledger:
        assert ledger.refusal(task_of()) is None
        assert "7 days apart" in (ledger.refusal(task_of(2)) or "")
        assert "7 days apart" in (ledger.waits() or "")


def test_lab_settings_count_and_do_not_refuse(make_desk: MakeDesk) -> None:
    """For trials: everything is counted and said loudly; consent is needed all the same."""
    desk = make_desk(counts_only=True)
    weak = task_of(noise_multiplier=0.0, clipping_norm=None)
    with pytest.raises(ConsentError):
        desk.release(weak)
    desk.agree()
    with desk.open() as ledger:
        for number in range(30):
            ledger.release(replace(weak, round_number=1 + number), desk.make)
        report = ledger.report()
    assert report.contributions == report.unprotected == 30
    assert report.released.rho == math.inf
    assert str(report).startswith("LAB SETTINGS")


def test_settings_must_fit_together() -> None:
    """A warning above the refusal, or a budget of nothing, is not a budget."""
    with pytest.raises(ConfigurationError, match="warn_epsilon"):
        BudgetSettings(warn_epsilon=9)
    bad: list[dict[str, Any]] = [
        {"contributions": 0},
        {"window_days": 0},
        {"least_noise_multiplier": 0.0},
        {"refuse_epsilon": math.inf},
        {"separation_days": -1.0},
        {"largest_clipping_norm": math.nan},
        {"population": 2.5},
    ]
    for settings in bad:
        with pytest.raises(ConfigurationError, match=next(iter(settings))):
            BudgetSettings(**settings)


def test_delta_is_the_apps_and_falls_with_the_population() -> None:
    """Delta is min(1e-6, N^-1.1) of the N that the app states; no task can state it."""
    assert BudgetSettings().delta == 1e-6
    assert BudgetSettings(population=10**7).delta == pytest.approx(10**-7.7)
    assert not {"delta", "epsilon"} & set(type(task_of()).__dataclass_fields__)
