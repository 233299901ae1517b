-- +goose Up
-- Every auth_ in this file stands for the prefix of the tables.
-- Times are microseconds since 1970-01-01 UTC. In last_login_at, deleted_at and
-- revoked_at, 0 is "never".

CREATE TABLE IF NOT EXISTS auth_users (
	id             text COLLATE "C" NOT NULL PRIMARY KEY,
	email          text COLLATE "C" NOT NULL,
	email_verified boolean          NOT NULL,
	name           text COLLATE "C" NOT NULL,
	password_hash  text COLLATE "C" NOT NULL,
	role           text COLLATE "C" NOT NULL,
	disabled       boolean          NOT NULL,
	epoch          bigint           NOT NULL,
	last_login_at  bigint           NOT NULL,
	created_at     bigint           NOT NULL,
	updated_at     bigint           NOT NULL,
	deleted_at     bigint           NOT NULL,
	metadata       text COLLATE "C" NOT NULL, -- a JSON object
	version        bigint           NOT NULL
);

-- An address belongs to one user who is not deleted.
CREATE UNIQUE INDEX IF NOT EXISTS auth_users_email ON auth_users (email) WHERE deleted_at = 0;

-- Lists, newest first; by role, by address, and of those who are gone.
CREATE INDEX IF NOT EXISTS auth_users_created ON auth_users (created_at, id);
CREATE INDEX IF NOT EXISTS auth_users_role ON auth_users (role, created_at, id);
CREATE INDEX IF NOT EXISTS auth_users_disabled ON auth_users (created_at, id) WHERE disabled;
CREATE INDEX IF NOT EXISTS auth_users_deleted ON auth_users (created_at, id) WHERE deleted_at <> 0;
