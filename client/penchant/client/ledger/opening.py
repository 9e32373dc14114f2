"""Opening the ledger of a device: its database, under a key of its own, and its witnesses."""

from penchant.client.ledger.journal import MIGRATIONS
from penchant.client.ledger.ledger import Ledger
from penchant.client.ledger.settings import BudgetSettings
from penchant.client.ledger.witness import (
    FileWitness,
    StoreWitness,
    Witness,
    default_witness_path,
)
from penchant.client.storage import DeviceFolder, Durability, Store

__all__ = ["LEDGER", "open_ledger"]

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
