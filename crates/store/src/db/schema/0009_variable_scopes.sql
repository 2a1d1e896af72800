-- Variables of an environment and of slots, beside those of the whole project. Both are empty where a variable holds for all;
-- a slot is a name, or the beginning of names and `*`. A primary key cannot be changed in both databases, so the rows move.

CREATE TABLE scoped_variables (
    project_id TEXT NOT NULL REFERENCES projects (id),
    environment_id TEXT NOT NULL,
    slot TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Sealed when secret.
    value TEXT NOT NULL,
    secret BOOLEAN NOT NULL,
    exposure TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, environment_id, slot, key),
    CHECK (slot = '' OR environment_id <> '')
);
INSERT INTO scoped_variables (project_id, environment_id, slot, key, value, secret, exposure, updated_at)
    SELECT project_id, '', '', key, value, secret, exposure, updated_at FROM variables;
DROP TABLE variables;
ALTER TABLE scoped_variables RENAME TO variables;
