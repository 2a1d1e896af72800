-- Refresh tokens that were exchanged: one that comes again, however old, tells that somebody has a copy.

CREATE TABLE rotated_tokens (
    hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    rotated_at BIGINT NOT NULL
);
CREATE INDEX rotated_tokens_session ON rotated_tokens (session_id);
