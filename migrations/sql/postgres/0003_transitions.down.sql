DROP TABLE IF EXISTS celerysalt_transitions;
