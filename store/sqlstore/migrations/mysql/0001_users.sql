-- +goose Up
-- Every auth_ in this file stands for the prefix of the tables.
-- Times are microseconds since 1970-01-01 UTC. In last_login_at, deleted_at and
-- revoked_at, 0 is "never".
-- Keys are VARBINARY: they are compared byte for byte, trailing spaces included.

CREATE TABLE IF NOT EXISTS auth_users (
	id             VARBINARY(255) NOT NULL PRIMARY KEY,
	email          VARBINARY(512) NOT NULL,
	email_verified BOOLEAN        NOT NULL,
	name           TEXT           NOT NULL,
	password_hash  TEXT           NOT NULL,
	role           VARBINARY(255) NOT NULL,
	disabled       BOOLEAN        NOT NULL,
	epoch          BIGINT         NOT NULL,
	last_login_at  BIGINT         NOT NULL,
	created_at     BIGINT         NOT NULL,
	updated_at     BIGINT         NOT NULL,
	deleted_at     BIGINT         NOT NULL,
	metadata       LONGTEXT       NOT NULL, -- a JSON object
	version        BIGINT         NOT NULL,
	live_email     VARBINARY(512) GENERATED ALWAYS AS (IF(deleted_at = 0, email, NULL)) STORED,

	-- An address belongs to one user who is not deleted.
	UNIQUE KEY auth_users_email (live_email),

	-- Lists, newest first; by role, by address, and of those who are gone.
	KEY auth_users_created (created_at, id),
	KEY auth_users_role (role, created_at, id),
	KEY auth_users_disabled (disabled, created_at, id),
	KEY auth_users_deleted (deleted_at, created_at, id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
