"""What the ledger tells a person: consent receipts, the report and the preview, in words."""

import hashlib
import json
import math
from collections.abc import Callable

import numpy as np
from tests.client.ledger.conftest import START, Desk, task_of

from penchant.client.ledger import Purpose, Terms, preview_of, terms_of
from penchant.client.ledger.costs import Cost
from penchant.client.ledger.report import report_of
from penchant.client.ledger.rules import Contribution, Standing
from penchant.client.ledger.settings import BudgetSettings
from penchant.shared.codec import encode_result
from penchant.shared.contract import TrainingResult
from penchant.shared.gaussian import gaussian_epsilon


def test_a_receipt_says_what_was_agreed_and_when(make_desk: Callable[..., Desk]) -> None:
    """Text, its hash, version and time; taken back at once; all receipts stay."""
    desk = make_desk()
    with desk.open() as ledger:
        own = Terms("We would like to learn from what you read.", "2024-05")
        first = ledger.consent(Purpose.TRAIN_RANKER, own)
        assert first.text_hash == hashlib.sha256(own.text.encode()).hexdigest()
        desk.pass_days(1)
        ledger.revoke(Purpose.TRAIN_RANKER)
        assert not ledger.agrees(Purpose.TRAIN_RANKER)
        ledger.consent(Purpose.TRAIN_RANKER)
        ledger.consent(Purpose.TRAIN_RANKER)
    with desk.open() as ledger:
        assert ledger.agrees(Purpose.TRAIN_RANKER)
        assert not ledger.agrees(Purpose.TRUST_SERVER)
        receipts = ledger.consents()
    assert [receipt.holds for receipt in receipts] == [False, False, True]
    assert receipts[0].terms == own
    assert (receipts[0].given, receipts[0].revoked) == (START, START + 86_400)
    assert receipts[2].terms == terms_of(Purpose.TRAIN_RANKER)


def test_the_report_in_plain_words() -> None:
    """Both adversaries, both numbers, what is left and until when it waits, in sentences."""
    settings = BudgetSettings()
    contributions = [
        Contribution(START, Cost(1 / 32, math.inf)),
        Contribution(START + 1, Cost(1 / 32, 0.5)),
    ]
    standing = Standing(now=START + 2, contributions=contributions, last=START + 1)
    words = str(report_of(standing, settings, ever=5, agreed=True))
    assert "sent 2 updates of at most 10; there is room for 8 more" in words
    central, own = (gaussian_epsilon(rho, delta=1e-6) for rho in (1 / 16, 0.5))
    assert f"hidden to within epsilon {central:.2f} at delta 1e-06" in words
    assert "1 update carried no noise of this device" in words
    assert f"within epsilon {own:.2f} at delta 1e-06, even if the server looks and lies" in words
    assert "WARNING: epsilon against the server is above 4" in words
    assert "Nothing leaves before 2023-11-21" in words
    assert "nobody has agreed" not in words
    assert "nobody has agreed" in str(report_of(standing, settings, ever=5, agreed=False))


def test_nothing_spent_in_plain_words() -> None:
    """An unused ledger says so, and has room for all that the budget allows."""
    standing = Standing(now=START, contributions=[], last=None)
    report = report_of(standing, BudgetSettings(), ever=0, agreed=True)
    assert report.contributions_left == 10
    assert (report.released.epsilon, report.waits_until) == (0, None)
    assert "sent 0 updates" in str(report)
    assert "within epsilon 0.00" in str(report)


def test_room_is_bounded_by_epsilon_too() -> None:
    """Where noise is small, epsilon 8 leaves room for fewer than the number of contributions."""
    settings = BudgetSettings(least_noise_multiplier=1.0)
    standing = Standing(now=START, contributions=[], last=None)
    report = report_of(standing, settings, ever=0, agreed=True)
    assert report.contributions_left == math.floor(report.released.left / 0.5) == 2


def test_a_preview_accounts_for_every_byte() -> None:
    """Parts are in the order of the message, add up to it, and the header can be read."""
    shapes = {"item_projection": (3, 2), "popularity": (4,)}
    update = np.arange(10, dtype=np.float32)
    task = task_of(7)
    message = encode_result(TrainingResult(task.model_id, task.round_number, update))
    preview = preview_of(message, shapes, refusal="too soon", paid=False)
    assert preview.size == len(message) == sum(part.size for part in preview.parts)
    assert [part.name for part in preview.parts] == ["header", *shapes]
    assert [part.numbers for part in preview.parts] == [0, 6, 4]
    header = json.loads(message[10 : preview.parts[0].size])
    assert set(header) == {"kind", "model_id", "round_number"}
    words = str(preview)
    assert preview.sha256 == hashlib.sha256(message).hexdigest()
    assert preview.sha256 in words
    assert "popularity: 16 bytes, 4 numbers" in words
    assert "would not send it: too soon" in words
