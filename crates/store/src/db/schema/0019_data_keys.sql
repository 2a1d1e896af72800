-- Keys that secrets are sealed with, each wrapped by the master key: by two of them while that is exchanged.

CREATE TABLE data_keys (
    id BIGINT NOT NULL,
    -- Which master key wrapped it: a name, nothing that it could be found out by.
    master TEXT NOT NULL,
    wrapped TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id, master)
);
