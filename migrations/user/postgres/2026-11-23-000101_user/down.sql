DROP TABLE signing_keys;
DROP TABLE addresses;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE user_roles;
DROP TABLE users;
