DROP TABLE audit_log;
DROP TABLE operations;
DROP TABLE nodes;
DROP TABLE placements;
DROP TABLE route_generations;
