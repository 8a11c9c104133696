-- Whose this store is: one row. See the migration for SQLite; here nothing is held to it yet.
CREATE TABLE ownership (
    id        INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    epoch     BIGINT NOT NULL CHECK (epoch >= 1),
    sealed    BOOLEAN NOT NULL,
    operation TEXT,
    position  BIGINT,
    applied   BIGINT
);
INSERT INTO ownership (id, epoch, sealed) VALUES (1, 1, FALSE);
