-- How long slots live without activity, in seconds; 0 for ever, NULL where nothing is said.

ALTER TABLE environments ADD COLUMN lifetime_s BIGINT;
ALTER TABLE slots ADD COLUMN lifetime_s BIGINT;
-- NULL for ever.
ALTER TABLE slots ADD COLUMN expires_at BIGINT;
CREATE INDEX slots_expiring ON slots (expires_at) WHERE expires_at IS NOT NULL;
