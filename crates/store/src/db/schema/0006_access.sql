-- Teams, and who may do what.

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE team_members (
    team_id TEXT NOT NULL REFERENCES teams (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'viewer')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_user ON team_members (user_id);

CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    -- Without one, it is into the installation only.
    team_id TEXT REFERENCES teams (id),
    -- Lower case. Only who signs in with it can accept.
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'developer', 'viewer')),
    token_hash TEXT NOT NULL UNIQUE,
    invited_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    answer TEXT CHECK (answer IN ('accepted', 'declined', 'withdrawn')),
    answered_at BIGINT,
    CHECK ((answer IS NULL) = (answered_at IS NULL))
);
CREATE UNIQUE INDEX invitations_open ON invitations (team_id, email) WHERE answer IS NULL;
CREATE INDEX invitations_email ON invitations (email);

-- A team may do this with a project or an environment; to look at it is always included.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    team_id TEXT NOT NULL REFERENCES teams (id),
    project_id TEXT REFERENCES projects (id),
    environment_id TEXT REFERENCES environments (id),
    may_write BOOLEAN NOT NULL,
    may_delete BOOLEAN NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CHECK ((project_id IS NULL) <> (environment_id IS NULL)),
    UNIQUE (team_id, project_id),
    UNIQUE (team_id, environment_id)
);
CREATE INDEX grants_project ON grants (project_id);
CREATE INDEX grants_environment ON grants (environment_id);

-- A project is somebody's or a team's. With neither, only admins see it.
ALTER TABLE projects ADD COLUMN owner_user_id TEXT REFERENCES users (id);
ALTER TABLE projects ADD COLUMN owner_team_id TEXT REFERENCES teams (id);
UPDATE projects SET owner_user_id = (SELECT users.id FROM users WHERE users.email = projects.created_by);
CREATE INDEX projects_owner_user ON projects (owner_user_id);
CREATE INDEX projects_owner_team ON projects (owner_team_id);

-- Whether everybody who is signed in may deploy there. Environments that were there before were open.
ALTER TABLE environments ADD COLUMN open_to_all BOOLEAN NOT NULL DEFAULT TRUE;

-- Somebody who may not sign in any more, and since when it is known that the address is theirs.
ALTER TABLE users ADD COLUMN disabled_at BIGINT;
ALTER TABLE users ADD COLUMN verified_at BIGINT;
UPDATE users SET verified_at = created_at;

-- Who did what, when, from where: written in the transaction of what it tells, and never changed.
CREATE TABLE audit (
    sequence {sequence},
    at BIGINT NOT NULL,
    actor_id TEXT NOT NULL,
    -- The address at that time.
    actor TEXT NOT NULL,
    -- The session or token that was used.
    via TEXT NOT NULL,
    ip TEXT,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    -- Its name at that time.
    target TEXT NOT NULL,
    -- Where it belongs to one.
    project_id TEXT,
    -- Documents without secrets.
    before TEXT,
    after TEXT
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_actor ON audit (actor_id, sequence);
CREATE INDEX audit_target ON audit (target_id, sequence);
CREATE INDEX audit_project ON audit (project_id, sequence);
