"""Making one-time codes, and admitting the device that brings one."""

import os
import time

from penchant.server.fleet.flower_adapter import FleetState
from penchant.server.operations.records import Records
from penchant.shared.enrolment import EnrolmentCode
from penchant.shared.errors import ConfigurationError, StoreError

__all__ = ["Enrolment", "make_code"]


def make_code(
    records: Records, *, fingerprint: str, label: str, valid_seconds: float
) -> EnrolmentCode:
    """Return a new code for one device; only its hash is kept.

    Args:
        records: where it is kept.
        fingerprint: of the server's certificate authority.
        label: what the operator calls the device.
        valid_seconds: how long it may be used.
    """
    code = EnrolmentCode.make(os.urandom(32), fingerprint)
    records.add_code(code.secret_hash, label=label, expires=time.time() + valid_seconds)
    return code


class Enrolment:
    """Admits devices that bring a code.

    Args:
        records: keeps the codes.
        state: keeps the devices' keys.
    """

    def __init__(self, records: Records, state: FleetState) -> None:
        self._records = records
        self._state = state

    def admit(self, secret: str, public_key: bytes) -> int | None:
        """Enrol a device and return its node number, None if it may not be.

        A device that did not hear the answer may ask again: its key is known already.
        """
        known = self._state.node_of(public_key)
        if known is not None:
            return known
        code = EnrolmentCode(secret, "")
        label = self._records.use_code(code.secret_hash)
        if label is None:
            return None
        try:
            return self._state.register(public_key, label=label)
        except ConfigurationError:
            self._records.give_back_code(code.secret_hash)
            return None
        except StoreError:
            self._records.give_back_code(code.secret_hash)
            raise
