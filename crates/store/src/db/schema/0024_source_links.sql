-- Accounts at GitHub that people have connected: with their tokens it is seen what they may enter there.
CREATE TABLE github_connections (
    user_id TEXT PRIMARY KEY,
    github_id BIGINT NOT NULL,
    login TEXT NOT NULL,
    -- Sealed: the token, and the one that renews it.
    token TEXT NOT NULL,
    expires_at BIGINT,
    refresh_token TEXT,
    connected_at BIGINT NOT NULL
);

-- How projects speak with the service that has their repository: through an app's installation, or with a token.
CREATE TABLE source_links (
    project_id TEXT PRIMARY KEY REFERENCES projects (id),
    -- 'github_app', 'github', 'gitlab', 'gitea'.
    provider TEXT NOT NULL,
    api_url TEXT NOT NULL,
    -- The repository that it was made for: another one is not spoken of.
    place TEXT NOT NULL,
    -- As the service names it: `team/shop`.
    repository TEXT NOT NULL,
    repository_id BIGINT NOT NULL,
    -- Of the app.
    installation BIGINT,
    -- Whose project it was when somebody proved that they may; a document. Given to others, it has to be proved again.
    owner TEXT NOT NULL,
    -- The token, sealed; NULL for an app.
    token TEXT,
    -- The webhook that was made there.
    hook TEXT,
    -- Why it cannot be used.
    trouble TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX source_links_installation ON source_links (installation);

-- Tokens of an app's installation: each for one project's repository and one purpose, sealed, for an hour.
CREATE TABLE installation_tokens (
    project_id TEXT NOT NULL REFERENCES projects (id),
    -- 'read' for nodes, 'write' for what is told.
    purpose TEXT NOT NULL,
    sealed TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, purpose)
);
