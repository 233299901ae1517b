-- +goose Up

CREATE TABLE IF NOT EXISTS auth_orgs (
	id          VARBINARY(255) NOT NULL PRIMARY KEY,
	name        TEXT           NOT NULL,
	slug        VARBINARY(255) NOT NULL,
	description TEXT           NOT NULL,
	created_at  BIGINT         NOT NULL,
	updated_at  BIGINT         NOT NULL,
	deleted_at  BIGINT         NOT NULL,
	version     BIGINT         NOT NULL,
	live_slug   VARBINARY(255) GENERATED ALWAYS AS (IF(deleted_at = 0, slug, NULL)) STORED,

	-- A slug belongs to one organization that is not deleted.
	UNIQUE KEY auth_orgs_slug (live_slug),
	KEY auth_orgs_created (created_at, id)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS auth_members (
	org_id    VARBINARY(255) NOT NULL,
	user_id   VARBINARY(255) NOT NULL,
	role      VARBINARY(255) NOT NULL,
	joined_at BIGINT         NOT NULL,
	PRIMARY KEY (org_id, user_id),
	KEY auth_members_joined (org_id, joined_at, user_id),
	KEY auth_members_user (user_id, joined_at, org_id),
	KEY auth_members_role (org_id, role)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
