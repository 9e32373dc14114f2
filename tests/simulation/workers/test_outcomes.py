"""Errors, sent from where they arose to where they are raised."""

import pickle

import pytest
from pydantic import BaseModel, ValidationError

from penchant.shared.errors import MissingExtraError, PenchantError, WorkerError
from penchant.simulation.workers.outcomes import Failure, attempt, packed, settle


def raising(error: Exception) -> object:
    """Return what comes of raising ``error`` elsewhere."""

    def work() -> None:
        raise error

    return pickle.loads(packed(attempt(work)))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad", 3),
        KeyError("key"),
        FileNotFoundError(2, "No such file", "name"),
        PenchantError("given this, expected that"),
        MissingExtraError("ray", "this"),
    ],
)
def test_errors_arrive_as_they_were(error: Exception) -> None:
    """Type, message and arguments survive, also of errors that do not unpickle by themselves."""
    with pytest.raises(type(error)) as caught:
        settle(raising(error))
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert caught.value.args == error.args
    assert any("in work" in note for note in caught.value.__notes__)


def test_attributes_of_errors_arrive() -> None:
    """What was added to an error is still there."""
    error = ValueError("bad")
    error.device = 3  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="bad") as caught:
        settle(raising(error))
    assert vars(caught.value)["device"] == 3


def test_errors_that_cannot_be_sent_are_told() -> None:
    """Of an error that cannot be pickled, or put together again, name and message arrive."""

    class LocalError(Exception):
        """No other process knows it."""

    class Model(BaseModel):
        number: int

    with pytest.raises(ValidationError) as invalid:
        Model.model_validate({"number": "x"})
    for error in (LocalError("lost"), invalid.value):
        with pytest.raises(WorkerError, match=type(error).__name__) as caught:
            settle(raising(error))
        assert "in work" in caught.value.__notes__[0]


def test_results_pass() -> None:
    """A result is handed on as it is, whatever it is."""
    for result in (None, 3, [ValueError("not raised")]):
        assert attempt(lambda result=result: result) is result
        assert settle(result) is result


def test_result_that_cannot_be_pickled_is_a_failure() -> None:
    """What cannot be sent comes of it as an error."""
    assert isinstance(pickle.loads(packed(lambda: None)), Failure)
