-- Who is told when something happens to a project's deployments.
CREATE TABLE notice_endpoints (
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    -- 'standard', 'slack', 'discord'.
    format TEXT NOT NULL,
    -- Sealed: whoever knows it may write there.
    url TEXT NOT NULL,
    -- The part of it that may be shown.
    host TEXT NOT NULL,
    -- Of a standard one: what it is signed with, sealed.
    secret TEXT,
    -- Which kinds of events; a document.
    events TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, name)
);

-- What is to be told, and what came of it. Written in the transaction of what it tells.
CREATE TABLE notices (
    project_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    -- The same for each attempt: by it the receiver knows what it has seen already.
    id TEXT NOT NULL,
    -- What happened; a document.
    notice TEXT NOT NULL,
    -- What is sent, once it was composed: each attempt sends the same.
    body TEXT,
    -- 'pending', 'delivered', 'failed'.
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    -- When the next attempt is due; NULL when there is none.
    next_at BIGINT,
    -- What the last attempt came to, for people.
    answer TEXT,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (project_id, endpoint, id),
    FOREIGN KEY (project_id, endpoint) REFERENCES notice_endpoints (project_id, name)
);
CREATE INDEX notices_due ON notices (next_at);
CREATE INDEX notices_created ON notices (created_at);
