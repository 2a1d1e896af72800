-- Portable between SQLite and PostgreSQL; `{sequence}` is the one difference (see migrations.rs).
-- Times are milliseconds since 1970 in UTC. Documents are JSON as text.

CREATE TABLE install (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    install_id TEXT NOT NULL,
    epoch BIGINT NOT NULL
);

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    created_at BIGINT NOT NULL
);

-- A family of refresh tokens: one sign-in on one device.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    token_hash TEXT NOT NULL UNIQUE,
    previous_hash TEXT,
    rotated_at BIGINT,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    ip TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX sessions_previous ON sessions (previous_hash);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE environments (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    base_domain TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id),
    name TEXT NOT NULL UNIQUE,
    schedulable BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    -- What `deploy this repository` finds an existing project by.
    source_key TEXT,
    version BIGINT NOT NULL,
    variables_version BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleting_at BIGINT
);
CREATE INDEX projects_source ON projects (source_key);

CREATE TABLE slots (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    environment_id TEXT NOT NULL REFERENCES environments (id),
    name TEXT NOT NULL,
    next_number BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    deleting_at BIGINT,
    UNIQUE (project_id, environment_id, name)
);

CREATE TABLE deployments (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    slot_id TEXT NOT NULL REFERENCES slots (id),
    number BIGINT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('QUEUED', 'BUILDING', 'PROVISIONING', 'PRODUCTION', 'INACTIVE', 'FAILED')),
    failure TEXT,
    generation BIGINT NOT NULL,
    node_id TEXT REFERENCES nodes (id),
    -- The node has, or may still have, something of it.
    on_node BOOLEAN NOT NULL,
    release_digest TEXT,
    limits TEXT NOT NULL,
    cancel_requested_at BIGINT,
    deadline BIGINT,
    timings TEXT NOT NULL,
    trigger_kind TEXT NOT NULL,
    created_by TEXT NOT NULL,
    work TEXT NOT NULL,
    report TEXT,
    report_sequence BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (slot_id, number),
    CHECK ((state = 'FAILED') = (failure IS NOT NULL)),
    CHECK ((state IN ('QUEUED', 'BUILDING', 'PROVISIONING')) = (deadline IS NOT NULL))
);
-- The promise itself: whatever the code does, a slot has one live deployment.
CREATE UNIQUE INDEX deployments_one_live ON deployments (slot_id) WHERE state = 'PRODUCTION';
CREATE INDEX deployments_state ON deployments (state);
CREATE INDEX deployments_node ON deployments (node_id) WHERE on_node;
CREATE INDEX deployments_project ON deployments (project_id, created_at, id);

CREATE TABLE releases (
    digest TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    body TEXT NOT NULL,
    plan TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE variables (
    project_id TEXT NOT NULL REFERENCES projects (id),
    key TEXT NOT NULL,
    -- Sealed when secret.
    value TEXT NOT NULL,
    secret BOOLEAN NOT NULL,
    exposure TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, key)
);

-- The outbox: written in the transaction of what it tells, read by everybody who listens.
CREATE TABLE events (
    sequence {sequence},
    deployment_id TEXT NOT NULL,
    project_name TEXT NOT NULL,
    slot_name TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    failure TEXT,
    at BIGINT NOT NULL
);
CREATE INDEX events_deployment ON events (deployment_id, sequence);

CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    -- NULL while the request is being carried out.
    status BIGINT,
    body TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (principal, key)
);
