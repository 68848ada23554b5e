DROP TABLE IF EXISTS celerysalt_pending;
DROP TABLE IF EXISTS celerysalt_dead_letters;
DROP TABLE IF EXISTS celerysalt_outbox;
