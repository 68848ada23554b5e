-- History: what a save did to a field, written in the save's own transaction. The row is named as in the outbox,
-- by its aggregate; values stand in the form of event data, null for none. What nobody bounds is TEXT: a save must not fail
-- because its actor has a long name.
CREATE TABLE IF NOT EXISTS celerysalt_transitions (
    id             CHAR(36)     NOT NULL PRIMARY KEY CHECK (CHAR_LENGTH(id) = 36),
    model          VARCHAR(191) NOT NULL,
    aggregate      VARCHAR(700) NOT NULL,
    operation      VARCHAR(32)  NOT NULL,
    field          TEXT         NOT NULL,
    old_value      LONGTEXT,
    new_value      LONGTEXT,
    rule_id        VARCHAR(255),
    event_id       CHAR(36),
    actor          TEXT,
    at             DATETIME(6)  NOT NULL,
    correlation_id TEXT,
    INDEX celerysalt_transitions_row (aggregate, at, id),
    INDEX celerysalt_transitions_model (model, at, id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
