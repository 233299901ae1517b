-- +goose Up

CREATE TABLE IF NOT EXISTS auth_invites (
	id         TEXT    NOT NULL PRIMARY KEY,
	org_id     TEXT    NOT NULL,
	email      TEXT    NOT NULL,
	role       TEXT    NOT NULL,
	hash       BLOB    NOT NULL,
	invited_by TEXT    NOT NULL,
	status     TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS auth_invites_hash ON auth_invites (hash);
CREATE INDEX IF NOT EXISTS auth_invites_org ON auth_invites (org_id, created_at, id);
CREATE INDEX IF NOT EXISTS auth_invites_email ON auth_invites (email, status, created_at, id);
CREATE INDEX IF NOT EXISTS auth_invites_expires ON auth_invites (expires_at);
