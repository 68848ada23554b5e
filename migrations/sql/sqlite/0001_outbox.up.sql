-- Events on their way. A saver inserts (id, topic, version, payload, meta, aggregate, created_at,
-- available_at) in the transaction of the row that caused them; the relay writes the rest.
-- Instants are UTC text, always `YYYY-MM-DDTHH:MM:SS.ffffffZ`, so that they sort; the checks keep
-- out writers that bind another form (or a UUID as a blob), which would never be found due.
CREATE TABLE IF NOT EXISTS celerysalt_outbox (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE CHECK (typeof(id) = 'text' AND length(id) = 36),
    topic            TEXT    NOT NULL,
    version          TEXT,
    payload          TEXT    NOT NULL,
    meta             TEXT    NOT NULL,
    aggregate        TEXT,
    created_at       TEXT    NOT NULL
        CHECK (created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'),
    available_at     TEXT    NOT NULL
        CHECK (available_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'),
    attempts         INTEGER NOT NULL DEFAULT 0,
    last_error       TEXT,
    progress         TEXT    NOT NULL DEFAULT '{}',
    targets          TEXT,
    claim            TEXT,
    claimed_until    TEXT,
    lost_claims      INTEGER NOT NULL DEFAULT 0,
    unroutable_since TEXT,
    published_at     TEXT,
    unrouted_at      TEXT
);

CREATE INDEX IF NOT EXISTS celerysalt_outbox_open ON celerysalt_outbox (seq)
    WHERE published_at IS NULL AND unrouted_at IS NULL;

CREATE INDEX IF NOT EXISTS celerysalt_outbox_aggregate ON celerysalt_outbox (aggregate, seq)
    WHERE published_at IS NULL AND unrouted_at IS NULL AND aggregate IS NOT NULL;

CREATE INDEX IF NOT EXISTS celerysalt_outbox_closed
    ON celerysalt_outbox (COALESCE(published_at, unrouted_at))
    WHERE published_at IS NOT NULL OR unrouted_at IS NOT NULL;

-- Events that a handler gave up. handler is null when the event itself is at fault.
CREATE TABLE IF NOT EXISTS celerysalt_dead_letters (
    id          TEXT    NOT NULL PRIMARY KEY,
    event_id    TEXT    NOT NULL,
    topic       TEXT    NOT NULL,
    envelope    TEXT    NOT NULL,
    handler     TEXT,
    attempts    INTEGER NOT NULL,
    error       TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    died_at     TEXT    NOT NULL,
    replayed_at TEXT
);

CREATE UNIQUE INDEX IF NOT EXISTS celerysalt_dead_letters_event
    ON celerysalt_dead_letters (event_id, COALESCE(handler, ''));

CREATE INDEX IF NOT EXISTS celerysalt_dead_letters_died ON celerysalt_dead_letters (died_at);

-- Rows whose fired events still travel in the row itself, to be moved to the outbox.
CREATE TABLE IF NOT EXISTS celerysalt_pending (
    id         TEXT NOT NULL PRIMARY KEY,
    model      TEXT NOT NULL,
    row_key    TEXT,
    operation  TEXT NOT NULL,
    events     TEXT,
    created_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS celerysalt_pending_created ON celerysalt_pending (created_at);
