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
	dead_at          BIGINT GENERATED ALWAYS AS (
		CASE WHEN revoked_at = 0 THEN LEAST(expires_at, ends_at)
		ELSE LEAST(revoked_at, expires_at, ends_at) END) STORED,
	sealed_at        BIGINT GENERATED ALWAYS AS (IF(sealed IS NULL, NULL, rotated_at)) STORED,

	KEY auth_sessions_user (user_id, revoked_at, created_at, id),
	KEY auth_sessions_dead (dead_at),
	KEY auth_sessions_sealed (sealed_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
