DROP TABLE event_positions;
DROP TABLE outbox;
