DROP TABLE IF EXISTS celerysalt_rules_revision;
DROP TABLE IF EXISTS celerysalt_rules;
DROP FUNCTION IF EXISTS celerysalt_rules_notify();
