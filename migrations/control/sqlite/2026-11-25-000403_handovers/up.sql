-- Where a module's data is (as configured, if nothing is said), and whether it is its nodes' alone.
ALTER TABLE placements ADD COLUMN store TEXT;
ALTER TABLE placements ADD COLUMN moved BOOLEAN NOT NULL DEFAULT FALSE;

-- Moves of a module together with its data; at most one has not ended for a module.
CREATE TABLE handovers (
    id        TEXT PRIMARY KEY NOT NULL,
    module    TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('extract', 'absorb')),
    plan      TEXT NOT NULL,
    epoch     BIGINT NOT NULL CHECK (epoch >= 1),
    state     TEXT NOT NULL,
    facts     TEXT NOT NULL,
    cancelled BOOLEAN NOT NULL,
    reason    TEXT,
    began_at  BIGINT NOT NULL,
    state_at  BIGINT NOT NULL,
    ended_at  BIGINT
);
CREATE UNIQUE INDEX handovers_one_running ON handovers (module) WHERE ended_at IS NULL;

-- Every state that a handover reached; only added to.
CREATE TABLE handover_journal (
    handover TEXT NOT NULL REFERENCES handovers (id),
    number   BIGINT NOT NULL,
    state    TEXT NOT NULL,
    at       BIGINT NOT NULL,
    details  TEXT NOT NULL,
    PRIMARY KEY (handover, number)
);

-- The re-checkable record of each finished handover.
CREATE TABLE receipts (
    id     TEXT PRIMARY KEY NOT NULL,
    module TEXT NOT NULL,
    at     BIGINT NOT NULL,
    body   TEXT NOT NULL
);
