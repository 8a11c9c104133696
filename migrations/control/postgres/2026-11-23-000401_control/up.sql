-- The generation of the route table: raised with every change of a placement, in the same transaction.
CREATE TABLE route_generations (
    id         INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    generation BIGINT NOT NULL CHECK (generation >= 0)
);

-- Where each module runs. Without a row it runs in the home process.
CREATE TABLE placements (
    module         TEXT PRIMARY KEY NOT NULL,
    epoch          BIGINT NOT NULL CHECK (epoch >= 1),
    node_id        TEXT,
    weight         INTEGER NOT NULL CHECK (weight BETWEEN 0 AND 100),
    callers_remote BOOLEAN NOT NULL,
    workers_remote BOOLEAN NOT NULL,
    shadow_percent INTEGER NOT NULL CHECK (shadow_percent BETWEEN 0 AND 100),
    CHECK (node_id IS NOT NULL OR (weight = 0 AND NOT callers_remote AND NOT workers_remote AND shadow_percent = 0))
);

-- Processes that host modules for the home.
CREATE TABLE nodes (
    id            TEXT PRIMARY KEY NOT NULL,
    url           TEXT NOT NULL,
    modules       TEXT NOT NULL,
    version       TEXT NOT NULL,
    spawned       BOOLEAN NOT NULL,
    registered_at BIGINT NOT NULL
);

-- Changes of a module's placement; at most one runs for a module.
CREATE TABLE operations (
    id        TEXT PRIMARY KEY NOT NULL,
    module    TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('extract', 'absorb')),
    plan      TEXT NOT NULL,
    phase     TEXT NOT NULL,
    node_id   TEXT,
    reason    TEXT,
    cancelled BOOLEAN NOT NULL,
    began_at  BIGINT NOT NULL,
    phase_at  BIGINT NOT NULL,
    ended_at  BIGINT
);
CREATE UNIQUE INDEX operations_one_running ON operations (module) WHERE ended_at IS NULL;

-- Who did what to the placements.
CREATE TABLE audit_log (
    id      TEXT PRIMARY KEY NOT NULL,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    module  TEXT,
    details TEXT NOT NULL
);
