-- Who may visit what a project shows, and how often.
CREATE TABLE visitor_rules (
    project_id TEXT NOT NULL PRIMARY KEY REFERENCES projects (id),
    -- A document.
    rules TEXT NOT NULL
);

-- What visitors may be let in by.
CREATE TABLE visitor_passwords (
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, name)
);
