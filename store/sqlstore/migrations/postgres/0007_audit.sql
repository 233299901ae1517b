-- +goose Up

CREATE TABLE IF NOT EXISTS auth_audit (
	id         text COLLATE "C" NOT NULL PRIMARY KEY,
	chain      text COLLATE "C" NOT NULL,
	seq        bigint           NOT NULL,
	mac        bytea,
	at         bigint           NOT NULL,
	kind       text COLLATE "C" NOT NULL,
	actor_id   text COLLATE "C" NOT NULL,
	user_id    text COLLATE "C" NOT NULL,
	org_id     text COLLATE "C" NOT NULL,
	session_id text COLLATE "C" NOT NULL,
	ip         text COLLATE "C" NOT NULL,
	user_agent text COLLATE "C" NOT NULL,
	request_id text COLLATE "C" NOT NULL,
	attrs      text COLLATE "C" NOT NULL -- a JSON object of strings
);

CREATE UNIQUE INDEX IF NOT EXISTS auth_audit_chain ON auth_audit (chain, seq);
CREATE INDEX IF NOT EXISTS auth_audit_at ON auth_audit (at, id);
CREATE INDEX IF NOT EXISTS auth_audit_user ON auth_audit (user_id, at, id);
CREATE INDEX IF NOT EXISTS auth_audit_kind ON auth_audit (kind, at, id);

-- The end of each chain, kept apart from the entries, so that it shows when the
-- last of them are missing.
CREATE TABLE IF NOT EXISTS auth_audit_heads (
	chain text COLLATE "C" NOT NULL PRIMARY KEY,
	seq   bigint           NOT NULL,
	mac   bytea
);
