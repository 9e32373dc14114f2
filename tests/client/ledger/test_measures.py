"""Measures of the ranker in the ledger: a purpose of their own, agreed to and paid for apart."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.client.ledger.conftest import Desk, task_of

from penchant.client.ledger import Answer, Ledger, Purpose
from penchant.shared.contract import TrainingTask
from penchant.shared.errors import ConsentError
from penchant.shared.gaussian import gaussian_epsilon, gaussian_rho, joint_noise_multiplier

MakeDesk = Callable[..., Desk]
ASKING = task_of(measure_noise=8.0)


def answer_of(desk: Desk, ledger: Ledger, task: TrainingTask) -> Callable[[], Answer]:
    """What makes an answer as a device does: measured where the ledger lets it."""
    return lambda: replace(desk.make(), measured=ledger.measures(task))


def release(desk: Desk, task: TrainingTask) -> Answer:
    """Open the ledger and release a task's answer."""
    with desk.open() as ledger:
        return ledger.release(task, answer_of(desk, ledger, task))


def entries_of(ledger: Ledger) -> list[dict[str, Any]]:
    """The ledger's entries that are contributions."""
    table = ledger.contents()["tables"]["entry"]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    return [row for row in rows if row["task"] is not None]


def test_update_and_measure_are_two_debits_and_one_mechanism(desk: Desk) -> None:
    """Each purpose has its entry; epsilon is that of the pair's joint noise multiplier."""
    assert release(desk, ASKING).measured
    with desk.open() as ledger:
        entries, report = entries_of(ledger), ledger.report()
    assert [entry["purpose"] for entry in entries] == [
        Purpose.TRAIN_RANKER.value,
        Purpose.MEASURE_RANKER.value,
    ]
    assert [entry["released_rho"] for entry in entries] == [1 / 32, 1 / 128]
    assert len({entry["task"] for entry in entries}) == 1
    joint = gaussian_rho(noise_multiplier=joint_noise_multiplier(4.0, 8.0))
    assert report.released.rho == pytest.approx(joint)
    assert report.released.epsilon == pytest.approx(gaussian_epsilon(joint, delta=1e-6))
    assert (report.contributions, report.contributions_ever, report.measures) == (1, 1, 1)
    assert report.unprotected == 1
    assert "With 1 update went a measure" in str(report)


def test_a_round_that_does_not_ask_costs_what_it_did(desk: Desk) -> None:
    """Agreeing to measures changes nothing where none is asked for."""
    assert not release(desk, task_of()).measured
    with desk.open() as ledger:
        assert [entry["released_rho"] for entry in entries_of(ledger)] == [1 / 32]
        assert "went a measure" not in str(ledger.report())


def test_training_can_be_agreed_to_without_measuring(make_desk: MakeDesk) -> None:
    """Then the task is answered without a measure, and only training is paid for."""
    desk = make_desk()
    with desk.open() as ledger:
        ledger.consent(Purpose.TRAIN_RANKER)
        ledger.consent(Purpose.TRUST_SERVER)
    assert not release(desk, ASKING).measured
    with desk.open() as ledger:
        assert [entry["purpose"] for entry in entries_of(ledger)] == [Purpose.TRAIN_RANKER.value]


def test_measuring_is_nothing_without_training(make_desk: MakeDesk) -> None:
    """Agreeing to measures alone lets nothing leave."""
    desk = make_desk()
    with desk.open() as ledger:
        ledger.consent(Purpose.MEASURE_RANKER)
    with pytest.raises(ConsentError, match="TRAIN_RANKER"):
        release(desk, ASKING)


@pytest.mark.parametrize(
    "task",
    [
        task_of(measure_noise=3.9),
        task_of(measure_noise=0.0),
        task_of(measure_noise=8.0, event_noise=4.0),
    ],
    ids=["too little noise", "no noise", "event-level round"],
)
def test_a_measure_that_may_not_leave_does_not_keep_the_update(
    desk: Desk, task: TrainingTask
) -> None:
    """With less noise than the device wants, or where the device adds noise itself: no measure."""
    assert not release(desk, task).measured
    with desk.open() as ledger:
        assert [entry["purpose"] for entry in entries_of(ledger)] == [Purpose.TRAIN_RANKER.value]


def test_where_only_the_update_fits_it_goes_alone(make_desk: MakeDesk) -> None:
    """Epsilon is never passed for a measure; the budget's last room is for training."""
    desk = make_desk(separation_days=0, contributions=1000, least_noise_multiplier=2.0)
    desk.agree()
    measured = []
    for number in range(1, 1000):
        task = task_of(number, noise_multiplier=2.0, measure_noise=2.0)
        with desk.open() as ledger:
            if ledger.refusal(task) is not None:
                break
            measured.append(ledger.release(task, answer_of(desk, ledger, task)).measured)
    with desk.open() as ledger:
        report = ledger.report()
    assert report.released.epsilon <= 8
    assert gaussian_epsilon(report.released.rho + 1 / 8, delta=1e-6) > 8
    assert measured == sorted(measured, reverse=True)
    assert report.measures == sum(measured) > 0
    assert len(measured) - sum(measured) <= 1


def test_consent_taken_back_while_it_is_made_holds_the_pair_back(desk: Desk) -> None:
    """Neither leaves and nothing is debited; asked again, the update goes without a measure."""
    with desk.open() as ledger:

        def make_and_revoke() -> Answer:
            made = answer_of(desk, ledger, ASKING)()
            ledger.revoke(Purpose.MEASURE_RANKER)
            return made

        with pytest.raises(ConsentError, match="MEASURE_RANKER"):
            ledger.release(ASKING, make_and_revoke)
        assert entries_of(ledger) == []
        assert not ledger.release(ASKING, answer_of(desk, ledger, ASKING)).measured


def test_a_preview_made_while_consent_goes_is_not_what_leaves(desk: Desk) -> None:
    """A measure that was looked at, but is not agreed to any more, is made anew without."""
    with desk.open() as ledger:

        def make_and_revoke() -> Answer:
            made = answer_of(desk, ledger, ASKING)()
            ledger.revoke(Purpose.MEASURE_RANKER)
            return made

        shown, _ = ledger.preview(ASKING, make_and_revoke)
        sent = ledger.release(ASKING, answer_of(desk, ledger, ASKING))
    assert shown.measured
    assert not sent.measured
    assert sent.message != shown.message


def test_what_was_previewed_is_what_leaves_and_is_paid_for(desk: Desk) -> None:
    """A preview with a measure is sent with it, once debited for both, and again at no cost."""
    with desk.open() as ledger:
        shown, paid = ledger.preview(ASKING, answer_of(desk, ledger, ASKING))
        assert not paid
        assert ledger.refusal(ASKING) is None
    with desk.open() as ledger:
        assert ledger.release(ASKING, desk.make) == shown
        assert ledger.release(ASKING, desk.make) == shown
        assert len(entries_of(ledger)) == 2


def test_ten_measured_contributions_fit_the_default_budget(desk: Desk) -> None:
    """At multipliers 4 and 8, ten in 90 days make epsilon 4.25, over the warning, under 8."""
    for number in range(10):
        assert release(desk, task_of(1 + number, measure_noise=8.0)).measured
        desk.pass_days(7)
    with desk.open() as ledger:
        report = ledger.report()
    assert report.released.epsilon == pytest.approx(4.25, abs=0.02)
    assert (report.contributions_left, report.measures) == (0, 10)
