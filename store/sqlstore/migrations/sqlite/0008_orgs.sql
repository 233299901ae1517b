-- +goose Up

CREATE TABLE IF NOT EXISTS auth_orgs (
	id          TEXT    NOT NULL PRIMARY KEY,
	name        TEXT    NOT NULL,
	slug        TEXT    NOT NULL,
	description TEXT    NOT NULL,
	created_at  INTEGER NOT NULL,
	updated_at  INTEGER NOT NULL,
	deleted_at  INTEGER NOT NULL,
	version     INTEGER NOT NULL
) STRICT;

-- A slug belongs to one organization that is not deleted.
CREATE UNIQUE INDEX IF NOT EXISTS auth_orgs_slug ON auth_orgs (slug) WHERE deleted_at = 0;
CREATE INDEX IF NOT EXISTS auth_orgs_created ON auth_orgs (created_at, id);

CREATE TABLE IF NOT EXISTS auth_members (
	org_id    TEXT    NOT NULL,
	user_id   TEXT    NOT NULL,
	role      TEXT    NOT NULL,
	joined_at INTEGER NOT NULL,
	PRIMARY KEY (org_id, user_id)
) STRICT;

CREATE INDEX IF NOT EXISTS auth_members_joined ON auth_members (org_id, joined_at, user_id);
CREATE INDEX IF NOT EXISTS auth_members_user ON auth_members (user_id, joined_at, org_id);
CREATE INDEX IF NOT EXISTS auth_members_role ON auth_members (org_id, role);
