-- +goose Up

CREATE TABLE IF NOT EXISTS auth_identities (
	provider   VARBINARY(255) NOT NULL,
	subject    VARBINARY(512) NOT NULL,
	user_id    VARBINARY(255) NOT NULL,
	username   TEXT           NOT NULL,
	email      TEXT           NOT NULL,
	avatar_url TEXT           NOT NULL,
	created_at BIGINT         NOT NULL,
	PRIMARY KEY (provider, subject),
	UNIQUE KEY auth_identities_user (user_id, provider)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
