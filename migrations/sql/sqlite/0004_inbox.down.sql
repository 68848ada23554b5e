DROP TABLE IF EXISTS celerysalt_inbox;
