-- MySQL 8.0.16 and newer, MariaDB 10.6 and newer.
--
-- Text compares by code point, whatever the server's default: topics and aggregates differ by case. (Trailing
-- spaces do not count: no binary collation that both databases have counts them.)
-- Ids are 36 characters of text, as SeaORM, Diesel and sqlx can all bind them; of the same character set as the
-- rest, so that no comparison with a parameter converts the column and passes its index by.
-- Instants are UTC in DATETIME: a TIMESTAMP would be read in the session's time zone, and ends in 2038.
-- JSON is LONGTEXT. MySQL's own type makes doubles of wider numbers and refuses text that a driver binds as bytes;
-- MariaDB's is LONGTEXT with a check that refuses what is nested more than 31 deep, and a save must not fail of that.
-- Indexes stand in CREATE TABLE, since MySQL has no CREATE INDEX IF NOT EXISTS. It has no partial indexes either:
-- what is open has two NULLs in front, and those rows lie together.

-- Events on their way. A saver inserts (id, topic, version, payload, meta, aggregate, created_at,
-- available_at) in the transaction of the row that caused them; the relay writes the rest.
CREATE TABLE IF NOT EXISTS celerysalt_outbox (
    seq              BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    id               CHAR(36)     NOT NULL UNIQUE CHECK (CHAR_LENGTH(id) = 36),
    topic            VARCHAR(255) NOT NULL,
    version          VARCHAR(255),
    payload          LONGTEXT     NOT NULL,
    meta             LONGTEXT     NOT NULL,
    aggregate        VARCHAR(700),
    created_at       DATETIME(6)  NOT NULL,
    available_at     DATETIME(6)  NOT NULL,
    attempts         INT          NOT NULL DEFAULT 0,
    last_error       LONGTEXT,
    progress         LONGTEXT     NOT NULL DEFAULT ('{}'),
    targets          LONGTEXT,
    claim            CHAR(36),
    claimed_until    DATETIME(6),
    lost_claims      INT          NOT NULL DEFAULT 0,
    unroutable_since DATETIME(6),
    published_at     DATETIME(6),
    unrouted_at      DATETIME(6),
    -- Open events in order; closed ones by age.
    INDEX celerysalt_outbox_open (published_at, unrouted_at, seq),
    -- The open events of an aggregate, in order.
    INDEX celerysalt_outbox_aggregate (aggregate, published_at, unrouted_at, seq)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Events that a handler gave up. handler is null when the event itself is at fault.
CREATE TABLE IF NOT EXISTS celerysalt_dead_letters (
    id          CHAR(36)     NOT NULL PRIMARY KEY,
    event_id    CHAR(36)     NOT NULL,
    topic       VARCHAR(255) NOT NULL,
    envelope    LONGTEXT     NOT NULL,
    handler     VARCHAR(512),
    attempts    INT          NOT NULL,
    error       LONGTEXT     NOT NULL,
    origin      VARCHAR(255) NOT NULL,
    died_at     DATETIME(6)  NOT NULL,
    replayed_at DATETIME(6),
    -- An index of an expression is not to be had on MariaDB.
    handler_key VARCHAR(512) GENERATED ALWAYS AS (COALESCE(handler, '')) STORED,
    UNIQUE INDEX celerysalt_dead_letters_event (event_id, handler_key),
    INDEX celerysalt_dead_letters_died (died_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Rows whose fired events still travel in the row itself, to be moved to the outbox.
CREATE TABLE IF NOT EXISTS celerysalt_pending (
    id         CHAR(36)     NOT NULL PRIMARY KEY,
    model      VARCHAR(191) NOT NULL,
    row_key    LONGTEXT,
    operation  VARCHAR(32)  NOT NULL,
    events     LONGTEXT,
    created_at DATETIME(6)  NOT NULL,
    INDEX celerysalt_pending_created (created_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
