ALTER TABLE operations RENAME COLUMN nodes TO node_id;
ALTER TABLE placements RENAME COLUMN nodes TO node_id;
