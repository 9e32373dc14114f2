"""The behaviour store's schema: one migration a version; released ones never change."""

from penchant.client.storage.database import Migration

__all__ = ["BEHAVIOUR"]

BEHAVIOUR: tuple[Migration, ...] = (
    """
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- an id that was forgotten is never given again
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item TEXT,
    text TEXT,
    language TEXT,
    embedding BLOB
);
CREATE INDEX event_time ON event (time, id);
CREATE INDEX event_item ON event (item) WHERE item IS NOT NULL;
CREATE TABLE value (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE private_vector (
    model TEXT NOT NULL,
    round INTEGER NOT NULL,
    event_private INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (model, round)
) WITHOUT ROWID;
CREATE TABLE trained_round (
    model TEXT NOT NULL,
    round INTEGER NOT NULL,
    event_private INTEGER NOT NULL,
    task BLOB NOT NULL,
    seed BLOB NOT NULL,
    watermark INTEGER NOT NULL,
    PRIMARY KEY (model, round)
);
""",
    """
CREATE TABLE cleaning (event INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (event, kind))
    WITHOUT ROWID;
""",
)
