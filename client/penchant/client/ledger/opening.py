"""Opening the ledger of a device: its database, under a key of its own, and its witnesses."""

from collections.abc import Mapping
from typing import Any

from penchant.client.ledger.journal import MIGRATIONS, Journal
from penchant.client.ledger.ledger import Ledger
from penchant.client.ledger.settings import BudgetSettings
from penchant.client.ledger.witness import (
    FileWitness,
    StoreWitness,
    Witness,
    default_witness_path,
)
from penchant.client.storage import DeviceFolder, Durability, Store

__all__ = ["LEDGER", "MARK", "open_ledger", "settle_ledger"]

LEDGER = "ledger"
MARK = "ledger_mark"


def open_ledger(
    home: DeviceFolder, store: Store, *, settings: BudgetSettings, durable: bool
) -> Ledger:
    """Return the ledger of the device in a folder; made, if there is none.

    Args:
        home: the device's folder.
        store: its behaviour store, one of the witnesses.
        settings: the budget.
        durable: every debit waits for the disk, and witnesses watch; only a simulation, which can
            be run again and has nobody to protect, turns it off.

    Raises:
        StoreError: the ledger or a witness cannot be opened, or the ledger is damaged.
    """
    durability = Durability.POWER_CUT if durable else Durability.NOTHING
    database = home.database(LEDGER, migrations=MIGRATIONS, durability=durability)
    witnesses: tuple[Witness, ...] = ()
    if durable:
        database.execute("PRAGMA synchronous = EXTRA")
        witnesses = (
            FileWitness(default_witness_path(home.path)),
            StoreWitness(
                lambda: store.value(MARK), lambda content: store.save_value(MARK, content)
            ),
        )
    return Ledger(database, settings=settings, witnesses=witnesses)


def settle_ledger(home: DeviceFolder, contents: Mapping[str, Any], *, durable: bool) -> None:
    """Make the ledger of a new device what the ledger of another one was.

    A witness that knows of an earlier ledger in this folder is left as it is: opening the new one
    then means waiting.

    Args:
        home: the new device's folder.
        contents: as ``Ledger.contents`` gave them.
        durable: as in ``open_ledger``.

    Raises:
        StoreError: the contents are not a whole ledger, or cannot be written.
    """
    durability = Durability.POWER_CUT if durable else Durability.NOTHING
    database = home.database(LEDGER, migrations=MIGRATIONS, durability=durability)
    journal = Journal(database)
    journal.replace_contents(contents)
    journal.require_whole()
    if durable:
        witness = FileWitness(default_witness_path(home.path))
        if witness.read() is None:
            witness.write(journal.mark())
    home.close_database(LEDGER)
