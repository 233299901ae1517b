-- +goose Up

CREATE TABLE IF NOT EXISTS auth_invites (
	id         VARBINARY(255) NOT NULL PRIMARY KEY,
	org_id     VARBINARY(255) NOT NULL,
	email      VARBINARY(512) NOT NULL,
	role       VARBINARY(255) NOT NULL,
	hash       VARBINARY(255) NOT NULL,
	invited_by VARBINARY(255) NOT NULL,
	status     VARBINARY(32)  NOT NULL,
	created_at BIGINT         NOT NULL,
	expires_at BIGINT         NOT NULL,
	UNIQUE KEY auth_invites_hash (hash),
	KEY auth_invites_org (org_id, created_at, id),
	KEY auth_invites_email (email, status, created_at, id),
	KEY auth_invites_expires (expires_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
