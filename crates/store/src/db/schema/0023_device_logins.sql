-- Sign-ins of a command line that somebody confirms in a browser. A row is gone when the answer was fetched.

CREATE TABLE device_logins (
    -- What the command line proves; it is told once and not kept here.
    device_hash TEXT PRIMARY KEY,
    -- What the person types or compares.
    user_code TEXT NOT NULL UNIQUE,
    -- What the command line says it is, and where it asked from.
    name TEXT NOT NULL,
    ip TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    polled_at BIGINT,
    -- Who answered, and what; nobody yet when empty.
    answered_by TEXT,
    approved BOOLEAN NOT NULL
);
