-- What a handler has done, written in the handler's own transaction: a redelivery finds it and does nothing.
CREATE TABLE IF NOT EXISTS celerysalt_inbox (
    event_id   uuid        NOT NULL,
    handler    text        NOT NULL,
    handled_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, handler)
);

CREATE INDEX IF NOT EXISTS celerysalt_inbox_handled ON celerysalt_inbox (handled_at);
