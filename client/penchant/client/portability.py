"""Everything a device holds about a person, for them to read, and to take to another device."""

import base64
import json
import shutil
import time as clock
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from penchant.client.interests import Interest, InterestEdit
from penchant.client.quality import Health
from penchant.client.storage import (
    DeviceFolder,
    Durability,
    KeySource,
    SqliteStore,
    Store,
    seal,
    unseal,
)
from penchant.client.storage.sqlitestore import DATABASE as BEHAVIOUR
from penchant.shared.errors import StoreError
from penchant.shared.files import write_atomically
from penchant.shared.jsontexts import parsed_json

__all__ = ["Profile", "exported", "settle"]

EXPORT_FORMAT = "penchant export 1"
PROFILE_FORMAT = "penchant profile 1"
INTEREST_STATE = "interest_state"


@dataclass(frozen=True)
class Profile:
    """What moves with a person from one device to another.

    Attributes:
        behaviour: the contents of the behaviour store.
        ledger: the contents of the privacy ledger.
        taken: when, unix seconds.
    """

    behaviour: Mapping[str, Any]
    ledger: Mapping[str, Any]
    taken: int = field(default_factory=lambda: int(clock.time()))

    def write(self, path: Path, passphrase: str, *, before: Callable[[], None]) -> None:
        """Write it to ``path``, encrypted under ``passphrase``, whole or not at all.

        Args:
            path: the file.
            passphrase: at least 8 characters.
            before: called once the content is on the disk and before it is at ``path``; if it
                fails, there is no file.

        Raises:
            ConfigurationError: the passphrase is too short.
            StoreError: the file cannot be written.
        """
        content = zlib.compress(json.dumps(asdict(self)).encode())
        sealed = seal(content, passphrase, purpose=PROFILE_FORMAT)
        waiting = path.with_name(f".{path.name}.moving")
        try:
            write_atomically(waiting, sealed, mode=0o600)
            before()
            waiting.replace(path)
        except OSError as error:
            raise StoreError(
                f"cannot write the profile {path}: {error.strerror}; choose another place"
            ) from error
        finally:
            waiting.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path, passphrase: str) -> Self:
        """Return what ``write`` wrote.

        Raises:
            ConfigurationError: the passphrase is too short.
            StoreError: the file cannot be read, is no profile, is damaged, or another passphrase
                locked it.
        """
        try:
            sealed = path.read_bytes()
        except OSError as error:
            raise StoreError(f"cannot read the profile {path}: {error.strerror}") from error
        content = unseal(sealed, passphrase, purpose=PROFILE_FORMAT)
        try:
            record = parsed_json(zlib.decompress(content))
            return cls(record["behaviour"], record["ledger"], int(record["taken"]))
        except (zlib.error, ValueError, KeyError, TypeError, OverflowError) as error:
            raise StoreError(f"the profile {path} holds something else: {error}") from error


def settle(
    profile: Profile,
    folder: Path,
    *,
    keys: KeySource,
    durable: bool,
    embedded: Callable[[Store], None],
) -> None:
    """Make a device in ``folder`` of a profile, whole or not at all.

    Args:
        profile: what moved.
        folder: where no device lives.
        keys: wraps the new device's keys.
        durable: as in ``DeviceSettings``.
        embedded: checks that what was embedded fits the new device.

    Raises:
        StoreError: a device lives there, or the profile cannot be settled.
    """
    from penchant.client.ledger import LEDGER

    if folder.exists() and any(folder.iterdir()):
        raise StoreError(f"{folder} is not empty; let the profile arrive in a folder of its own")
    home = DeviceFolder(folder, keys)
    try:
        _fill(home, profile, durable=durable, embedded=embedded)
    except BaseException:
        for database in (BEHAVIOUR, LEDGER):
            home.destroy(database)
        home.close()
        shutil.rmtree(folder)
        raise
    home.close()


def _fill(
    home: DeviceFolder, profile: Profile, *, durable: bool, embedded: Callable[[Store], None]
) -> None:
    from penchant.client.ledger import MARK, settle_ledger

    durability = Durability.POWER_CUT if durable else Durability.NOTHING
    store = SqliteStore(home, durability=durability)
    store.replace_contents(profile.behaviour)
    # Another machine's arithmetic and another ledger's witness stay behind.
    for name in (INTEREST_STATE, MARK):
        store.save_value(name, None)
    embedded(store)
    settle_ledger(home, profile.ledger, durable=durable)


def exported(
    profile: Profile,
    *,
    interests: list[Interest] | None,
    edits: list[InterestEdit],
    health: Health,
) -> dict[str, Any]:
    """Return everything held about a person, JSON-able, for them to read.

    Args:
        profile: what the stores hold.
        interests: as the device tells them; None where it cannot.
        edits: in force.
        health: counts.
    """
    behaviour = _records(profile.behaviour)
    ledger = _records(profile.ledger)
    for vector in behaviour["private_vector"]:
        content = base64.b64decode(vector.pop("content")["base64"])
        vector["numbers"] = np.frombuffer(content, dtype="<f4").tolist()
    for trained in behaviour["trained_round"]:  # the server's message and the draws' seed
        del trained["task"], trained["seed"]
    return {
        "format": EXPORT_FORMAT,
        "exported": profile.taken,
        "events": behaviour["event"],
        "interests": None if interests is None else [asdict(interest) for interest in interests],
        "interest_edits": [asdict(edit) for edit in edits],
        "health": {
            "cleaned": dict(health.cleaned),
            "refused": dict(health.refused),
            "last_refused": [asdict(refused) for refused in health.last_refused],
        },
        "private_vectors": behaviour["private_vector"],
        "trained_rounds": behaviour["trained_round"],
        "consents": ledger["consent"],
        "ledger": ledger["entry"],
    }


def _records(contents: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
        for name, table in contents["tables"].items()
    }
