-- Events on their way. A saver inserts (id, topic, version, payload, meta, aggregate, created_at,
-- available_at) in the transaction of the row that caused them; the relay writes the rest.
-- The fill factor leaves room for claims to stay on the row's page (HOT updates).
CREATE TABLE IF NOT EXISTS celerysalt_outbox (
    seq              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id               uuid        NOT NULL UNIQUE,
    topic            text        NOT NULL,
    version          text,
    payload          jsonb       NOT NULL,
    meta             jsonb       NOT NULL,
    aggregate        text,
    created_at       timestamptz NOT NULL,
    available_at     timestamptz NOT NULL,
    attempts         integer     NOT NULL DEFAULT 0,
    last_error       text,
    progress         jsonb       NOT NULL DEFAULT '{}',
    targets          jsonb,
    claim            uuid,
    claimed_until    timestamptz,
    lost_claims      integer     NOT NULL DEFAULT 0,
    unroutable_since timestamptz,
    published_at     timestamptz,
    unrouted_at      timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX IF NOT EXISTS celerysalt_outbox_open ON celerysalt_outbox (seq)
    WHERE published_at IS NULL AND unrouted_at IS NULL;

CREATE INDEX IF NOT EXISTS celerysalt_outbox_aggregate ON celerysalt_outbox (aggregate, seq)
    WHERE published_at IS NULL AND unrouted_at IS NULL AND aggregate IS NOT NULL;

CREATE INDEX IF NOT EXISTS celerysalt_outbox_closed
    ON celerysalt_outbox ((COALESCE(published_at, unrouted_at)))
    WHERE published_at IS NOT NULL OR unrouted_at IS NOT NULL;

CREATE OR REPLACE FUNCTION celerysalt_outbox_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('celerysalt_outbox', '');
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS celerysalt_outbox_notify ON celerysalt_outbox;
CREATE TRIGGER celerysalt_outbox_notify AFTER INSERT ON celerysalt_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION celerysalt_outbox_notify();

-- Events that a handler gave up. handler is null when the event itself is at fault.
CREATE TABLE IF NOT EXISTS celerysalt_dead_letters (
    id          uuid        PRIMARY KEY,
    event_id    uuid        NOT NULL,
    topic       text        NOT NULL,
    envelope    jsonb       NOT NULL,
    handler     text,
    attempts    integer     NOT NULL,
    error       text        NOT NULL,
    origin      text        NOT NULL,
    died_at     timestamptz NOT NULL,
    replayed_at timestamptz
);

CREATE UNIQUE INDEX IF NOT EXISTS celerysalt_dead_letters_event
    ON celerysalt_dead_letters (event_id, COALESCE(handler, ''));

CREATE INDEX IF NOT EXISTS celerysalt_dead_letters_died ON celerysalt_dead_letters (died_at);

-- Rows whose fired events still travel in the row itself, to be moved to the outbox.
CREATE TABLE IF NOT EXISTS celerysalt_pending (
    id         uuid        PRIMARY KEY,
    model      text        NOT NULL,
    row_key    jsonb,
    operation  text        NOT NULL,
    events     jsonb,
    created_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS celerysalt_pending_created ON celerysalt_pending (created_at);
