-- +goose Up

CREATE TABLE IF NOT EXISTS auth_onetime (
	user_id    VARBINARY(255) NOT NULL,
	purpose    VARBINARY(255) NOT NULL,
	hash       VARBINARY(255) NOT NULL,
	email      TEXT           NOT NULL,
	epoch      BIGINT         NOT NULL,
	created_at BIGINT         NOT NULL,
	expires_at BIGINT         NOT NULL,
	PRIMARY KEY (user_id, purpose),
	UNIQUE KEY auth_onetime_hash (hash),
	KEY auth_onetime_expires (expires_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
