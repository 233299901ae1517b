-- +goose Up

CREATE TABLE IF NOT EXISTS auth_attempts (
	bucket     VARBINARY(700) NOT NULL PRIMARY KEY,
	attempts   BIGINT         NOT NULL,
	since_at   BIGINT         NOT NULL,
	until_at   BIGINT         NOT NULL,
	expires_at BIGINT         NOT NULL,
	KEY auth_attempts_expires (expires_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
