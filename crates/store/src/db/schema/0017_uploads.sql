-- What a project's people handed over. Only that counts as being there: whoever knows the digest of somebody else's file does
-- not get the file for it.
CREATE TABLE uploaded (
    project_id TEXT NOT NULL REFERENCES projects (id),
    digest TEXT NOT NULL,
    uploaded_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, digest)
);

-- The pull request that a followed reference belongs to; a document.
ALTER TABLE followed ADD COLUMN pull TEXT;
