-- Rules for every row of a model, changed at runtime. A change adds a row: the highest version of a rule counts,
-- and without a document it is removed. Its revision is that of the table, so a reader who knows one asks for
-- what came after.
CREATE TABLE IF NOT EXISTS celerysalt_rules (
    model    TEXT    NOT NULL,
    rule_id  TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    document TEXT,
    revision INTEGER NOT NULL,
    actor    TEXT,
    at       TEXT    NOT NULL
        CHECK (at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z'),
    PRIMARY KEY (model, rule_id, version)
);

CREATE INDEX IF NOT EXISTS celerysalt_rules_since ON celerysalt_rules (revision);

-- One row. A writer counts it up, so that revisions are committed in their order.
CREATE TABLE IF NOT EXISTS celerysalt_rules_revision (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
);

INSERT OR IGNORE INTO celerysalt_rules_revision (id, revision) VALUES (1, 0);
