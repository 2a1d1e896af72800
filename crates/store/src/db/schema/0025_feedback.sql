-- What is told of deployments to the services that have their repositories: one row for each deployment, with what it came to
-- and what was told of that. Written in the transaction of the change; a change that is overtaken by another is not told.
CREATE TABLE feedback (
    deployment_id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    -- States of deployments.
    state TEXT NOT NULL,
    told TEXT,
    -- What is known of the deployment, for when it is gone; a document.
    context TEXT,
    -- The deployment, as the service names it.
    remote TEXT,
    attempts BIGINT NOT NULL,
    -- When the next attempt is due; NULL when there is none.
    next_at BIGINT,
    -- What the last attempt came to, for people.
    answer TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX feedback_due ON feedback (next_at);
CREATE INDEX feedback_project ON feedback (project_id, created_at);

-- The one comment below a pull request.
CREATE TABLE feedback_comments (
    project_id TEXT NOT NULL REFERENCES projects (id),
    pull BIGINT NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (project_id, pull)
);
