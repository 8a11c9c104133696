DROP TABLE receipts;
DROP TABLE handover_journal;
DROP TABLE handovers;
ALTER TABLE placements DROP COLUMN moved;
ALTER TABLE placements DROP COLUMN store;
