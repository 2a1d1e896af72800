-- Certificates of hostnames, with their keys.
CREATE TABLE certificates (
    id TEXT PRIMARY KEY,
    -- Without one, it is for the installation's own names.
    project_id TEXT REFERENCES projects (id),
    source TEXT NOT NULL CHECK (source IN ('acme', 'uploaded')),
    -- A document; the first is the one it was ordered for.
    names TEXT NOT NULL,
    chain TEXT NOT NULL,
    -- Sealed.
    key TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX certificates_project ON certificates (project_id);

-- Names that an authority is asked to vouch for: one row for as long as the name is wanted.
CREATE TABLE certificate_orders (
    name TEXT PRIMARY KEY,
    project_id TEXT REFERENCES projects (id),
    -- When the next order is made: now, at a renewal, or after a failure.
    due_at BIGINT NOT NULL,
    -- Failures, one after the other.
    failures BIGINT NOT NULL,
    problem TEXT,
    -- Who is at it, and until when nobody else begins.
    holder TEXT,
    held_until BIGINT NOT NULL
);
CREATE INDEX certificate_orders_due ON certificate_orders (due_at);

-- Who we are at an authority.
CREATE TABLE acme_accounts (
    directory TEXT PRIMARY KEY,
    -- Sealed.
    credentials TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
