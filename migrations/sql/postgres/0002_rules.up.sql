-- Rules for every row of a model, changed at runtime. A change adds a row: the highest version of a rule counts,
-- and without a document it is removed. Its revision is that of the table, so a reader who knows one asks for
-- what came after. A document is json and not jsonb, since it is to come back as it was written.
CREATE TABLE IF NOT EXISTS celerysalt_rules (
    model    text        NOT NULL,
    rule_id  text        NOT NULL,
    version  bigint      NOT NULL,
    document json,
    revision bigint      NOT NULL,
    actor    text,
    at       timestamptz NOT NULL,
    PRIMARY KEY (model, rule_id, version)
);

CREATE INDEX IF NOT EXISTS celerysalt_rules_since ON celerysalt_rules (revision);

-- One row. A writer locks it and counts it up, so that revisions are committed in their order.
CREATE TABLE IF NOT EXISTS celerysalt_rules_revision (
    id       smallint PRIMARY KEY CHECK (id = 1),
    revision bigint   NOT NULL
);

INSERT INTO celerysalt_rules_revision (id, revision) VALUES (1, 0) ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION celerysalt_rules_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('celerysalt_rules', '');
    RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS celerysalt_rules_notify ON celerysalt_rules;
CREATE TRIGGER celerysalt_rules_notify AFTER INSERT ON celerysalt_rules
    FOR EACH STATEMENT EXECUTE FUNCTION celerysalt_rules_notify();
