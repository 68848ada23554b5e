-- What a handler has done, written in the handler's own transaction: a redelivery finds it and does nothing.
CREATE TABLE IF NOT EXISTS celerysalt_inbox (
    event_id   CHAR(36)     NOT NULL CHECK (CHAR_LENGTH(event_id) = 36),
    handler    VARCHAR(512) NOT NULL,
    handled_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (event_id, handler),
    INDEX celerysalt_inbox_handled (handled_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
