-- +goose Up

-- The roles that were given to the first user who asked, once and for good.
CREATE TABLE IF NOT EXISTS auth_claims (
	role    TEXT NOT NULL PRIMARY KEY,
	user_id TEXT NOT NULL
) STRICT;

-- One row for each role somebody must hold. Whoever takes the role from a user
-- locks it first.
CREATE TABLE IF NOT EXISTS auth_role_guards (
	role  TEXT    NOT NULL PRIMARY KEY,
	turns INTEGER NOT NULL
) STRICT;
