-- Rules for every row of a model, changed at runtime. A change adds a row: the highest version of a rule counts,
-- and without a document it is removed. Its revision is that of the table, so a reader who knows one asks for
-- what came after. Names are the bytes of their UTF-8: to text, `a` and `a` with a space behind it are the same.
CREATE TABLE IF NOT EXISTS celerysalt_rules (
    model    VARBINARY(764)  NOT NULL,
    rule_id  VARBINARY(1020) NOT NULL,
    version  BIGINT          NOT NULL,
    document LONGTEXT,
    revision BIGINT          NOT NULL,
    actor    TEXT,
    at       DATETIME(6)     NOT NULL,
    PRIMARY KEY (model, rule_id, version),
    INDEX celerysalt_rules_since (revision)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row. A writer locks it and counts it up, so that revisions are committed in their order.
CREATE TABLE IF NOT EXISTS celerysalt_rules_revision (
    id       SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT   NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO celerysalt_rules_revision (id, revision) VALUES (1, 0) ON DUPLICATE KEY UPDATE id = id;
