"""What a device keeps, encrypted: keys, databases, and the behaviour store on them."""

from penchant.client.storage.database import Database, Durability, Migration
from penchant.client.storage.folder import DeviceFolder
from penchant.client.storage.keys import KeyFile, KeySource, Passphrase, RawKey
from penchant.client.storage.keystore import OsKeyStore
from penchant.client.storage.rekeying import change_keys
from penchant.client.storage.sealing import seal, unseal
from penchant.client.storage.secrets import Secret
from penchant.client.storage.sqlitestore import SqliteStore
from penchant.client.storage.store import Store, StoredEvent, TrainedRound
from penchant.client.storage.transfer import dumped, restore

__all__ = [
    "Database",
    "DeviceFolder",
    "Durability",
    "KeyFile",
    "KeySource",
    "Migration",
    "OsKeyStore",
    "Passphrase",
    "RawKey",
    "Secret",
    "SqliteStore",
    "Store",
    "StoredEvent",
    "TrainedRound",
    "change_keys",
    "dumped",
    "restore",
    "seal",
    "unseal",
]
