-- Figures over time: in each stretch of time in one row of one tier, finer ones of what is new.
CREATE TABLE figures (
    -- A slot, or a node.
    owner TEXT NOT NULL,
    -- Seconds of one point.
    tier BIGINT NOT NULL,
    -- Unix seconds.
    starts_at BIGINT NOT NULL,
    -- Several writes may speak of one stretch. Grows with each write.
    part BIGINT NOT NULL,
    -- A document: points, by their time.
    points TEXT NOT NULL,
    PRIMARY KEY (owner, tier, starts_at, part)
) {clustered};

-- How far each process that counts was heard: what comes twice counts once.
CREATE TABLE figure_sources (
    run BIGINT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    heard_at BIGINT NOT NULL
);

-- When services slept, and how deeply.
CREATE TABLE rests (
    deployment_id TEXT NOT NULL,
    began_at BIGINT NOT NULL,
    slot_id TEXT NOT NULL,
    depth TEXT NOT NULL,
    -- NULL while it lasts.
    ended_at BIGINT,
    PRIMARY KEY (deployment_id, began_at)
);
CREATE INDEX rests_slot ON rests (slot_id, began_at);
