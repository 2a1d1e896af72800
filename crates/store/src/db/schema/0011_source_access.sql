-- How a project's repository is entered.
CREATE TABLE source_access (
    project_id TEXT PRIMARY KEY REFERENCES projects (id),
    -- 'token' or 'key'; NULL when there is no credential, only approved host keys.
    kind TEXT,
    -- Host and port that the credential is for.
    authority TEXT,
    username TEXT,
    -- The token or the private key, sealed.
    sealed TEXT,
    -- Of a key: the half that everybody may see.
    public_key TEXT,
    created_by TEXT,
    created_at BIGINT,
    -- Keys of ssh servers that somebody approved; a document.
    host_keys TEXT NOT NULL
);
