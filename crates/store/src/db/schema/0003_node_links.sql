-- Nodes on other machines: how they are reached, and by what they are known.

-- 'local' (in the control plane's process), 'control' (it dials the agent), 'agent' (the agent dials it).
ALTER TABLE nodes ADD COLUMN dial TEXT NOT NULL DEFAULT 'local' CHECK (dial IN ('local', 'control', 'agent'));
-- host:port of the agent, when it is dialled.
ALTER TABLE nodes ADD COLUMN address TEXT;
-- A key derived from the agent's token, sealed. NULL when the token was revoked.
ALTER TABLE nodes ADD COLUMN token_key TEXT;
-- SHA-256 of the agent's certificate, once both sides have proved the token.
ALTER TABLE nodes ADD COLUMN thumbprint TEXT;
ALTER TABLE nodes ADD COLUMN first_online_at BIGINT;
