-- +goose Up

-- The roles that were given to the first user who asked, once and for good.
CREATE TABLE IF NOT EXISTS auth_claims (
	role    text COLLATE "C" NOT NULL PRIMARY KEY,
	user_id text COLLATE "C" NOT NULL
);

-- One row for each role somebody must hold. Whoever takes the role from a user
-- locks it first.
CREATE TABLE IF NOT EXISTS auth_role_guards (
	role  text COLLATE "C" NOT NULL PRIMARY KEY,
	turns bigint           NOT NULL
);
