-- +goose Up
-- Every auth_ in this file stands for the prefix of the tables.
-- Times are microseconds since 1970-01-01 UTC. In last_login_at, deleted_at and
-- revoked_at, 0 is "never".

CREATE TABLE IF NOT EXISTS auth_users (
	id             TEXT    NOT NULL PRIMARY KEY,
	email          TEXT    NOT NULL,
	email_verified INTEGER NOT NULL,
	name           TEXT    NOT NULL,
	password_hash  TEXT    NOT NULL,
	role           TEXT    NOT NULL,
	disabled       INTEGER NOT NULL,
	epoch          INTEGER NOT NULL,
	last_login_at  INTEGER NOT NULL,
	created_at     INTEGER NOT NULL,
	updated_at     INTEGER NOT NULL,
	deleted_at     INTEGER NOT NULL,
	metadata       TEXT    NOT NULL, -- a JSON object
	version        INTEGER NOT NULL
) STRICT;

-- An address belongs to one user who is not deleted.
CREATE UNIQUE INDEX IF NOT EXISTS auth_users_email ON auth_users (email) WHERE deleted_at = 0;

-- Lists, newest first; by role, by address, and of those who are gone.
CREATE INDEX IF NOT EXISTS auth_users_created ON auth_users (created_at, id);
CREATE INDEX IF NOT EXISTS auth_users_role ON auth_users (role, created_at, id);
CREATE INDEX IF NOT EXISTS auth_users_disabled ON auth_users (created_at, id) WHERE disabled;
CREATE INDEX IF NOT EXISTS auth_users_deleted ON auth_users (created_at, id) WHERE deleted_at <> 0;
