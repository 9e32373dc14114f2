"""The schema of the server's records: one migration a version; released ones never change."""

__all__ = ["MIGRATIONS"]

MIGRATIONS: tuple[str, ...] = (
    """
CREATE TABLE code (
    secret_hash TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    expires REAL NOT NULL,
    used REAL
) WITHOUT ROWID;
CREATE TABLE round (
    number INTEGER PRIMARY KEY,
    mechanism TEXT NOT NULL,
    started REAL NOT NULL,
    finished REAL,
    cohort INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    rejected INTEGER NOT NULL DEFAULT 0,
    void INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 1,
    epsilon REAL
);
CREATE TABLE refusal (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE trouble (id INTEGER PRIMARY KEY, time REAL NOT NULL, text TEXT NOT NULL);
CREATE TABLE switch (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
""",
    """
CREATE TABLE measure (
    round INTEGER PRIMARY KEY,
    hits REAL NOT NULL,
    gains REAL NOT NULL,
    devices REAL NOT NULL,
    deviation REAL NOT NULL
);
""",
)
