-- Webhooks at services that nobody needs any more, until they are taken away there. They outlive their project and its link.
CREATE TABLE hook_removals (
    -- The token was sealed for it.
    project_id TEXT NOT NULL,
    -- As the service calls it.
    hook TEXT NOT NULL,
    provider TEXT NOT NULL,
    api_url TEXT NOT NULL,
    repository TEXT NOT NULL,
    repository_id BIGINT NOT NULL,
    -- Sealed.
    token TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, hook)
);
CREATE INDEX hook_removals_due ON hook_removals (next_at);
