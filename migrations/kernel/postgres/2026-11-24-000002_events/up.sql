-- What happened here that other modules want to know, written in the transaction in which it happened.
CREATE TABLE outbox (
    sequence  BIGINT PRIMARY KEY NOT NULL CHECK (sequence > 0),
    aggregate TEXT NOT NULL,
    kind      TEXT NOT NULL,
    data      TEXT NOT NULL,
    at        BIGINT NOT NULL
);

-- How far streams of events are: `published` here, `to:MODULE` delivered, `from:MODULE` taken in.
CREATE TABLE event_positions (
    name        TEXT PRIMARY KEY NOT NULL,
    sequence    BIGINT NOT NULL CHECK (sequence >= 0),
    lease_owner TEXT,
    lease_until BIGINT
);
