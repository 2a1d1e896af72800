-- Ingresses on machines of their own: by what they are known.
CREATE TABLE ingresses (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- A key derived from its token, sealed. NULL when the token was revoked.
    token_key TEXT,
    -- SHA-256 of its certificate, once both sides have proved the token.
    thumbprint TEXT,
    first_online_at BIGINT,
    created_at BIGINT NOT NULL
);
