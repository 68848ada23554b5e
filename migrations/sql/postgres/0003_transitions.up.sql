-- History: what a save did to a field, written in the save's own transaction. The row is named as in the outbox,
-- by its aggregate; values stand in the form of event data, null for none.
CREATE TABLE IF NOT EXISTS celerysalt_transitions (
    id             uuid        PRIMARY KEY,
    model          text        NOT NULL,
    aggregate      text        NOT NULL,
    operation      text        NOT NULL,
    field          text        NOT NULL,
    old_value      jsonb,
    new_value      jsonb,
    rule_id        text,
    event_id       uuid,
    actor          text,
    at             timestamptz NOT NULL,
    correlation_id text
);

CREATE INDEX IF NOT EXISTS celerysalt_transitions_row ON celerysalt_transitions (aggregate, at, id);

CREATE INDEX IF NOT EXISTS celerysalt_transitions_model ON celerysalt_transitions (model, at, id);
