-- +goose Up

CREATE TABLE IF NOT EXISTS auth_onetime (
	user_id    TEXT    NOT NULL,
	purpose    TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	email      TEXT    NOT NULL,
	epoch      INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (user_id, purpose)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS auth_onetime_hash ON auth_onetime (hash);
CREATE INDEX IF NOT EXISTS auth_onetime_expires ON auth_onetime (expires_at);
