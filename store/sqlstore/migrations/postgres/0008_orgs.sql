-- +goose Up

CREATE TABLE IF NOT EXISTS auth_orgs (
	id          text COLLATE "C" NOT NULL PRIMARY KEY,
	name        text COLLATE "C" NOT NULL,
	slug        text COLLATE "C" NOT NULL,
	description text COLLATE "C" NOT NULL,
	created_at  bigint           NOT NULL,
	updated_at  bigint           NOT NULL,
	deleted_at  bigint           NOT NULL,
	version     bigint           NOT NULL
);

-- A slug belongs to one organization that is not deleted.
CREATE UNIQUE INDEX IF NOT EXISTS auth_orgs_slug ON auth_orgs (slug) WHERE deleted_at = 0;
CREATE INDEX IF NOT EXISTS auth_orgs_created ON auth_orgs (created_at, id);

CREATE TABLE IF NOT EXISTS auth_members (
	org_id    text COLLATE "C" NOT NULL,
	user_id   text COLLATE "C" NOT NULL,
	role      text COLLATE "C" NOT NULL,
	joined_at bigint           NOT NULL,
	PRIMARY KEY (org_id, user_id)
);

CREATE INDEX IF NOT EXISTS auth_members_joined ON auth_members (org_id, joined_at, user_id);
CREATE INDEX IF NOT EXISTS auth_members_user ON auth_members (user_id, joined_at, org_id);
CREATE INDEX IF NOT EXISTS auth_members_role ON auth_members (org_id, role);
