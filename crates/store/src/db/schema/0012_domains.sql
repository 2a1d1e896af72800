-- Hostnames of their own that projects claim. Anybody may claim; who has proved it holds the hostname alone.
CREATE TABLE domains (
    host TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    slot TEXT NOT NULL,
    -- What has to be in DNS: of this claim only.
    proof TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'verified', 'failed')),
    -- What the last look found, in words.
    explanation TEXT NOT NULL,
    tries BIGINT NOT NULL,
    lost_since BIGINT,
    checked_at BIGINT,
    next_check_at BIGINT NOT NULL,
    verified_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (host, project_id)
);
CREATE UNIQUE INDEX domains_held ON domains (host) WHERE state = 'verified';
CREATE INDEX domains_due ON domains (next_check_at);
CREATE INDEX domains_project ON domains (project_id);
