-- +goose Up

CREATE TABLE IF NOT EXISTS auth_audit (
	id         VARBINARY(255) NOT NULL PRIMARY KEY,
	chain      VARBINARY(255) NOT NULL,
	seq        BIGINT         NOT NULL,
	mac        VARBINARY(255),
	at         BIGINT         NOT NULL,
	kind       VARBINARY(255) NOT NULL,
	actor_id   VARBINARY(255) NOT NULL,
	user_id    VARBINARY(255) NOT NULL,
	org_id     VARBINARY(255) NOT NULL,
	session_id VARBINARY(255) NOT NULL,
	ip         TEXT           NOT NULL,
	user_agent TEXT           NOT NULL,
	request_id TEXT           NOT NULL,
	attrs      LONGTEXT       NOT NULL, -- a JSON object of strings
	UNIQUE KEY auth_audit_chain (chain, seq),
	KEY auth_audit_at (at, id),
	KEY auth_audit_user (user_id, at, id),
	KEY auth_audit_kind (kind, at, id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The end of each chain, kept apart from the entries, so that it shows when the
-- last of them are missing.
CREATE TABLE IF NOT EXISTS auth_audit_heads (
	chain VARBINARY(255) NOT NULL PRIMARY KEY,
	seq   BIGINT         NOT NULL,
	mac   VARBINARY(255)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
