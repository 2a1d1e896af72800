-- What makes projects deploy by themselves: webhooks, and references of repositories that are followed.

-- Host and path of its repository, however the address is written: what a webhook finds a project by.
ALTER TABLE projects ADD COLUMN repository TEXT;
CREATE INDEX projects_repository ON projects (repository);

-- What webhooks of one project are signed with. Sealed.
CREATE TABLE hook_secrets (
    project_id TEXT PRIMARY KEY REFERENCES projects (id),
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Webhooks that were received, by the provider's own id.
CREATE TABLE deliveries (
    provider TEXT NOT NULL,
    -- Id of the project whose secret signed it; empty for the installation's own.
    scope TEXT NOT NULL,
    delivery TEXT NOT NULL,
    event TEXT NOT NULL,
    repository TEXT,
    -- What followed, for people.
    outcome TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (provider, scope, delivery)
);
CREATE INDEX deliveries_received ON deliveries (received_at);

-- A branch that deploys when it moves: what was dealt with, and when to look again.
CREATE TABLE followed (
    project_id TEXT NOT NULL REFERENCES projects (id),
    -- As git names it: 'HEAD' for the default branch, 'refs/heads/main'.
    reference TEXT NOT NULL,
    slot_name TEXT NOT NULL,
    -- The commit that was dealt with last; NULL before the first one.
    accepted TEXT,
    -- Where it was at the first look: what was there before is not made up for by the clock.
    baseline TEXT,
    -- What somebody asked to look for; a document. NULL when nobody did since the last look.
    asked TEXT,
    -- Counts who asked, so that a look knows whether somebody asked meanwhile.
    asks BIGINT NOT NULL,
    look_at BIGINT NOT NULL,
    looked_at BIGINT,
    -- Looks in a row that did not find what they should.
    tries BIGINT NOT NULL,
    -- What the last look came to, for people.
    outcome TEXT,
    problem TEXT,
    PRIMARY KEY (project_id, reference)
);
CREATE INDEX followed_look ON followed (look_at);
