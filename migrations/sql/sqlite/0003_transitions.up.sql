-- History: what a save did to a field, written in the save's own transaction. The row is named as in the outbox,
-- by its aggregate; values stand in the form of event data, null for none.
CREATE TABLE IF NOT EXISTS celerysalt_transitions (
    id             TEXT NOT NULL PRIMARY KEY CHECK (typeof(id) = 'text' AND length(id) = 36),
    model          TEXT NOT NULL,
    aggregate      TEXT NOT NULL,
    operation      TEXT NOT NULL,
    field          TEXT NOT NULL,
    old_value      TEXT,
    new_value      TEXT,
    rule_id        TEXT,
    event_id       TEXT CHECK (typeof(event_id) IN ('text', 'null')),
    actor          TEXT,
    at             TEXT NOT NULL
        CHECK (at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'),
    correlation_id TEXT
);

CREATE INDEX IF NOT EXISTS celerysalt_transitions_row ON celerysalt_transitions (aggregate, at, id);

CREATE INDEX IF NOT EXISTS celerysalt_transitions_model ON celerysalt_transitions (model, at, id);
