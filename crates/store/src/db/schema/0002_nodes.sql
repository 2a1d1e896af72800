-- Room on nodes, and nodes on other machines.

-- What of its node's room is promised to a deployment, as long as the node may have something of it.
ALTER TABLE deployments ADD COLUMN reserved_memory_mb BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN reserved_cpu_milli BIGINT NOT NULL DEFAULT 0;

-- Its deployments are being moved to other nodes.
ALTER TABLE nodes ADD COLUMN draining BOOLEAN NOT NULL DEFAULT FALSE;
