-- +goose Up

CREATE TABLE IF NOT EXISTS auth_sessions (
	id               VARBINARY(255) NOT NULL PRIMARY KEY,
	user_id          VARBINARY(255) NOT NULL,
	method           TEXT           NOT NULL,
	generation       BIGINT         NOT NULL,
	hash             VARBINARY(255) NOT NULL,
	prev_hash        VARBINARY(255),
	sealed           BLOB,
	epoch            BIGINT         NOT NULL,
	user_agent       TEXT           NOT NULL,
	ip               TEXT           NOT NULL,
	authenticated_at BIGINT         NOT NULL,
	created_at       BIGINT         NOT NULL,
	rotated_at       BIGINT         NOT NULL,
	expires_at       BIGINT         NOT NULL,
	ends_at          BIGINT         NOT NULL,
	revoked_at       BIGINT         NOT NULL,
	dead_hour        BIGINT GENERATED ALWAYS AS (
		CASE WHEN revoked_at = 0 THEN LEAST(expires_at, ends_at)
		ELSE LEAST(revoked_at, expires_at, ends_at) END DIV 3600000000) STORED,
	unwiped          TINYINT GENERATED ALWAYS AS (IF(sealed IS NULL, NULL, 1)) STORED,

	-- No key has a column that every rotation changes: most rotations write the row
	-- and no key.
	KEY auth_sessions_user (user_id, revoked_at, created_at, id),

	-- To find what is dead, by the hour.
	KEY auth_sessions_dead (dead_hour),

	-- To find what is to be wiped: the sessions rotated within the last minute or so.
	KEY auth_sessions_sealed (unwiped)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
