"""Errors: each says what was given, what was expected and what to do."""

__all__ = [
    "AssetError",
    "BudgetError",
    "CodecError",
    "ConfigurationError",
    "ConsentError",
    "DataError",
    "EncoderError",
    "MissingExtraError",
    "PenchantError",
    "PrivacyError",
    "ReleaseError",
    "RemoteError",
    "RoundError",
    "StoreError",
    "WorkerError",
]


class PenchantError(Exception):
    """Base of every error that penchant raises on purpose."""


class ConfigurationError(PenchantError):
    """A setting, flag or argument is not usable."""


class MissingExtraError(ConfigurationError):
    """A command or module needs an optional dependency that is not installed.

    Args:
        extra: name of the extra, such as ``"simulation"``.
        purpose: what was asked for, such as ``"penchant simulate"``.
    """

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the '{extra}' extra, which is not installed; "
            f"run: pip install 'penchant[{extra}]'"
        )


class AssetError(PenchantError):
    """A named file could not be fetched, or is not the file that was pinned."""


class EncoderError(PenchantError):
    """An encoder bundle cannot be built or loaded."""


class DataError(PenchantError):
    """A data set, event log or catalogue is malformed."""


class StoreError(PenchantError):
    """A device's local store cannot be opened, read or written."""


class CodecError(PenchantError):
    """Bytes are not a valid message of the wire contract."""


class PrivacyError(PenchantError):
    """A privacy parameter is out of range, or a budget would be exceeded."""


class ReleaseError(PenchantError):
    """A release is not what was signed, or cannot be published or installed."""


class RemoteError(PenchantError):
    """A server cannot be reached, or refuses what was asked."""


class ConsentError(PrivacyError):
    """A person has not agreed to what was asked, or has taken it back."""


class BudgetError(PrivacyError):
    """A device's privacy ledger refuses: the answer would cost more than is left."""


class RoundError(PenchantError):
    """A round of training cannot be run as asked."""


class WorkerError(PenchantError):
    """Processes or machines that do a simulation's work were lost, or cannot be had."""
