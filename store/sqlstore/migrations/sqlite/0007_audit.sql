-- +goose Up

CREATE TABLE IF NOT EXISTS auth_audit (
	id         TEXT    NOT NULL PRIMARY KEY,
	chain      TEXT    NOT NULL,
	seq        INTEGER NOT NULL,
	mac        BLOB,
	at         INTEGER NOT NULL,
	kind       TEXT    NOT NULL,
	actor_id   TEXT    NOT NULL,
	user_id    TEXT    NOT NULL,
	org_id     TEXT    NOT NULL,
	session_id TEXT    NOT NULL,
	ip         TEXT    NOT NULL,
	user_agent TEXT    NOT NULL,
	request_id TEXT    NOT NULL,
	attrs      TEXT    NOT NULL -- a JSON object of strings
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS auth_audit_chain ON auth_audit (chain, seq);
CREATE INDEX IF NOT EXISTS auth_audit_at ON auth_audit (at, id);
CREATE INDEX IF NOT EXISTS auth_audit_user ON auth_audit (user_id, at, id);
CREATE INDEX IF NOT EXISTS auth_audit_kind ON auth_audit (kind, at, id);

-- The end of each chain, kept apart from the entries, so that it shows when the
-- last of them are missing.
CREATE TABLE IF NOT EXISTS auth_audit_heads (
	chain TEXT    NOT NULL PRIMARY KEY,
	seq   INTEGER NOT NULL,
	mac   BLOB
) STRICT;
