-- +goose Up

CREATE TABLE IF NOT EXISTS auth_attempts (
	bucket     TEXT    NOT NULL PRIMARY KEY,
	attempts   INTEGER NOT NULL,
	since_at   INTEGER NOT NULL,
	until_at   INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS auth_attempts_expires ON auth_attempts (expires_at);
