-- The catalogue that admins keep, and the pipelines of projects.

CREATE TABLE registries (
    name TEXT PRIMARY KEY,
    -- As images name it: 'ghcr.io', 'registry.example.com:5000'.
    host TEXT NOT NULL UNIQUE,
    plain_http BOOLEAN NOT NULL,
    -- Hosts other than its own that may get the credentials for a token; a document.
    token_servers TEXT NOT NULL,
    username TEXT,
    -- Sealed.
    password TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((username IS NULL) = (password IS NULL))
);

CREATE TABLE catalogue (
    kind TEXT NOT NULL CHECK (kind IN ('service', 'plugin', 'template')),
    name TEXT NOT NULL,
    -- What it is found by in a pipeline: a plugin's image, otherwise the name.
    lookup TEXT NOT NULL,
    body TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name),
    UNIQUE (kind, lookup)
);

-- A version never changes: rows are inserted, and go with their project.
CREATE TABLE pipeline_versions (
    project_id TEXT NOT NULL REFERENCES projects (id),
    number BIGINT NOT NULL,
    body TEXT NOT NULL,
    -- Whether it asks for what only an admin may give. Who saved it was one.
    elevated BOOLEAN NOT NULL,
    message TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, number)
);
