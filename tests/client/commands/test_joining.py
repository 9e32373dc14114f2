"""What ``penchant join`` asks its person before a device takes part."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from penchant.client import Device, Purpose, terms_of
from penchant.client.commands.joining import _ask_consent
from penchant.client.storage import RawKey
from penchant.shared.ranker import Preset
from penchant.shared.scoring import Scorer

Open = Callable[[object], Device]


@pytest.fixture
def open_one(make_scorer: Callable[..., Scorer], tmp_path: Path) -> Open:
    """Open a device that nothing has been agreed to on."""
    scorer = make_scorer(Preset.COMPACT)
    return lambda _scorer: Device.open(tmp_path / "device", scorer, keys=RawKey(bytes(32)))


def ask(open_one: Open, *, agree: bool = False, answers: str = "") -> tuple[str, str | None]:
    """Let it ask; return what it said, and the error it ended with."""
    application = typer.Typer()

    @application.command()
    def join() -> None:
        _ask_consent(open_one, agree=agree)

    found = CliRunner().invoke(application, input=answers)
    return found.output, None if found.exception is None else str(found.exception)


def agreed(open_one: Open) -> set[Purpose]:
    """What is agreed to."""
    with open_one(None) as device:
        return {receipt.purpose for receipt in device.consents() if receipt.holds}


def test_each_purpose_is_asked_about_by_itself(open_one: Open) -> None:
    """All terms are shown; a no to measures leaves training agreed to."""
    said, error = ask(open_one, answers="y\ny\nn\n")
    assert error is None
    assert all(terms_of(purpose).text in said for purpose in Purpose)
    assert agreed(open_one) == {Purpose.TRAIN_RANKER, Purpose.TRUST_SERVER}


def test_a_device_that_takes_part_is_not_asked_about_measures(open_one: Open) -> None:
    """Nor does --agree, which may stand in a unit file, agree to them on its person's behalf."""
    with open_one(None) as device:
        device.consent(Purpose.TRAIN_RANKER)
        device.consent(Purpose.TRUST_SERVER)
    assert ask(open_one) == ("", None)
    assert ask(open_one, agree=True) == ("", None)
    assert agreed(open_one) == {Purpose.TRAIN_RANKER, Purpose.TRUST_SERVER}


def test_agreeing_at_once_agrees_to_what_is_shown(open_one: Open) -> None:
    """--agree on a new device: all of the terms, each printed."""
    said, error = ask(open_one, agree=True)
    assert error is None
    assert all(terms_of(purpose).text in said for purpose in Purpose)
    assert agreed(open_one) == set(Purpose)


def test_without_training_nothing_is_joined(open_one: Open) -> None:
    """A no to training ends it, in one sentence."""
    _, error = ask(open_one, answers="n\n")
    assert error is not None
    assert "without consent this device takes part in nothing" in error
    assert agreed(open_one) == set()
