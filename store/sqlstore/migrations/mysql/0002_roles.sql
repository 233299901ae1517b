-- +goose Up

-- The roles that were given to the first user who asked, once and for good.
CREATE TABLE IF NOT EXISTS auth_claims (
	role    VARBINARY(255) NOT NULL PRIMARY KEY,
	user_id VARBINARY(255) NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One row for each role somebody must hold. Whoever takes the role from a user
-- locks it first.
CREATE TABLE IF NOT EXISTS auth_role_guards (
	role  VARBINARY(255) NOT NULL PRIMARY KEY,
	turns BIGINT         NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
