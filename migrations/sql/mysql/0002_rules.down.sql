DROP TABLE IF EXISTS celerysalt_rules_revision;
DROP TABLE IF EXISTS celerysalt_rules;
