-- A module may be on several nodes: their ids, with commas between them. One id is a list already.
ALTER TABLE placements RENAME COLUMN node_id TO nodes;
ALTER TABLE operations RENAME COLUMN node_id TO nodes;
