-- Whose this store is: one row. Who writes must present the epoch while the store is open, and is refused while it is sealed;
-- triggers on every table see to that. The rest belongs to a handover that runs: which one, up to which change of this
-- store's log others must have it (`position`), and up to which change of the other store's log it has them (`applied`).
CREATE TABLE ownership (
    id        INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    epoch     BIGINT NOT NULL CHECK (epoch >= 1),
    sealed    BOOLEAN NOT NULL,
    operation TEXT,
    position  BIGINT,
    applied   BIGINT
);
INSERT INTO ownership (id, epoch, sealed) VALUES (1, 1, FALSE);
