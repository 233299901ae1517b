-- +goose Up

CREATE TABLE IF NOT EXISTS auth_invites (
	id         text COLLATE "C" NOT NULL PRIMARY KEY,
	org_id     text COLLATE "C" NOT NULL,
	email      text COLLATE "C" NOT NULL,
	role       text COLLATE "C" NOT NULL,
	hash       bytea            NOT NULL,
	invited_by text COLLATE "C" NOT NULL,
	status     text COLLATE "C" NOT NULL,
	created_at bigint           NOT NULL,
	expires_at bigint           NOT NULL
);

CREATE UNIQUE INDEX IF NOT EXISTS auth_invites_hash ON auth_invites (hash);
CREATE INDEX IF NOT EXISTS auth_invites_org ON auth_invites (org_id, created_at, id);
CREATE INDEX IF NOT EXISTS auth_invites_email ON auth_invites (email, status, created_at, id);
CREATE INDEX IF NOT EXISTS auth_invites_expires ON auth_invites (expires_at);
