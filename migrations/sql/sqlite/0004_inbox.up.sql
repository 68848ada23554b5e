-- What a handler has done, written in the handler's own transaction: a redelivery finds it and does nothing.
CREATE TABLE IF NOT EXISTS celerysalt_inbox (
    event_id   TEXT NOT NULL CHECK (typeof(event_id) = 'text' AND length(event_id) = 36),
    handler    TEXT NOT NULL,
    handled_at TEXT NOT NULL
        CHECK (handled_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'),
    PRIMARY KEY (event_id, handler)
);

CREATE INDEX IF NOT EXISTS celerysalt_inbox_handled ON celerysalt_inbox (handled_at);
