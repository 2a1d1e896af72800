-- The nodes that run further replicas of a deployment's services. To such a node its share is a deployment of its own.
CREATE TABLE shares (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL REFERENCES deployments (id),
    node_id TEXT NOT NULL REFERENCES nodes (id),
    -- A document: numbers of replicas, by step.
    replicas TEXT NOT NULL,
    reserved_memory_mb BIGINT NOT NULL,
    reserved_cpu_milli BIGINT NOT NULL,
    -- The node has, or may still have, something of it.
    on_node BOOLEAN NOT NULL,
    report TEXT,
    report_sequence BIGINT NOT NULL,
    -- The share of another node that this one takes over, and since when a share that was taken over gets no visitors.
    replaces TEXT,
    retired_at BIGINT
);
CREATE INDEX shares_deployment ON shares (deployment_id);
CREATE INDEX shares_node ON shares (node_id, on_node);
